"""The server of a branch crashes after it has prepared: it keeps its promise."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.engines.mariadb import server as mariadb
from acidity.engines.postgresql import server as postgresql
from tests.run.twophase.conftest import pair_on
from tests.run.twophase.faults import Strike, is_there, judge, steps_of, told
from tests.run.twophase.programs import NUMBERS, checkout


@pytest.mark.slow
@pytest.mark.parametrize("step", ["do_commit", "do_commit_twophase"])
@pytest.mark.parametrize("start", [postgresql.start, mariadb.start], ids=["postgresql", "mariadb"])
def test_the_server_of_a_prepared_branch_crashes(start: Any, step: str) -> None:
    with start(dedicated=True) as server, pair_on("postgresql", server.url()) as pair:
        at = steps_of(pair.urls, checkout, next(NUMBERS)).index(step) + 1
        number, strike = next(NUMBERS), Strike(at, lambda _: server.restart())
        assert told(pair.urls, checkout, strike, number) == "ok"
        assert list(judge(pair.engines, number, "ok")) == []
        assert all(is_there(engine, number) for engine in pair.engines.values())

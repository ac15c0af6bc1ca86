"""M7: what a private server writes is for its owner alone, also when root runs it."""

from __future__ import annotations

import stat

import pytest

from tests.engines.served import Engine

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.one_server]


def test_m7_logs_and_directories_are_private(engine: Engine) -> None:
    with engine.start() as server:
        assert server.directory is not None
        place = server.directory.parents[1]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.iterdir())}
        engine.ask(server, "SELECT 1")  # it runs there
    assert "log" in modes
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o067} == {}

"""`atomic` on Python 3.12 or newer, in an environment of its own where the tests run on an older one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.quality.published.legs import NotRun, environment, run
from tests.quality.published.manifest import PYTHON312
from tests.quality.trap_table import rows


def there(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "db"),
    [
        ("caught_without_effect", "sqlite"),
        ("resolved", "postgresql"),
        ("resolved", "sqlite"),
        ("caught_without_effect", "postgresql+asyncpg"),
    ],
)
def test_the_drill_passes(program: str, db: str) -> None:
    report = there(lambda: PYTHON312.drill(f"tests.run.peers:{program}", db))
    assert report["verdict"] == "pass", report["text"]


@pytest.mark.slow
def test_a_driver_that_begins_by_itself_is_refused() -> None:
    (said,) = [row.atomic for row in rows() if row.number == 2]
    ended = there(lambda: run([environment(PYTHON312), "-m", "tests.run.python312"]))
    assert ended.stdout.startswith(f"{said}: autocommit=False"), ended

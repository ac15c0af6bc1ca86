"""What several test modules of this folder ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from acidity.prove import Scenario
from acidity.prove.stage.stage import Stage
from tests.quality.random_callers import BASE
from tests.quality.staged import StageAt


@pytest.fixture(scope="module")
def stage_at() -> Iterator[StageAt]:
    """A Stage at an engine and level; the one before is closed, since its connections would be foreign ones."""
    opened: dict[tuple[str, str, int], Stage] = {}
    with ExitStack() as stack:

        def stage(db: str, level: str, base: Scenario = BASE) -> Stage:
            if (db, level, id(base)) not in opened:
                stack.close()
                opened.clear()
                settings = {"journal_mode": level} if db == "sqlite" else {}
                imposed = None if db == "sqlite" else level
                opened[db, level, id(base)] = stack.enter_context(Stage(base, db, settings, imposed, 30.0))
            return opened[db, level, id(base)]

        yield stage

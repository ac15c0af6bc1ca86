"""Stages of random callers at an engine and level, and the relation that is measured there."""

from __future__ import annotations

from typing import Protocol

from acidity.prove import Scenario
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.stage.stage import Stage
from tests.quality.random_callers import BASE


class StageAt(Protocol):
    """Gives a Stage."""

    def __call__(self, db: str, level: str, base: Scenario = BASE) -> Stage:
        """For this engine and level."""


def relation_at(db: str, level: str) -> Relation:
    found = family_of(db, level)
    assert found is not None
    return found

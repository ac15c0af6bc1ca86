"""Sagas whose steps note that they were called, and with what; and the balances that they leave."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from acidity.run import (
    Saga,
    SagaStep,
)
from tests.run.trip import Refused


class Notes(list[Any]):
    """What was called, with what it was told."""

    def taking(self, name: str, *, fails: int = 0, with_: type[BaseException] = Refused) -> Any:
        """A step or compensation that fails so many times."""
        left = [fails]

        def function(session: Session, step: SagaStep) -> str:
            self.append((name, step))
            if left[0]:
                left[0] -= 1
                raise with_(f"{name} does not go")
            return f"{name}!"

        function.__name__ = name
        return function

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]


def saga_of(notes: Notes, engine: Any, *steps: Any, **options: Any) -> Saga:
    """Steps as names, or as (name, options); ``-name`` compensates, unless the name ends with ``|``, the pivot."""
    made = Saga(engine, "trip", **options)
    for each in steps:
        name, how = each if isinstance(each, tuple) else (each, {})
        if name.endswith("|"):
            made.step()(notes.taking(name.rstrip("|"), **how))
        else:
            external, undo = how.pop("external", False), how.pop("undo", {})
            made.step(compensate=notes.taking(f"-{name}", **undo), external=external)(notes.taking(name, **how))
    return made

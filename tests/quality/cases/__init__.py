"""Faults that others reported in public, as small programs; each with what must be said of it and of its right twin.

Two reports are not here. A backup that copies the main file of a database in WAL mode and misses what is in ``-wal`` writes
to another file: that is for `crash` with ``files=``. Of a lost update (`charged`) and of
a deadlock (`ordered`) one caller shows nothing: the drill passes both forms, and letter I does not (`TOGETHER`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from acidity.core.cause import CauseKind
from acidity.prove import Operation, Scenario


@dataclass(frozen=True)
class Case:
    """A program and what must be said of it.

    Attributes:
        operation: the program.
        scenario: arguments of its Scenario.
        words: the words of all errors, by engine; ``""`` is any engine. Empty: it passes.
        kind: the kind of cause of its first error.
        marker: the comment on the line where that became permanent.
        remedy: the change that ends it, by its key; empty where none that is tried does.
        engines: on which it is drilled.
        faults: which are tried.
    """

    operation: Operation | Callable[..., Any]
    scenario: Mapping[str, Any]
    engines: tuple[str, ...]
    faults: tuple[str, ...]
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kind: CauseKind | None = None
    marker: str = ""
    remedy: str = ""

    @property
    def name(self) -> str:
        """The function's module and name."""
        operation = self.operation
        function = operation.function if isinstance(operation, Operation) else operation
        name = operation.name if isinstance(operation, Operation) else function.__name__
        return f"{function.__module__.rpartition('.')[2]}:{name}"

    def described(self) -> Scenario:
        """The Scenario."""
        return Scenario(self.operation, **self.scenario)

    def expected(self, db: str) -> frozenset[str]:
        """The words of all errors on an engine."""
        return self.words.get(db, self.words.get("", frozenset()))


TORN = {"": frozenset({"torn"})}
BROKEN = {"": frozenset({"torn", "inconsistent"})}

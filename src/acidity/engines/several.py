"""Several Sandboxes as one `Ground`: reset, read, watched and dropped together, each table under its database's name.

What concerns one connection is asked of its own Sandbox; here is only what a check asks of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain

from acidity.core.call import History
from acidity.core.outcome import State, Table, Violation
from acidity.core.report import EngineInfo
from acidity.engines.base import Look, Sandbox

JOINED = " + "
References = Mapping[str, Mapping[str, tuple[str, str]]]


class Several:
    """The databases of one scenario; see `Ground` for what the methods promise.

    Args:
        parts: a Sandbox for each name.
        references: table → column → (table, column) of another database, all with their database's name in front.
    """

    def __init__(self, parts: Mapping[str, Sandbox], references: References) -> None:
        self.parts = dict(parts)
        self._references = references

    def reset(self) -> None:
        """One after the other: nobody is connected who could see it half done."""
        for part in self.parts.values():
            part.reset()

    def keys_ahead(self, by: Mapping[str, int] | None) -> Mapping[str, int]:
        """In each of them; they may be as far ahead in two."""
        found: dict[str, int] = {}
        for name, part in self.parts.items():
            its = (
                None
                if by is None
                else {place: by[f"{name}.{place}"] for place in part.keys_ahead(None) if f"{name}.{place}" in by}
            )
            found.update({f"{name}.{place}": ahead for place, ahead in part.keys_ahead(its).items()})
        return found

    def look(self) -> Look:
        """The rows of all."""
        looks = {name: part.look() for name, part in self.parts.items()}
        together = self.together({name: look.state for name, look in looks.items()})
        beyond = tuple(f"{name}: {what}" for name, look in looks.items() for what in look.beyond)
        return Look(together, any(look.locked_out for look in looks.values()), beyond)

    def together(self, states: Mapping[str, State]) -> State:
        """One State of the States of all, in which tables are called ``database.table``."""
        tables = {
            f"{name}.{table}": _named(name, rows)
            for name, state in states.items()
            for table, rows in state.tables.items()
        }
        for table, references in self._references.items():
            if table in tables:
                tables[table] = replace(tables[table], references={**tables[table].references, **references})
        return State(tables)

    def close(self) -> None:
        """Drop every database, whatever becomes of the others."""
        with ExitStack() as stack:  # each, whatever becomes of the others
            for part in self.parts.values():
                stack.callback(part.close)

    def info(self) -> EngineInfo:
        """The engines by name, and under the name of each database what it is."""
        infos = {name: part.info() for name, part in self.parts.items()}
        engines = dict.fromkeys(info.name for info in infos.values())
        described = {name: " ".join(filter(None, _described(info))) for name, info in infos.items()}
        return EngineInfo(JOINED.join(engines), "", "", described)

    def violations(self) -> tuple[Violation, ...]:
        """What is broken in each database; foreign keys do not reach from one to another."""
        named = ((name, part.violations()) for name, part in self.parts.items())
        return tuple(replace(each, seen=f"{name}: {each.seen}") for name, broken in named for each in broken)

    def constraints(self) -> int:
        """How many constraints all databases declare."""
        return sum(part.constraints() for part in self.parts.values())

    def left_out(self) -> tuple[str, ...]:
        """Of all, with the database in front."""
        return tuple(f"{name}.{table}" for name, part in self.parts.items() for table in part.left_out())

    def remember(self, history: History) -> None:
        """Each its own: two databases of one server have different names for the branches of one transaction."""
        for name, part in self.parts.items():
            part.remember(tuple(event for event in history if event.call.database in {name, ""}))

    def in_doubt(self) -> tuple[str, ...]:
        """Of all, with the database in front."""
        return tuple(f"{name}: {found}" for name, part in self.parts.items() for found in part.in_doubt())

    @contextmanager
    def passing_locks(self) -> Iterator[None]:
        """Each past its own."""
        with ExitStack() as stack:
            for part in self.parts.values():
                stack.enter_context(part.passing_locks())
            yield

    def locked(self) -> frozenset[str]:
        """Of all, with the database in front."""
        return frozenset(f"{name}.{table}" for name, part in self.parts.items() for table in part.locked())

    @contextmanager
    def through_proxy(self) -> Iterator[None]:
        """Each through its own, so that one can be cut and the others not."""
        with ExitStack() as stack:
            for part in self.parts.values():
                stack.enter_context(part.through_proxy())
            yield

    @contextmanager
    def watch(self, refuse: Callable[[str], None]) -> Iterator[list[str]]:
        """What bypasses the seam to any of them."""
        seen: list[str] = []
        found: list[list[str]] = []
        try:
            with ExitStack() as stack:
                found.extend([stack.enter_context(part.watch(refuse)) for part in self.parts.values()])
                yield seen
        finally:
            seen.extend(chain.from_iterable(found))


def _named(name: str, table: Table) -> Table:
    references = {column: (f"{name}.{parent}", key) for column, (parent, key) in table.references.items()}
    return replace(table, references=references)


def _described(info: EngineInfo) -> list[str]:
    settings = ", ".join(f"{key} {value}" for key, value in info.settings.items())
    return [info.name, info.version, info.driver and f"through {info.driver}", settings and f"({settings})"]

"""What a program sets by itself and what gives durability up: no setting of the database helps against it.

It is asked of the program's own connection, just before its COMMITs, since most programs set it in a hook where they
connect; and before and after each Call that names it, since that may only read it. A trial of the change sets it back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Call, Site
from acidity.engines.durability import DEFAULTS, Settings
from acidity.engines.own_calls import own_calls

_LEVELS = {"0": "off", "1": "normal", "2": "full", "3": "extra"}  # as SQLite answers
_WEAK: Mapping[str, Mapping[str, frozenset[str]]] = {
    "sqlite": {"journal_mode": frozenset({"off", "memory"}), "synchronous": frozenset({"off", "normal"})},
    "postgresql": {"synchronous_commit": frozenset({"off"})},
}
_ASKED = {"sqlite": "PRAGMA {}", "postgresql": "SHOW {}"}
_SET = {"sqlite": "PRAGMA {} = {}", "postgresql": "SET {} = {}"}
_PRAGMAS = {"synchronous", "journal_mode"}


@dataclass(frozen=True, slots=True)
class Own:
    """A setting of the program's own.

    Attributes:
        name: of the setting, in lower case.
        value: of it.
        kept: what the database has.
        site: the line that set it; None where no Call of the operation did.
    """

    name: str
    value: str
    kept: str
    site: Site | None = None

    def __str__(self) -> str:
        return f"{self.name}={self.value.upper()}"

    @property
    def said(self) -> str:
        """Who set it, as a sentence without a full stop."""
        return f"{self.site} sets {self}" if self.site else f"{self} holds, {self._elsewhere}"

    @property
    def _elsewhere(self) -> str:
        """Where it may be set if no line of the operation does."""
        return f"which is set at the connect{'' if self.name in _PRAGMAS else ', in the schema or in a function'}"

    @property
    def left_out(self) -> str:
        """The change."""
        return f"leave out {self} at {self.site}" if self.site else f"leave out {self}, {self._elsewhere}"


@dataclass(slots=True)
class Noticing(Layer):
    """Before each COMMIT asks what holds on its connection.

    Attributes:
        given: what the database was set to.
        weak: what is weaker on the program's own connection, by name.
        sites: the line that set a value, by name and value.
    """

    given: Settings
    weak: dict[str, str] = field(default_factory=dict)
    sites: dict[tuple[str, str], Site | None] = field(default_factory=dict)

    def intercept(self, pending: PendingCall) -> None:
        """Ask, and let it pass."""
        wire, call = pending.wire, pending.call
        if wire is None:
            self.inner.intercept(pending)
            return
        asked = _WEAK.get(wire.engine, {})
        for name, values in asked.items() if call.commits else ():
            value = _in_force(wire, name)
            if value in values and value != _kept(wire.engine, self.given, name):
                self.weak[name] = value
        before = {name: _in_force(wire, name) for name in asked if _names(call, name)}
        self.inner.intercept(pending)
        for name, value in before.items():
            if (now := _in_force(wire, name)) != value:
                self.sites[name, now] = call.decided or call.site

    def found(self, engine: str) -> tuple[Own, ...]:
        """What the operation runs with, and where it was set."""
        return tuple(
            Own(name, value, _kept(engine, self.given, name), self.sites.get((name, value)))
            for name, value in sorted(self.weak.items())
        )


def _kept(engine: str, given: Settings, name: str) -> str:
    return {**DEFAULTS[engine], **{each.lower(): value for each, value in given.items()}}[name].lower()


def _in_force(wire: LiveConnection, name: str) -> str:
    with own_calls(), suppress(Exception):  # every driver has its own; in a failed transaction nothing is answered
        cursor = wire.connection.cursor()
        try:
            cursor.execute(_ASKED[wire.engine].format(name))
            value = str(cursor.fetchone()[0]).lower()
        finally:
            cursor.close()
        return _LEVELS.get(value, value)
    return ""


def _names(call: Call, name: str) -> bool:
    return re.search(rf"\b{name}\b", call.sql, re.IGNORECASE) is not None


@dataclass(slots=True)
class Insisting(Layer):
    """Sets back what the program has set, as if it had not: outside a transaction, or where that is allowed within.

    Attributes:
        settings: to what.
    """

    settings: Settings

    def intercept(self, pending: PendingCall) -> None:
        """Set it, and let the Call pass."""
        wire = pending.wire
        if wire is not None and (pending.call.commits if wire.engine == "postgresql" else not wire.in_transaction()):
            for name, value in self.settings.items():
                wire.sends(_SET[wire.engine].format(name, value))  # what is not set back ends nothing
        self.inner.intercept(pending)


def insisting(settings: Settings) -> Callable[[], Insisting]:
    """Makes such a Layer for each run."""
    return lambda: Insisting(settings)


def told(cause: str, own: Sequence[Own]) -> str:
    """A cause, after what the program has set itself."""
    return ": ".join([*([" and ".join(each.said for each in own)] if own else []), cause])

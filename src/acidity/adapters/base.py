"""What an `Adapter` is: it brings the calls of one kind of library to the seam while a check lasts.

The `Stage` installs every adapter of the registry and never asks which library it is for. What one run opened must not
reach the next, so an adapter remembers it until `Adapter.forget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Protocol

from sqlalchemy.engine import Engine

from acidity.adapters.site import find_place
from acidity.engines.base import Ground, Sandbox
from acidity.errors import ForeignDatabase


def of_nobody(what: str) -> str:
    """How a Call or an effect of a thread is told that nobody knows, with its line and a remedy."""
    place = find_place()
    at = f" at {place.site}" if place is not None and place.site is not None else ""
    remedy = (
        "a thread that serves several runs works for the operation where contextvars.copy_context().run does, and is "
        "to be started anew where os.getpid() is another"
    )
    return f"{what} by a thread or task that belongs to no operation{at} ({remedy})"


class Gatekeeper(Protocol):
    """Who decides where an operation may connect to while it runs.

    Attributes:
        sandbox: all databases of the check.
        parts: each of them by name.
    """

    sandbox: Ground
    parts: Mapping[str, Sandbox]

    def refuse(self, error: ForeignDatabase) -> None:
        """Note that a connection pointed elsewhere, also when the operation swallows the error."""


def destination(gatekeeper: Gatekeeper, dialect_name: str, cargs: Any, cparams: Any) -> Sandbox | None:
    """The database that these connect arguments lead to; None when it is not ours."""
    return next((part for part in gatekeeper.parts.values() if part.is_target(dialect_name, cargs, cparams)), None)


def describe_target(gatekeeper: Gatekeeper, dialect_name: str, cargs: Any, cparams: Any) -> str:
    """Where connect arguments lead to that are not ours, for a message; no secrets."""
    parts = list(gatekeeper.parts.values())
    fitting = next((part for part in parts if part.serves(dialect_name)), parts[0])
    return fitting.describe_target(dialect_name, cargs, cparams)


def leads_elsewhere(gatekeeper: Gatekeeper, part: Sandbox, sql: str) -> str:
    """Which database that is not ours the statement would open; nothing if there is none."""
    where = part.leads_to(sql)
    if not where:  # as for every Call but a few
        return ""
    others = (other for other in gatekeeper.parts.values() if other.engine_name == part.engine_name)
    return where if all(other.leads_to(sql) for other in others) else ""


class Adapter(Protocol):
    """Brings the calls of one kind of library to the seam.

    Attributes:
        armed: an operation runs; what it does is asked about, recorded and refused. Otherwise everything passes.
    """

    armed: bool

    def install(self) -> None:
        """Put every hook in place."""

    def remove(self) -> None:
        """Take every hook back."""

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """Connections of this Sandbox that the run opened and that may still be open, as the Sandbox takes them."""

    def bypasses(self) -> list[str]:
        """What reached the Sandbox in this run without passing the seam, in words."""

    def strangers(self, sandbox: Sandbox) -> bool:
        """Whether a stranger with a connection of its own may meet what was left open here."""

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """The engines of the run that lead to this Sandbox, whose pools a stranger has to visit."""

    def pooled(self, sandbox: Sandbox) -> int | None:
        """How many connections to the Sandbox lie idle in pools where no code of the program hears of a stranger.

        Returns:
            Their number; None where a connection is taken, or where it cannot be said what taking one would do.
        """

    def redirecting(self, engine: Engine, sandbox: Sandbox) -> AbstractContextManager[None]:
        """Point an engine of the program at a Sandbox while the context lasts, if this adapter knows its library."""

    def forget(self) -> None:
        """Close whatever the run left open."""

    def holds(self) -> bool:
        """Whether somebody has opened a connection that `forget` has not closed."""

    def release(self) -> None:
        """Let go of what the operation made for itself."""


class Bystander:
    """An `Adapter` that brings no Calls: it has no connections and no engines, and only watches.

    Args:
        gatekeeper: decides where operations may connect to.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self.gatekeeper = gatekeeper
        self.armed = False

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """It opens none."""
        del sandbox
        return []

    def bypasses(self) -> list[str]:
        """It knows of none."""
        return []

    def strangers(self, sandbox: Sandbox) -> bool:
        """It has left nothing open."""
        del sandbox
        return False

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """It has none."""
        del sandbox
        return []

    def pooled(self, sandbox: Sandbox) -> int:
        """It has no pools."""
        del sandbox
        return 0

    def redirecting(self, engine: Engine, sandbox: Sandbox) -> AbstractContextManager[None]:
        """It knows no library."""
        del engine, sandbox
        return nullcontext()

    def forget(self) -> None:
        """It keeps nothing of a run."""

    def holds(self) -> bool:
        """It knows of none."""
        return False

    def release(self) -> None:
        """It keeps nothing of an operation."""


class Adapters:
    """Several adapters as one."""

    def __init__(self, parts: Iterable[Adapter]) -> None:
        self._parts = list(parts)

    def install(self) -> None:
        """Put every hook in place."""
        for part in self._parts:
            part.install()

    def remove(self) -> None:
        """Take every hook back."""
        for part in reversed(self._parts):
            part.remove()

    @contextmanager
    def arming(self) -> Iterator[None]:
        """An operation runs in this context."""
        for part in self._parts:
            part.armed = True
        try:
            yield
        finally:
            for part in self._parts:
                part.armed = False

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """Connections of this Sandbox that the run opened."""
        return [connection for part in self._parts for connection in part.opened(sandbox)]

    def bypasses(self) -> list[str]:
        """What did not pass the seam."""
        return [words for part in self._parts for words in part.bypasses()]

    def strangers(self, sandbox: Sandbox) -> bool:
        """Whether a stranger has to come over a connection of their own."""
        return any(part.strangers(sandbox) for part in self._parts)

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """The engines of the run that lead to this Sandbox."""
        return [engine for part in self._parts for engine in part.engines_of(sandbox)]

    def pooled(self, sandbox: Sandbox) -> int | None:
        """How many connections lie idle in pools; None where some adapter cannot say what taking one would do."""
        found = [part.pooled(sandbox) for part in self._parts]
        return None if None in found else sum(filter(None, found))

    @contextmanager
    def redirecting(self, engine: Engine, sandbox: Sandbox) -> Iterator[None]:
        """Point an engine of the program at a Sandbox."""
        with ExitStack() as stack:
            for part in self._parts:
                stack.enter_context(part.redirecting(engine, sandbox))
            yield

    def forget(self) -> None:
        """Close whatever the run left open."""
        for part in self._parts:
            part.forget()

    def holds(self) -> bool:
        """Whether somebody has opened a connection that `forget` has not closed."""
        return any(part.holds() for part in self._parts)

    def release(self) -> None:
        """Let go of what the operation made for itself."""
        for part in self._parts:
            part.release()

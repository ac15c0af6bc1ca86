"""`Life`: a throw-away database from its creation to its end; `Ground` is what several of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from acidity.core.call import History
from acidity.core.outcome import State, Violation
from acidity.core.report import EngineInfo


@dataclass(frozen=True, slots=True)
class Look:
    """What an independent connection saw.

    Attributes:
        state: the committed rows.
        locked_out: an open transaction kept every other reader out; the rows were read past its lock.
        beyond: what belongs to the database and was not compared, in words; a run that has it is undecided.
    """

    state: State
    locked_out: bool = False
    beyond: tuple[str, ...] = ()


class Unsettled(BaseException):
    """Something still works on what was asked of it; a verdict (unknown) that no ``except Exception`` may swallow."""


class Ground(Protocol):
    """What a check stands on: one throw-away database, or several that are asked together."""

    def reset(self) -> None:
        """Bring the rows before back, whatever a run did; nobody is connected."""

    def keys_ahead(self, by: Mapping[str, int] | None) -> Mapping[str, int]:
        """Each `reset` lets new keys begin further on, as after others that were taken back; nothing takes that back.

        Args:
            by: by how much at each place where the database numbers rows; None for all of them, no two alike.

        Returns:
            By how much they do; nothing where the database uses no key up.
        """

    def look(self) -> Look:
        """Read every table over an independent connection."""

    def close(self) -> None:
        """Drop the database and everything that belongs to it; may be called twice."""

    def info(self) -> EngineInfo:
        """Engine, version and the settings that a report must name."""

    def violations(self) -> tuple[Violation, ...]:
        """Rows that break a declared constraint, checked anew even where the engine does not enforce it."""

    def constraints(self) -> int:
        """How many constraints the schema declares."""

    def left_out(self) -> tuple[str, ...]:
        """Tables that are not compared, and why that is right: for a note of the report."""

    def remember(self, history: History) -> None:
        """These Calls were made: they tell what a look has to ask for, and how prepared transactions are called."""

    def in_doubt(self) -> tuple[str, ...]:
        """The names of prepared transactions that nobody has decided; `reset` and `close` roll them back."""

    def passing_locks(self) -> AbstractContextManager[None]:
        """In this context `look` takes the rows of tables that are `locked` from the look before.

        So they are as they are committed, if there has been a look since the last COMMIT before they were locked.
        """

    def locked(self) -> frozenset[str]:
        """In that context: the tables that a transaction keeps everybody out of, readers too, until it ends."""

    def through_proxy(self) -> AbstractContextManager[Any]:
        """Connections made in this context go through a proxy that can cut them, where there is a wire."""

    def watch(self, refuse: Callable[[str], None]) -> AbstractContextManager[list[str]]:
        """Notice connections and statements that bypass the seam; gives the list that fills up."""


class Life(Ground, Protocol):
    """A database that acidity created: seeded, reset, read and dropped by it, and by nobody else.

    Attributes:
        engine_name: of its engine.
        name: what the scenario calls it; empty where it is the only one.
        exact: a reset also brings back what no row shows, on which the order of locks, the victims of deadlocks and
            generated keys depend; it costs about twice as much.
        lasting: a connection that stays open over a reset sees the rows before again.
        looks_for_cycles_s: in how many seconds one of which `about_to_wait` was said has looked for a cycle once it has
            begun to wait; until then it may find one that another one has closed. 0 where nobody looks.
    """

    engine_name: str
    name: str
    exact: bool
    lasting: bool
    looks_for_cycles_s: float

    def url(self, *, asynchronous: bool = False) -> str:
        """The SQLAlchemy URL of this database."""

    def dsn(self, *, asynchronous: bool = False) -> Any:
        """What the connect function of the driver takes: a path, a URL of libpq, or keyword arguments."""

    def driver(self, *, asynchronous: bool = False) -> str:
        """The module of the driver that acidity connects with."""

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables, write the rows before, and keep them as what `reset` returns to.

        Raises:
            UsageError: the schema reaches for a database that is not its own to make.
        """

    def before_url(self) -> str:
        """A URL of the rows before, read-only."""

    def before_options(self) -> Mapping[str, Any]:
        """What else an engine on that URL takes."""

    def traits(self) -> Mapping[str, Any]:
        """Facts about this database on which faults depend (``journal_mode``, ``deferred``, …), and ``unprotected``:
        tables whose storage engine has no transactions, with its name..
        """

    def impose(self, level: str) -> bool:
        """Begin transactions at this isolation level from now on, whoever opens the connection and says no other one.

        Returns:
            Whether the engine can; otherwise nothing was changed.
        """

    def choose_victims(self) -> None:
        """From now on, let whoever closes a cycle of waits be its victim, where the engine would let chance decide."""

    def about_to_wait(self, dbapi_connection: Any) -> None:
        """What this connection asks next may close a cycle of waits: let it be the victim then."""

    def interrupt(self, opened: Iterable[Any], *, everything: bool) -> None:
        """Let what these connections wait for in a driver's C code end; from another thread, over a session of its own.

        Args:
            opened: connections of operations.
            everything: the sessions of acidity itself end, too.
        """

    def connect_beside(self, limit_s: float = 0) -> Any:
        """A second driver connection for a real fault; `close` of the sandbox ends it at the latest.

        Args:
            limit_s: a statement that takes longer than this many seconds ends with an error; 0 for no such limit.
        """

    def harmless_write(self) -> str:
        """A statement that writes and changes no row: the unit of work of a stranger."""

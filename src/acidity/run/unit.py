"""One unit of work: one session, one connection, one COMMIT; and what it admits while it lasts.

Everything here is plain SQLAlchemy and runs as it is under asyncio, in a greenlet; `course` says in which order. The
session's own ``commit``, ``rollback`` and ``close`` are covered while the unit lasts, and its "begin when needed"
afterwards: without that, a session that is used too late begins a transaction that nobody will ever commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NoReturn

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.engines.codes import code_of
from acidity.errors import AcidityError
from acidity.run import guard, server, sqlite
from acidity.run.context import caller
from acidity.run.decide import state_after_commit_error
from acidity.run.errors import BoundaryError, DeadlineExceeded, InvariantBroken, SharedUnit, UnitPoisoned, UsedAfterEnd
from acidity.run.failures import Failures
from acidity.run.marker import Marker
from acidity.run.state import State, may_follow
from acidity.run.target import Target

logger = logging.getLogger("acidity.run")
monotonic = time.monotonic
Transition = Callable[["Unit", State, State], Any]
_COVERED = ("commit", "rollback", "close", "reset", "invalidate", "prepare")
_INSTEAD = "atomic() sends the one COMMIT when the block ends; to undo everything, raise"


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked of a unit; see `atomic` for the meaning of each."""

    isolation_level: str | None = None
    read_only: bool = False
    timeout: float | None = None
    invariants: Sequence[Callable[[Any], Any]] = ()
    on_transition: Transition | None = None


@dataclass(eq=False)
class Unit:
    """A unit of work, from its first statement to the reply to its COMMIT.

    Attributes:
        target: the database.
        terms: what was asked for.
        marker: the row by which it is recognised, if it has one.
        state: where it stands.
        session: what the user's code works with, an `AsyncSession` on an async target.
        owner: the thread and task that began it.
        failures: what the database answered with an error.
        after: functions to call once COMMIT is confirmed.
        one_of_several: it is a branch of a two-phase commit.
    """

    one_of_several: ClassVar[bool] = False

    target: Target
    terms: Terms = field(default_factory=Terms)
    marker: Marker | None = None
    state: State = State.ACTIVE
    session: Any = None
    owner: tuple[int, Any] = field(default_factory=caller)
    failures: Failures = field(default_factory=Failures)
    after: list[Callable[[], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._own = True  # statements are the unit's, not the user's
        self._committing = self._commit_sent = self._ending = False
        self._poison: BaseException | None = None
        self._connection: Connection | None = None
        self._lasting: list[str] = []
        timeout = self.terms.timeout
        self._deadline = None if timeout is None else monotonic() + timeout

    # The way it goes

    @property
    def plain(self) -> Session:
        """The plain session, also under an `AsyncSession`."""
        session: Session = getattr(self.session, "sync_session", self.session)
        return session

    @property
    def connection(self) -> Connection:
        """The one connection."""
        assert self._connection is not None, "begin() comes first"
        return self._connection

    @property
    def begin_kind(self) -> str:
        """How SQLite is to begin: a writer waits for its turn before it reads."""
        return "DEFERRED" if self.terms.read_only else "IMMEDIATE"

    def begin(self) -> None:
        """Open the session, begin for real, set the level and verify it, write the marker."""
        terms, dialect = self.terms, self.target.engine.dialect.name
        guard.watch(self.target.key)
        self.session = self.target.make()
        options: dict[str, Any] = {guard.UNIT: self}
        if terms.isolation_level and dialect != "sqlite":
            options["isolation_level"] = terms.isolation_level
        self._connection = connection = self._connect(options)
        if dialect == "sqlite":
            sqlite.begin_on(connection, self.begin_kind)
        if terms.isolation_level:
            server.verify_level(connection, terms.isolation_level)
        self._lasting = server.lasting_settings(connection, read_only=terms.read_only, timeout=terms.timeout)
        if terms.read_only:
            server.make_read_only(connection)
        if terms.timeout is not None:
            server.limit_time(connection, terms.timeout)
        if self.marker is not None:
            self.marker.insert(connection)
        for name in _COVERED:
            self.plain.__dict__[name] = partial(self._by_hand, f"session.{name}()")
        self._own = False

    def _connect(self, options: dict[str, Any]) -> Connection:
        connection = self.plain.connection(execution_options=options)
        self.refuse_autocommit(connection)
        return connection

    @staticmethod
    def refuse_autocommit(connection: Connection) -> None:
        """Refuse a connection on which every statement is a transaction.

        Raises:
            BoundaryError: it is one.
        """
        if connection._is_autocommit_isolation():
            raise BoundaryError("the engine is in AUTOCOMMIT: nothing could be rolled back; give isolation_level=")

    def prepare(self, result: Any = None) -> None:
        """Send what is left, check the rules, store the result: after this only COMMIT is missing."""
        self._finish_work(result)
        self.to(State.PARTIALLY_COMMITTED)

    def _finish_work(self, result: Any) -> None:
        self.refuse_poison()
        self.plain.flush()
        for rule in self.terms.invariants:
            name = getattr(rule, "__name__", repr(rule))
            try:
                holds = rule(self.plain)
            except InvariantBroken:
                raise
            except AssertionError as error:
                raise InvariantBroken(f"{name}: {error}; everything was rolled back", name) from error
            if holds is False:
                raise InvariantBroken(f"{name} does not hold just before COMMIT; everything was rolled back", name)
        self.plain.flush()
        self.refuse_poison()
        self._own = True
        if self.marker is not None:
            self.marker.store(self.connection, result)
        for statement in self._lasting:
            self.connection.exec_driver_sql(statement)
        self._lasting = []
        self._check_deadline()
        if server.is_aborted(self.connection):
            raise UnitPoisoned("the server has aborted this transaction; COMMIT would change nothing and say success")

    def commit(self) -> None:
        """Send COMMIT; only its reply makes the unit COMMITTED."""
        session, self._committing = self.plain, True
        try:
            type(session).commit(session)
        except BaseException as error:
            state = State.FAILED if not self._commit_sent else self._after_commit_error(error)
            self.to(state)
            raise
        self.to(State.COMMITTED)
        self._close()

    def _after_commit_error(self, error: BaseException) -> State:
        connection = self.connection
        lost = connection.invalidated or getattr(error, "connection_invalidated", False)
        still_open: bool | None = None
        with suppress(Exception):
            still_open = None if connection.closed or lost else server.still_open(connection)
        return state_after_commit_error(
            connection.dialect.name,
            error,
            code_of(error),
            answered=isinstance(error, DBAPIError) and not lost,
            acknowledged=not lost and (connection.closed or connection.get_transaction() is None),
            still_open=still_open,
        )

    def roll_back(self) -> None:
        """Send ROLLBACK and make sure that nothing stays open; a connection that does not obey is thrown away."""
        self._ending = True
        if self.state in {State.ACTIVE, State.PARTIALLY_COMMITTED}:
            self.to(State.FAILED)
        if not self._rolled_back() or self._lasting:
            self.invalidate()
        else:
            with suppress(Exception):
                type(self.plain).rollback(self.plain)  # the session's own book-keeping
        if self.state is State.FAILED:
            self.to(State.ABORTED)
        self._close()

    def _rolled_back(self) -> bool:
        connection = self._connection
        if self.session is None or connection is None or connection.closed:
            return self._connection is not None
        if connection.invalidated:
            return False
        try:
            transaction = connection.get_transaction()
            if transaction is not None and transaction.is_active:
                transaction.rollback()
            elif transaction is not None or server.still_open(connection):  # none is sent after a failed COMMIT
                connection.dialect.do_rollback(connection.connection)
            return not server.still_open(connection)
        except Exception as error:
            logger.debug("ROLLBACK was not answered: %s", error)
            return False

    def invalidate(self) -> None:
        """Throw the connection away: the server rolls back what is open on it."""
        self._ending = True
        if self.session is not None:
            with suppress(Exception):
                type(self.plain).invalidate(self.plain)
            if self._connection is not None and not self._connection.closed:
                with suppress(Exception):
                    self._connection.invalidate()
                with suppress(Exception):
                    self._connection.close()

    def _close(self) -> None:
        self._ending = True
        if self.session is None:
            return
        session = self.plain
        for name in _COVERED:
            session.__dict__.pop(name, None)
        with suppress(Exception):
            session.close()
        session.__dict__["_autobegin_t"] = _ended
        for name in ("commit", "rollback"):
            session.__dict__[name] = _ended

    def to(self, new: State) -> None:
        """Enter a state, and tell those who asked to be told."""
        old = self.state
        if old is new:
            return
        assert may_follow(old, new), (old, new)
        self.state = new
        logger.debug("unit %x: %s -> %s", id(self), old.value, new.value)
        if self.terms.on_transition is not None:
            try:
                self.terms.on_transition(self, old, new)
            except Exception:
                logger.exception("on_transition= raised; the unit goes on")

    # What it admits

    def poison(self, error: BaseException) -> None:
        """Something inside has failed: whatever becomes of that error, COMMIT will be refused."""
        self._poison = self._poison or error
        if self.state is State.ACTIVE:
            self.to(State.FAILED)

    def database_error(self, error: BaseException, *, lost: bool) -> None:
        """The database answered a statement with an error."""
        if self._committing or self._ending or isinstance(error, AcidityError):  # our own refusals sent nothing
            return
        self.failures.add(error, final=lost)
        if self.failures.final and self.state is State.ACTIVE:
            self.to(State.FAILED)

    def refuse_poison(self) -> None:
        """Refuse COMMIT, and name the first error.

        Raises:
            UnitPoisoned: something inside had failed.
        """
        first = self._poison or self.failures.first
        if first is not None:
            original = getattr(first, "orig", None) or first
            raise UnitPoisoned(
                f"COMMIT was refused: an error inside the unit was swallowed ({type(original).__name__}: {original}). "
                f"Let it leave the unit, or put what may fail into `with savepoint():`"
            ) from first

    def admit(self, statement: str) -> None:
        """Let a statement pass to the database, or refuse it before it is sent."""
        if self._own:
            return
        if self.owner != caller():
            raise SharedUnit("this session belongs to a unit of work of another thread or task; give each its own unit")
        if self.state is State.FAILED:
            first = self._poison or self.failures.first
            raise UnitPoisoned(f"this unit has failed ({first}); nothing more is sent to the database") from first
        self._check_deadline()
        if guard.is_control(statement):
            self._by_hand(statement.split(maxsplit=1)[0].upper())
        savepoint = guard.savepoint_in(statement)
        if savepoint is not None:
            self.failures.heed(*savepoint)
        if server.is_mysql(self.connection) and guard.commits_by_itself(statement):
            raise BoundaryError(
                f"{' '.join(statement.split())[:60]!r} commits by itself on MariaDB, and what was done before it with "
                f"it; do it outside of the unit"
            )

    def commit_is_sent(self) -> None:
        """COMMIT goes to the driver now."""
        if not self._committing and not self._own:
            self._by_hand("connection.commit()")
        self._commit_sent = True

    def was_rolled_back(self) -> None:
        """ROLLBACK goes to the driver now; a unit that did not ask for it has lost its work."""
        if not self._ending and not self._committing and self.failures.first is None:
            self.poison(BoundaryError(f"rolled back by hand inside the unit; {_INSTEAD}"))

    def _by_hand(self, what: str, *_: Any, **__: Any) -> NoReturn:
        error = BoundaryError(f"{what} inside a unit of work: {_INSTEAD}")
        self.poison(error)
        raise error

    def _check_deadline(self) -> None:
        if self._deadline is not None and monotonic() > self._deadline:
            raise DeadlineExceeded(f"the unit took longer than timeout={self.terms.timeout}; nothing was committed")


def _ended(*_: Any, **__: Any) -> NoReturn:
    raise UsedAfterEnd("this unit of work has ended; open another with atomic(…) instead of keeping its session")

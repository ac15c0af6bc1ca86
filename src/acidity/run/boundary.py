"""What a unit of work admits while it lasts: its own statements, in its own thread, and no end but its own.

Every statement comes by here, so what can be told from its text alone is looked for once for each text.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy.engine import Connection

from acidity.run import guard, server, storage
from acidity.run.context import caller
from acidity.run.errors import (
    BoundaryError,
    DeadlineExceeded,
    SharedUnit,
    TransactionFailed,
    UnitPoisoned,
)
from acidity.run.failures import NO_FAILURES, Failures
from acidity.run.marker import Marker
from acidity.run.state import ACTIVE, FAILED, FOLLOWS, State
from acidity.run.target import Target

logger = logging.getLogger("acidity.run")
monotonic = time.monotonic
Transition = Callable[[Any, State, State], Any]
_INSTEAD = "atomic() sends the one COMMIT when the block ends; to undo everything, raise"
_ORDINARY_MAX = 10_000  # texts remembered for one database; programs that write literals into them have no end of them


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked of a unit; see `atomic` for the meaning of each."""

    isolation_level: str | None = None
    read_only: bool = False
    timeout: float | None = None
    invariants: Sequence[Callable[[Any], Any]] = ()
    on_transition: Transition | None = None

    @property
    def ask_something(self) -> bool:
        """Whether the database has to be told before the first statement."""
        return self.isolation_level is not None or self.read_only or self.timeout is not None


NOTHING_ASKED = Terms()


class Boundary:
    """Where a unit stands, and what may pass meanwhile.

    Attributes:
        target: the database.
        terms: what was asked for.
        state: where it stands.
        own: statements are those of the unit itself, and not of the user's code.
        passing: texts of statements that may pass unseen, in the thread and task of its owner.
        marker: the row by which it is recognised, if it has one.
        failures: what the database answered with an error.
        owner: the thread and task that began it.
        after: functions to call once COMMIT is confirmed.
        owed: calls of async code that have to be awaited before COMMIT.
    """

    state = ACTIVE
    passing: Collection[str] = ()
    failures: Failures = NO_FAILURES
    after: Sequence[Callable[[], Any]] = ()
    owed: Sequence[str] = ()

    own = True
    _committing = _commit_sent = _ending = False
    _tells = True  # somebody is told of transitions
    _deadline: float | None = None
    _poison: BaseException | None = None
    _connection: Any = None

    def __init__(self, target: Target, terms: Terms = NOTHING_ASKED, marker: Marker | None = None) -> None:
        self.target = target
        self.terms = terms
        self.marker = marker
        self.owner = caller()
        if terms.timeout is not None:
            self._deadline = monotonic() + terms.timeout

    @property
    def connection(self) -> Connection:
        """The one connection."""
        connection: Connection | None = self._connection
        assert connection is not None, "begin() comes first"
        return connection

    # Where it stands

    def to(self, new: State) -> None:
        """Enter a state, and tell those who asked to be told."""
        old = self.state
        if old is new:
            return
        assert new in FOLLOWS[old._value_], (old, new)
        self.state = new
        self.passing = ()
        if self._tells:
            self._tell(old, new)

    def _tell(self, old: State, new: State) -> None:
        logger.debug("unit %x: %s -> %s", id(self), old.value, new.value)
        if self.terms.on_transition is not None:
            try:
                self.terms.on_transition(self, old, new)
            except Exception:
                logger.exception("on_transition= raised; the unit goes on")

    @property
    def spoilt(self) -> BaseException | None:
        """The first error inside that nothing has taken back; with one, COMMIT is refused."""
        return self._poison or self.failures.first

    def refuse_poison(self) -> None:
        """Refuse COMMIT, and name the first error.

        Raises:
            UnitPoisoned: something inside had failed.
        """
        first = self.spoilt
        if first is not None:
            original = getattr(first, "orig", None) or first
            raise UnitPoisoned(
                f"COMMIT was refused: an error inside the unit was swallowed ({type(original).__name__}: {original}). "
                f"Let it leave the unit, or put what may fail into `with savepoint():`"
            ) from first

    # What it hears

    def poison(self, error: BaseException) -> None:
        """Something inside has failed: whatever becomes of that error, COMMIT will be refused."""
        self._poison = self._poison or error
        if self.state is ACTIVE:
            self.to(FAILED)

    def database_error(self, error: BaseException, *, lost: bool) -> None:
        """The database answered a statement with an error."""
        if self._committing or self._ending or isinstance(error, BoundaryError | TransactionFailed):  # our own refusals
            return
        self._heard().add(error, final=lost)
        if self.failures.final and self.state is ACTIVE:
            self.to(FAILED)

    def _heard(self) -> Failures:
        if self.failures is NO_FAILURES:
            self.failures = Failures()
        return self.failures

    def commit_is_sent(self) -> None:
        """COMMIT goes to the driver now."""
        if not self._committing and not self.own:
            self.refuse_by_hand("connection.commit()")
        self._commit_sent = True

    def was_rolled_back(self) -> None:
        """ROLLBACK goes to the driver now; a unit that did not ask for it has lost its work."""
        if not self._ending and not self._committing and self.failures.first is None:
            self.poison(BoundaryError(f"rolled back by hand inside the unit; {_INSTEAD}"))

    # What it admits

    def admit(self, statement: str) -> None:
        """Let a statement pass to the database, or refuse it before it is sent."""
        if self.owner != caller():
            raise SharedUnit("this session belongs to a unit of work of another thread or task; give each its own unit")
        if self.state is FAILED:
            first = self._poison or self.failures.first
            raise UnitPoisoned(f"this unit has failed ({first}); nothing more is sent to the database") from first
        if self._deadline is not None:
            self._check_deadline()
        if statement not in self.target.ordinary:
            self._look_at(statement)

    def _look_at(self, statement: str) -> None:
        """A text that is not known to be ordinary."""
        mysql, dialect = server.is_mysql(self.connection), self.connection.dialect.name
        if mysql:
            why = storage.untransactional(self.target.key, self.connection, statement)
            if why:
                self.refuse(why)
        if guard.is_control(statement, dialect):
            self.refuse_by_hand(statement.split(maxsplit=1)[0].upper())
        savepoint = guard.savepoint_in(statement, dialect)
        if savepoint is not None:
            self._heard().heed(*savepoint)
        elif mysql and guard.commits_by_itself(statement):
            raise BoundaryError(
                f"{' '.join(statement.split())[:60]!r} commits by itself on MariaDB, and what was done before it with "
                f"it; do it outside of the unit"
            )
        elif len(self.target.ordinary) < _ORDINARY_MAX:
            self.target.ordinary.add(statement)

    def refuse_by_hand(self, what: str) -> NoReturn:
        """Refuse what would end the unit, and let it fail.

        Raises:
            BoundaryError: always.
        """
        self.refuse(f"{what} inside a unit of work: {_INSTEAD}")

    def refuse(self, what: str) -> NoReturn:
        """Refuse what crosses the boundary, and let the unit fail.

        Raises:
            BoundaryError: always.
        """
        error = BoundaryError(what)
        self.poison(error)
        raise error

    def _check_deadline(self) -> None:
        if self._deadline is not None and monotonic() > self._deadline:
            raise DeadlineExceeded(f"the unit took longer than timeout={self.terms.timeout}; nothing was committed")

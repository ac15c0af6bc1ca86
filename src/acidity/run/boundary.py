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

from acidity.core.call import Kind
from acidity.engines.codes import code_of
from acidity.engines.speech import ErrorClass, speech_of
from acidity.run import context, guard, hold, server, storage
from acidity.run.context import caller
from acidity.run.errors import (
    BoundaryError,
    DeadlineExceeded,
    SharedUnit,
    TransactionEnded,
    TransactionFailed,
    UnitPoisoned,
)
from acidity.run.failures import NO_FAILURES, Failures
from acidity.run.link import Link
from acidity.run.marker import Marker
from acidity.run.residence import Residence
from acidity.run.state import ACTIVE, FAILED, FOLLOWS, State
from acidity.run.status import Status
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
        owner: the process, thread and task that began it.
        residence: the generator that its block lives in, if it does.
        after: functions to call once COMMIT is confirmed.
        owed: calls of async code that have to be awaited before COMMIT.
        sent: the text that was sent last.
        torn: something inside has ended the transaction.
        raised: what left the block.
    """

    state = ACTIVE
    passing: Collection[str] = ()
    failures: Failures = NO_FAILURES
    after: Sequence[Callable[[], Any]] = ()
    owed: Sequence[str] = ()
    sent: str = ""
    torn: TransactionEnded | None = None
    raised: BaseException | None = None
    residence: Residence | None = None

    own = True
    _committing = _commit_sent = _ending = False
    _tells = True  # somebody is told of transitions
    _deadline: float | None = None
    _poison: BaseException | None = None
    _connection: Any = None
    _link: Link  # what its driver can be asked
    _was_open = False  # its transaction has been seen
    _held = False  # a savepoint of its own tells whether what was sent has ended the transaction
    _handed_out = False  # the program has the driver's connection, and a savepoint tells what it does with it
    _handed_inside: Collection[str] = ()  # the program's savepoints that go with that one
    _hands_again = False  # it went with one of them, and is set again

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

    @property
    def is_inherited(self) -> bool:
        """A process that was forked inside it has it only as a copy; the connection is its parent's."""
        return self.owner[0] != context.process

    @property
    def is_suspended(self) -> bool:
        """Its block is in a generator that is not under way."""
        return self.residence is not None and not self.residence.is_running()

    def refuse_stranger(self) -> None:
        """Refuse whoever has not begun it.

        Raises:
            SharedUnit: it is another process, thread or task.
        """
        if self.owner != caller():
            raise SharedUnit(
                "this session belongs to a unit of work of another process, thread or task; give each its own unit"
            )

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
        if self._ending or self._committing:
            return
        self.refuse_stranger()
        if self.failures.first is None:
            self._was_open = False  # it is over, and everything is undone
            self.poison(BoundaryError(f"rolled back by hand inside the unit; {_INSTEAD}"))

    # What it admits

    def admit(self, statement: str) -> None:
        """Let a statement pass to the database, or refuse it before it is sent."""
        self.refuse_stranger()
        self._refuse_failed()
        if self._deadline is not None:
            self._check_deadline()
        if statement not in self.target.ordinary:
            self._look_at(statement)

    def _refuse_failed(self) -> None:
        if self.state is FAILED:
            first = self.spoilt
            raise UnitPoisoned(f"this unit has failed ({first}); nothing more is sent to the database") from first

    def hand_out(self) -> None:
        """The program takes the driver's connection, on which nothing is heard; a savepoint tells what becomes of it.

        Raises:
            SharedUnit: it is another process, thread or task.
            UnitPoisoned: the unit has failed.
        """
        if self._ending or self._committing:
            return
        self.refuse_stranger()
        self._refuse_failed()
        if not self._handed_out:
            hold.set_hold(self.connection, hold.HANDED_OUT)
            self._handed_out = True
            self._handed_inside = self.failures.savepoints

    def _is_gone_by_hand(self, *, by: str = "RELEASE SAVEPOINT") -> bool:
        """Whether the program has ended the transaction on the driver's connection, whichever is open now."""
        if not self._handed_out or self.failures.lost:
            return False
        self._handed_out = False
        return hold.is_gone(self.connection, self.raised, hold.HANDED_OUT, by=by)

    def _heed(self, kind: Kind, name: str) -> None:
        """A savepoint of the program; one from before the handing out takes the unit's own with it."""
        self._heard().heed(kind, name)
        if self._handed_out and kind is not Kind.SAVEPOINT and name in self._handed_inside:
            back = kind is Kind.ROLLBACK_TO
            if self._is_gone_by_hand(by="ROLLBACK TO SAVEPOINT" if back else "RELEASE SAVEPOINT"):
                self._tear()
            self._hands_again = True

    def _look_at(self, statement: str) -> None:
        """A text that is not known to be ordinary."""
        dialect = self.connection.dialect.name
        if server.is_mysql(self.connection):
            why = storage.untransactional(self.target.key, self.connection, statement)
            if why:
                self.refuse(why)
        savepoint = guard.savepoint_in(statement, dialect)
        if savepoint is not None:
            self._heed(*savepoint)
            return
        control, meaning = guard.control_in(statement, dialect), guard.meaning(statement, dialect)
        if control:
            self.refuse_by_hand(_short(control))
        if meaning.commits or meaning.switches:
            raise BoundaryError(
                f"{_short(statement)!r} commits by itself on MariaDB, and what was done before it with it; do it "
                f"outside of the unit"
            )
        if meaning.opaque:
            hold.set_hold(self.connection)
            self._held = True
        elif len(self.target.ordinary) < _ORDINARY_MAX:
            self.target.ordinary.add(statement)

    # Whether its transaction goes on

    def answered(self, error: BaseException | None = None) -> None:
        """The database has answered: see that the transaction is still there, as far as it can be told at no cost.

        Raises:
            TransactionEnded: it is not.
        """
        if not self.sent or self._ending or self._committing or self._connection is None:
            return
        if error is None and not (self._held or self._hands_again) and self._link.told.goes_on():
            self._was_open = True  # all that is to be said after nearly every statement
            self.sent = ""
            return
        held, self._held = self._held, False
        if error is not None and self._lost(error):  # and with it what was not committed
            return
        gone = held and hold.is_gone(self.connection, error)
        if gone or self._is_over(answered=True):
            if error is not None and self.target.dialect.name == "sqlite":  # rolled back by the error (ON CONFLICT)
                self.database_error(error, lost=True)
            else:
                self._tear(error)
        self.sent = ""
        if self._hands_again and error is None:
            self._hands_again = False
            self.hand_out()

    def _lost(self, error: BaseException | None) -> bool:
        if self.connection.invalidated or getattr(error, "connection_invalidated", False):
            return True
        code = "" if error is None else code_of(error)
        told_by_none = error is not None and not code and self.target.dialect.name != "sqlite"
        return told_by_none or speech_of(self.target.dialect.name).errors.get(code) is ErrorClass.LOST

    def _is_over(self, *, answered: bool = False) -> bool:
        """Whether the driver says that the transaction has ended, or that there is none: each statement is one."""
        told = self._link.told
        status = told.transaction()
        if status is Status.CLOSED:
            return self._was_open or (answered and told.at_once) or told.autocommits()
        self._was_open = self._was_open or status is not Status.UNTOLD
        return told.autocommits()

    def _tear(self, error: BaseException | None = None) -> NoReturn:
        by = f"by {_short(self.sent)!r}" if self.sent else "behind SQLAlchemy, as the driver's own cursor does"
        self.torn = TransactionEnded(
            f"the transaction was ended {by}: what was done before may be committed, and is not undone. Look into the "
            f"database; {_INSTEAD}"
        )
        self.poison(self.torn)
        raise self.torn from error

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


def _short(statement: str) -> str:
    return " ".join(statement.split())[:60]

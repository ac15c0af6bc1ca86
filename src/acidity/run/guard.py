"""What SQLAlchemy tells of a unit's connection: statements to admit, errors to remember, a COMMIT nobody asked for.

Statements and errors are heard of on the dialect, where a listener costs next to nothing; one on the engine makes each
transaction of it dearer by some 40 microseconds, with or without a unit. COMMIT and ROLLBACK have no event there: for
them the unit's one connection is of a class of its own, as its session is.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from acidity.core.call import Kind
from acidity.engines.own_listeners import OWN_LISTENERS
from acidity.engines.speech import Meaning, speech_of
from acidity.run import context
from acidity.run.context import caller, inside
from acidity.run.taken import TakenConnection

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from acidity.run.unit import Unit

_CONTROL = frozenset({Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.PREPARE})
_SAVEPOINTS = frozenset({Kind.SAVEPOINT, Kind.ROLLBACK_TO, Kind.RELEASE})


class UnitConnection(TakenConnection):
    """The connection of a unit: COMMIT and ROLLBACK pass the unit, whoever asks for them."""

    _acidity_unit: Unit | None = None
    _acidity_rolls_back = False  # it is SQLAlchemy that asks for the pool's connection, and not the program

    def _execute_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = super()._execute_context(*args, **kwargs)
        except Exception as error:
            if self._acidity_unit is not None:
                self._acidity_unit.answered(error)
            raise
        if self._acidity_unit is not None:
            self._acidity_unit.answered()
        return result

    @property
    def connection(self) -> PoolProxiedConnection:
        """The pool's connection, on which the unit hears nothing."""
        if self._acidity_unit is not None and not (self._acidity_unit.own or self._acidity_rolls_back):
            self._acidity_unit.hand_out()
        return super().connection

    def _commit_impl(self) -> None:
        unit = self._acidity_unit
        if unit is not None:
            unit.commit_is_sent()
        Connection._commit_impl(self)

    def _rollback_impl(self) -> None:
        if self._acidity_unit is not None:
            self._acidity_unit.was_rolled_back()
        self._acidity_rolls_back = True
        try:
            super()._rollback_impl()
        finally:
            self._acidity_rolls_back = False

    def _prepare_twophase_impl(self, xid: Any) -> None:
        if self._acidity_unit is not None:
            self._acidity_unit.commit_is_sent()
        super()._prepare_twophase_impl(xid)

    def _commit_twophase_impl(self, xid: Any, is_prepared: bool) -> None:  # noqa: FBT001
        if self._acidity_unit is not None:
            self._acidity_unit.commit_is_sent()
        super()._commit_twophase_impl(xid, is_prepared)

    def _rollback_twophase_impl(self, xid: Any, is_prepared: bool) -> None:  # noqa: FBT001
        if self._acidity_unit is not None:
            self._acidity_unit.was_rolled_back()
        super()._rollback_twophase_impl(xid, is_prepared)


class Aside:
    """In place of a unit: what `atomic` itself asks on a connection beside the unit's, such as the fence."""

    own = True
    passing = ()
    sent = ""

    def answered(self, error: BaseException | None = None) -> None:
        """What it means is for whoever asked."""

    def database_error(self, error: BaseException, *, lost: bool) -> None:
        """It is caught where it is raised."""


def aside(connection: Connection) -> Connection:
    """Let this connection write although a unit may be under way around it."""
    connection._acidity_unit = Aside()  # type: ignore[attr-defined]
    return connection


def unit_of(connection: Connection) -> Unit | Aside | None:
    """The unit that this connection belongs to."""
    return getattr(connection, "_acidity_unit", None)


@lru_cache(maxsize=4096)
def control_in(sql: str, dialect: str) -> str:
    """The statement of a text that begins or ends a transaction, in capitals; empty if there is none.

    >>> control_in("SELECT 1; /* quietly */ commit", "postgresql"), control_in("SELECT 'COMMIT'", "postgresql")
    ('COMMIT', '')
    """
    speech = speech_of(dialect)
    return next((each.upper() for each in speech.statements(sql) if speech.kind(each) in _CONTROL), "")


@lru_cache(maxsize=4096)
def savepoint_in(sql: str, dialect: str) -> tuple[Kind, str] | None:
    """What a statement does to which savepoint; None for all others.

    >>> savepoint_in("ROLLBACK TO SAVEPOINT a", "sqlite")
    (<Kind.ROLLBACK_TO: 'rollback-to'>, 'a')
    """
    speech = speech_of(dialect)
    kind = speech.meaning(sql).kind
    return (kind, speech.bare(sql).rstrip("; \n").split()[-1]) if kind in _SAVEPOINTS else None


def meaning(sql: str, dialect: str) -> Meaning:
    """What a text means to the database.

    >>> meaning("CREATE TABLE t (id int)", "mysql").commits_unasked, meaning("SET autocommit = 1", "mysql").switches
    (True, True)
    """
    return speech_of(dialect).meaning(sql)


def _on_execute(_cursor: Any, statement: str, _parameters: Any, told: Any) -> None:
    unit = getattr(told.root_connection, "_acidity_unit", None)
    if unit is not None:
        if not unit.own and not (statement in unit.passing and unit.owner == caller()):
            unit.admit(statement)
        unit.sent = statement
    elif inside.get() and speech_of(told.dialect.name).meaning(statement).writes:
        _refuse_beside(statement)


def _refuse_beside(statement: str) -> None:
    around = context.around()
    if around is not None:
        around.refuse(
            f"another session or engine writes inside a unit of work ({' '.join(statement.split())[:60]!r}): it has a "
            f"COMMIT of its own, so the two can come apart. Use the unit's session, or atomic(…, independent=True) for "
            f"what must stay whatever becomes of the unit"
        )


def _on_execute_no_params(cursor: Any, statement: str, told: Any) -> None:
    _on_execute(cursor, statement, None, told)


def _on_error(told: Any) -> None:
    unit = unit_of(told.connection) if told.connection is not None else None
    if unit is not None:
        if told.dialect.name == "sqlite" and isinstance(told.original_exception, CancelledError):
            # What was asked goes on in aiosqlite's thread, and ROLLBACK comes after it. SQLAlchemy would close the
            # connection with a statement half read, and its lock would stay until garbage is collected.
            told.is_disconnect = False
        unit.database_error(told.sqlalchemy_exception or told.original_exception, lost=told.is_disconnect)


LISTENERS: dict[str, Callable[..., Any]] = {
    "do_execute": _on_execute,
    "do_executemany": _on_execute,
    "do_execute_no_params": _on_execute_no_params,
    "handle_error": _on_error,
}


def _listen() -> None:
    """Listen on every dialect: a unit's code may write through an engine not seen before.

    Once, and when this module is imported, which is done under a lock and before there are units: SQLAlchemy's
    collections of listeners may not grow while another thread goes through them.
    """
    for name, listener in LISTENERS.items():
        event.listen(Engine, name, listener)
        OWN_LISTENERS[name] += 1


_listen()

"""Sessions of a unit: while it lasts they cannot be ended by hand, afterwards they do nothing any more.

A session changes its class, to one that is made from its own once; that is cheaper than covering its methods one by
one, and `isinstance` holds. Refusing to begin when needed is what matters at the end: a session that is used too late
would begin a transaction that nobody ever commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.orm.session import SessionTransactionState

from acidity.run.errors import UsedAfterEnd

if TYPE_CHECKING:
    from acidity.run.unit import Unit

_REFUSED = ("commit", "rollback", "close", "reset", "invalidate", "prepare")
_KEY = "_acidity_classes"


def cover(session: Session, unit: Unit) -> None:
    """From here on only the unit ends this session."""
    covered: Any = session
    covered._acidity_unit = unit
    made_as = type(session)
    covered.__class__ = (made_as.__dict__.get(_KEY) or _classes(made_as))[0]


def end(session: Session, made_as: type[Session]) -> None:
    """From here on this session, which was `made_as` this class, begins nothing."""
    session.__dict__.pop("_acidity_unit", None)
    session.__class__ = (made_as.__dict__.get(_KEY) or _classes(made_as))[1]


def _classes(made_as: type[Session]) -> tuple[type[Session], type[Session]]:
    refusing = {name: _refusing(name) for name in _REFUSED}
    refusing |= {"connection": _connection, "_connection_for_bind": _connection_for(made_as)}
    ended = dict.fromkeys(("_autobegin_t", "commit", "rollback"), _ended)
    name = made_as.__name__
    classes = type(name, (made_as,), refusing), type(name, (made_as,), ended)
    setattr(made_as, _KEY, classes)
    return classes


def _refusing(name: str) -> Any:
    def refuse(session: Any, *_: Any, **__: Any) -> None:
        session._acidity_unit.refuse_by_hand(f"session.{name}()")

    return refuse


def _connection(session: Any, bind_arguments: Any = None, execution_options: Any = None) -> Connection:
    if execution_options:  # SQLAlchemy only warns, and leaves the level as it was
        session._acidity_unit.refuse(
            f"session.connection(execution_options={execution_options}) inside a unit of work comes too late and "
            f"changes nothing: give isolation_level= to atomic(…)"
        )
    return Session.connection(session, bind_arguments)


def _connection_for(made_as: Any) -> Any:
    """The one connection, without the look-ups that SQLAlchemy makes for each statement; not where it has a say.

    That is: in a savepoint, with options, for another engine, and where the session's state admits no statement.
    """
    elsewhere = made_as._connection_for_bind

    def connection_for_bind(session: Any, engine: Any, execution_options: Any = None, **others: Any) -> Connection:
        unit = session._acidity_unit
        root = unit.root
        if (
            session._transaction is root
            and engine is unit.target.engine
            and root._state is SessionTransactionState.ACTIVE
            and not execution_options
        ):
            return unit._connection  # type: ignore[no-any-return]
        return elsewhere(session, engine, execution_options=execution_options, **others)  # type: ignore[no-any-return]

    return connection_for_bind


def _ended(*_: Any, **__: Any) -> NoReturn:
    raise UsedAfterEnd("this unit of work has ended; open another with atomic(…) instead of keeping its session")

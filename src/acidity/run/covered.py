"""Sessions of a unit: while it lasts they cannot be ended by hand, afterwards they do nothing any more.

A session is made of a class derived from its own, once for each class, so that `isinstance` holds. It is not changed
into one: an object that changes its class loses the fast places of its attributes, and each use of them is dearer.
Refusing to begin is what matters at the end: a session that is used too late would begin a transaction that nobody ever
commits.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.orm.session import SessionTransactionState

from acidity.run.errors import UsedAfterEnd

_REFUSED = ("commit", "rollback", "close", "reset", "invalidate", "prepare")
_KEY = "_acidity_classes"
_ACTIVE = SessionTransactionState.ACTIVE


class Classes(NamedTuple):
    """The classes of a unit's session.

    Attributes:
        own: that it would have without a unit.
        during: while the unit lasts.
        after: then.
    """

    own: type[Session]
    during: Any
    after: Any


def cover(session: Session) -> Classes:
    """Give a session that was made by other means than `classes_of` its class."""
    classes = classes_of(type(session))
    session.__class__ = classes.during
    return classes


def classes_of(own: type[Session]) -> Classes:
    """Those of a session of this class."""
    classes: Classes | None = own.__dict__.get(_KEY)
    if classes is None:
        refusing = {name: _refusing(name) for name in _REFUSED}
        refusing |= {"connection": _connection, "_connection_for_bind": _connection_for(own)}
        ended = dict.fromkeys(("_autobegin_t", "commit", "rollback"), _ended)
        name = own.__name__
        classes = Classes(own, type(name, (own,), refusing), type(name, (own,), ended))
        for each in classes[:2]:
            setattr(each, _KEY, classes)
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


def _connection_for(own: Any) -> Any:
    """The one connection, without the look-ups that SQLAlchemy makes for each statement; not where it has a say.

    That is: in a savepoint, with options, for another engine, and where the session's state admits no statement.
    """
    elsewhere = own._connection_for_bind

    def connection_for_bind(session: Any, engine: Any, execution_options: Any = None, **others: Any) -> Connection:
        unit = session._acidity_unit
        root = unit.root
        if (
            session._transaction is root
            and engine is unit.target.engine
            and root._state is _ACTIVE
            and not execution_options
        ):
            return unit._connection  # type: ignore[no-any-return]
        return elsewhere(session, engine, execution_options=execution_options, **others)  # type: ignore[no-any-return]

    return connection_for_bind


def _ended(*_: Any, **__: Any) -> NoReturn:
    raise UsedAfterEnd("this unit of work has ended; open another with atomic(…) instead of keeping its session")

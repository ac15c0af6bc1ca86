"""What a first parameter receives: what its name or annotation says, also where the arguments could fill it."""

from __future__ import annotations

import functools
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Optional, Protocol

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import prove
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.stage.asked_for import injection_of, session_class
from tests.engines.bank import bank, run_once

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as OnlyForCheckers

SessionDep = Annotated[Session, "Depends(get_session)"]


class Books(Protocol):
    def add(self, row: Any) -> None: ...


class Parcel:
    """Nothing of a database, whatever a parameter is called."""


class Unit(Session):
    """A session of one's own."""


def default(session: Session = None, amount: int = 5) -> None: ...  # type: ignore[assignment]
def only_named(session, amount=5) -> None: ...
def only_annotated(db: Session, amount: int = 5) -> None: ...
def dependency(db: SessionDep, amount: int = 5) -> None: ...
def inline(db: Annotated[Session, "Depends"], amount: int = 5) -> None: ...
def optional(db: Session | None = None, amount: int = 5) -> None: ...
def older(db: Optional[Session] = None, amount: int = 5) -> None: ...  # noqa: UP045
def for_checkers(db: OnlyForCheckers | None = None, amount: int = 5) -> None: ...
def factory(make: sessionmaker[Session], amount: int = 5) -> None: ...
def own_session(x: Unit, amount: int = 5) -> None: ...
def engine(db: Engine, amount: int = 5) -> None: ...
def connection(db: Connection, amount: int = 5) -> None: ...
def of_a_driver(db: sqlite3.Connection, amount: int = 5) -> None: ...
def by_protocol(session: Books, amount: int = 5) -> None: ...
def anything(session: Any, amount: int = 5) -> None: ...
def url(url: str, amount: int = 5) -> None: ...


WINS = [
    (default, "session"),
    (only_named, "session"),
    (only_annotated, "session"),
    (dependency, "session"),
    (inline, "session"),
    (optional, "session"),
    (older, "session"),
    (factory, "session_factory"),
    (own_session, "session"),
    (engine, "engine"),
    (connection, "connection"),
    (of_a_driver, "dbapi_connection"),
    (by_protocol, "session"),
    (anything, "session"),
    (url, "url"),
]


@pytest.mark.parametrize(("function", "wanted"), WINS, ids=lambda value: getattr(value, "__name__", None))
def test_a_known_name_or_annotation_wins_though_the_arguments_would_fill_it(
    function: Callable[..., Any], wanted: str
) -> None:
    assert injection_of(Operation(function, 7)) == wanted
    assert injection_of(Operation(function, inject=None)) is None


def test_an_annotation_that_only_type_checkers_know() -> None:
    """The text says no more than a name, and no name of SQLAlchemy's; then the arguments decide."""
    assert injection_of(Operation(for_checkers, 7)) is None
    for_checkers.__annotations__["db"] = "orm.Session | None"
    assert injection_of(Operation(for_checkers, 7)) == "session"
    assert session_class(Operation(for_checkers)) is Session


def test_the_function_is_given_what_it_says() -> None:
    def pay(session: Session = None, amount: int = 5) -> str:  # type: ignore[assignment]
        return f"{type(session).__name__} {amount}"

    assert run_once(Operation(pay, 7)).ending.answer == "Session 7"
    assert run_once(Operation(pay)).ending.answer == "Session 5"
    assert run_once(Operation(pay, 7, inject=None)).ending.answer == "int 5"


def contradicted(session: int, amount: int = 5) -> None: ...
def a_parcel(connection: Parcel, amount: int = 5) -> None: ...
def text(session: str = "mine") -> None: ...
def all_of_it(*session: Any) -> None: ...
def by_key(*, session: Session | None = None) -> None: ...
def keys(**session: Any) -> None: ...
def nothing_known(thing: Any = None, amount: int = 5) -> None: ...


@pytest.mark.parametrize("function", [contradicted, a_parcel, text, nothing_known, all_of_it])
def test_what_the_arguments_fill_and_nothing_claims_is_left_alone(function: Callable[..., Any]) -> None:
    assert injection_of(Operation(function, 7)) is None


@pytest.mark.parametrize("function", [all_of_it, by_key, keys])
def test_what_takes_any_arguments_gets_nothing_unless_asked(function: Callable[..., Any]) -> None:
    assert injection_of(Operation(function)) is None
    assert injection_of(Operation(all_of_it, inject="session")) == "session"


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def test_a_decorator_that_says_what_it_wraps_is_looked_through() -> None:
    assert injection_of(Operation(decorated(dependency), 7)) == "session"
    assert injection_of(Operation(functools.partial(only_named, amount=3))) == "session"


def test_an_argument_that_leaves_no_room_is_the_value_itself() -> None:
    own = object()
    assert injection_of(Operation(only_named, session=own)) is None
    assert injection_of(Operation(text, "yours")) is None
    assert injection_of(Operation(only_named, own, 5)) is None


def test_a_name_that_an_annotation_contradicts_is_still_injected_where_nothing_fills_it() -> None:
    assert injection_of(Operation(a_parcel)) == "connection"


def test_what_cannot_be_called_so_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="too many positional arguments"):
        injection_of(Operation(only_named, 1, 2, 3))
    with pytest.raises(UsageError, match="too many positional arguments, since session is injected"):
        injection_of(Operation(only_named, 1, 2))
    assert injection_of(Operation(lambda url, amount: (url, amount), "sqlite://", 2)) is None
    with pytest.raises(UsageError, match="takes no parameters"):
        injection_of(Operation(lambda: None, 1))
    with pytest.raises(UsageError, match="no first parameter by position"):
        injection_of(Operation(by_key, 1))


def test_a_driver_that_is_not_installed_is_said_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is run, and the verdict is unknown."""

    async def pay(async_session: Any) -> None: ...

    absent = {"aiosqlite"}

    def import_module(name: str) -> None:
        if name in absent:
            raise ImportError(name)

    monkeypatch.setattr("acidity.engines.hosting.import_module", import_module)
    report = prove.drill(bank(pay), faults=["error-before"], remedies=False)
    assert report.verdict == "unknown"
    (why,) = report.unknowns
    assert "the driver aiosqlite is not installed" in why
    assert "pip install 'acidity[async]'" in why
    absent.add("greenlet")
    (why,) = prove.drill(bank(pay), faults=["error-before"], remedies=False).unknowns
    assert "the package greenlet is not installed" in why


@pytest.mark.parametrize(
    ("db", "module", "extra"),
    [
        ("postgresql", "psycopg", "postgresql"),
        ("postgresql+psycopg2", "psycopg2", "psycopg2"),
        ("mariadb", "pymysql", "mariadb"),
        ("mariadb+mysqldb", "MySQLdb", "mysqlclient"),
        ("mariadb+mysqlclient", "MySQLdb", "mysqlclient"),
    ],
)
def test_the_driver_that_makes_the_tables_is_asked_for_before_there_is_a_server(
    db: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the operation asks for: it was a ModuleNotFoundError, taken for a mistake of acidity's."""

    def pay(dsn: Any) -> None: ...

    def import_module(name: str) -> None:
        if name == module:
            raise ImportError(name)

    monkeypatch.setattr("acidity.engines.hosting.import_module", import_module)
    (why,) = prove.drill(bank(pay), db=db, faults=["error-before"], remedies=False).unknowns
    assert f"the driver {module} is not installed" in why
    assert f"pip install 'acidity[{extra}]'" in why


def test_who_gets_a_dsn_brings_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pay(dsn: str) -> None:
        with closing(sqlite3.connect(dsn)) as connection:
            connection.execute("DELETE FROM accounts")
            connection.commit()

    monkeypatch.setitem(sys.modules, "aiosqlite", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy.dialects.sqlite.aiosqlite", None)
    report = prove.drill(bank(pay), faults=["error-before"], remedies=False)
    assert not report.unknowns

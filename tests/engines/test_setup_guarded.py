"""Schema and set-up reach the Sandbox and nothing else, just as the operation does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from acidity.errors import ForeignDatabase, UsageError
from tests.engines.bank import Account, Base, balances, bank, move, run_once, seed
from tests.quality.drilled import drill

NAME = f"{__name__}:APP"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The application's own engine, with tables and a row that nobody may touch."""
    engine = create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(Account(id=77, owner="Mine", balance=7))
    monkeypatch.setattr(f"{__name__}.APP", engine, raising=False)
    return engine


def rows(engine: Engine) -> list[Any]:
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        return connection.execute("SELECT owner, balance FROM accounts").fetchall()


def transfer(session: Session) -> None:
    with session.begin():
        move(session)


def test_setup_may_call_the_application_whose_engine_is_bound(own: Engine) -> None:
    def setup(_: Session) -> None:
        with Session(own) as session:
            seed(session)
            session.commit()

    run = run_once(transfer, bind=NAME, setup=setup)
    assert balances(run) == (90, 10)
    assert rows(own) == [("Mine", 7)]


def test_a_schema_may_be_made_by_the_application_whose_engine_is_bound(own: Engine) -> None:
    def schema(_: Connection) -> None:
        with own.begin() as connection:
            connection.execute(text("CREATE TABLE of_the_app (id INTEGER PRIMARY KEY)"))

    run = run_once(lambda session: None, bind=NAME, schema=schema, setup=None)
    assert "of_the_app" in run.second.tables
    assert rows(own) == [("Mine", 7)]


def write_with(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM accounts"))


@pytest.mark.parametrize("where", ["schema", "setup"])
@pytest.mark.parametrize("swallowed", [False, True])
def test_an_engine_that_is_not_bound_is_refused(own: Engine, where: str, *, swallowed: bool) -> None:
    def step(_: Any) -> None:
        with suppress(Exception if swallowed else ZeroDivisionError):
            write_with(own)

    with pytest.raises(ForeignDatabase):
        drill(bank(transfer, **{where: step}))
    assert rows(own) == [("Mine", 7)]


@pytest.mark.parametrize("where", ["schema", "setup"])
@pytest.mark.parametrize(
    "opened", [lambda path: write_with(create_engine(f"sqlite:///{path}")), lambda path: sqlite3.connect(path).close()]
)
def test_no_other_file_is_opened(tmp_path: Path, where: str, opened: Callable[[Path], None]) -> None:
    other = tmp_path / "other.db"
    with pytest.raises(ForeignDatabase):
        drill(bank(transfer, **{where: lambda _: opened(other)}))
    assert not other.exists()


def test_migrations_that_take_their_url_from_elsewhere_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("alembic")
    other = tmp_path / "production.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{other}")
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(
        "import os\n"
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n"
        "with create_engine(os.environ['DATABASE_URL']).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
    )
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    with pytest.raises(ForeignDatabase):
        drill(bank(transfer, schema=tmp_path / "alembic.ini"))
    assert not other.exists()


def test_settings_hold_in_setup_too() -> None:
    def setup(session: Session) -> None:
        session.execute(text("INSERT INTO payments (account_id, amount, note) VALUES (99, 1, '')"))

    with pytest.raises(UsageError, match="the rows before break a declared constraint"):
        drill(bank(transfer, setup=setup))
    with pytest.raises(UsageError, match="FOREIGN KEY constraint failed"):
        drill(bank(transfer, setup=setup), settings={"foreign_keys": "on"})


def test_a_setup_that_the_database_refuses_is_a_usage_error() -> None:
    def setup(session: Session) -> None:
        session.add_all([Account(id=1, owner="Alice", balance=1), Account(id=1, owner="Bob", balance=1)])

    with pytest.raises(UsageError, match="setup= cannot write the rows before: UNIQUE constraint failed"):
        drill(bank(transfer, setup=setup))


def breaks(_: Any) -> None:
    raise KeyError("rates")


@pytest.mark.parametrize(("name", "says"), [("setup", "setup="), ("schema", "the schema")])
def test_one_that_breaks_is_the_users_and_named_with_its_line(name: str, says: str) -> None:
    line = breaks.__code__.co_firstlineno + 1
    with pytest.raises(UsageError, match=rf"^{says} raised KeyError: 'rates' \(at .*test_setup_guarded\.py:{line}\)$"):
        run_once(transfer, **{name: breaks})


def test_hooks_of_a_bound_engine_run_in_setup(own: Engine) -> None:
    @event.listens_for(own, "connect")
    def enforce(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.execute("PRAGMA foreign_keys = ON")

    def setup(session: Session) -> None:
        seed(session)
        session.commit()
        with own.connect() as connection:
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1

    assert balances(run_once(transfer, bind=NAME, setup=setup)) == (90, 10)

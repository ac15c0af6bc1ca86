"""The SQLite Sandbox: exactly the defaults or the settings asked for, any schema, and a reset that restores everything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from acidity.adapters.seam import PassThrough
from acidity.core.outcome import State
from acidity.engines import ENGINES, new_sandbox
from acidity.engines.sqlite.engine import SETTINGS
from acidity.engines.sqlite.sandbox import SqliteSandbox
from acidity.errors import UsageError
from acidity.prove.stage.stage import Stage
from tests.engines.bank import Account, Base, bank, run_once, seed
from tests.quality.drilled import drill

PRAGMAS = [*sorted(set(SETTINGS) - {"defer_foreign_keys"}), "encoding", "max_page_count", "journal_size_limit"]


@pytest.fixture
def made() -> Iterator[Callable[..., SqliteSandbox]]:
    """``made(settings)`` -> a Sandbox with the bank in it."""
    sandboxes: list[SqliteSandbox] = []

    def make(settings: dict[str, str] | None = None, schema: Callable[[Any], None] | None = None) -> SqliteSandbox:
        sandbox = ENGINES["sqlite"].sandbox(settings or {})
        assert isinstance(sandbox, SqliteSandbox)
        sandboxes.append(sandbox)
        sandbox.create(schema or Base.metadata.create_all, None if schema else seed)
        return sandbox

    yield make
    for sandbox in sandboxes:
        sandbox.close()


def write(sandbox: SqliteSandbox, script: str) -> None:
    with closing(sqlite3.connect(sandbox.path)) as connection:
        connection.executescript(script)


def ask(sandbox: SqliteSandbox, sql: str) -> Any:
    with closing(sqlite3.connect(sandbox.path)) as connection:
        return connection.execute(sql).fetchall()


def pragmas(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        return {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in PRAGMAS}


class TestSettings:
    def test_without_settings_it_is_what_create_engine_gives(self, tmp_path: Path) -> None:
        plain = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
        Base.metadata.create_all(plain)
        assert run_once(pragmas_of_the_engine).ending.answer == pragmas(plain)
        plain.dispose()

    @pytest.mark.parametrize(
        ("name", "value", "read"),
        [
            ("journal_mode", "wal", "wal"),
            ("journal_mode", "TRUNCATE", "truncate"),
            ("foreign_keys", "on", 1),
            ("synchronous", "off", 0),
            ("busy_timeout", "0", 0),
            ("page_size", "8192", 8192),
            ("auto_vacuum", "full", 1),
            ("recursive_triggers", "1", 1),
            ("cache_size", "-500", -500),
        ],
    )
    @pytest.mark.one_in(2)
    def test_settings_are_in_effect(self, name: str, value: str, read: object) -> None:
        found = run_once(pragmas_of_the_engine, settings={name: value}).ending.answer
        assert found[name] == read
        default = run_once(pragmas_of_the_engine).ending.answer
        assert {key for key in found if found[key] != default[key]} <= {name, "max_page_count"}

    def test_settings_are_named_in_the_report(self, made: Callable[..., SqliteSandbox]) -> None:
        assert made().info().settings == {"journal_mode": "delete"}
        info = made({"Journal_Mode": "wal", "foreign_keys": "on"}).info()
        assert info.settings == {"journal_mode": "wal", "foreign_keys": "on"}
        assert (info.name, info.version) == ("sqlite", sqlite3.sqlite_version)

    def test_a_journal_mode_that_the_users_own_hook_sets_is_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = create_engine("sqlite://")

        @event.listens_for(engine, "connect")
        def prefer_wal(dbapi_connection: Any, _record: Any) -> None:
            dbapi_connection.execute("PRAGMA journal_mode = WAL")

        def operation() -> None:
            with Session(engine) as session:
                session.add(Account(owner="Eve", balance=1))
                session.commit()

        monkeypatch.setattr(f"{__name__}.APP", engine, raising=False)
        report = drill(bank(operation, bind=f"{__name__}:APP"))
        assert report.engine.settings == {"journal_mode": "wal"}
        assert report.verdict == "pass", report  # a reader refuses no COMMIT in WAL, as it would elsewhere
        assert "WAL: a reader does not refuse COMMIT" in " ".join(str(report).split())

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"shared_buffers": "1"}, "setting 'shared_buffers' is not known for sqlite"),
            ({"journal_mode": "wal; DROP TABLE accounts"}, "is not a word or a number"),
            ({"journal_mode": ""}, "is not a word or a number"),
        ],
    )
    def test_others_are_a_usage_error(self, settings: dict[str, str], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            ENGINES["sqlite"].sandbox(settings)


def pragmas_of_the_engine(engine: Engine) -> dict[str, Any]:
    return pragmas(engine)


SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL UNIQUE, balance INTEGER NOT NULL,
    doubled INTEGER GENERATED ALWAYS AS (balance * 2) VIRTUAL, stored INTEGER AS (balance + 1) STORED,
    CHECK (balance >= 0));
CREATE TABLE log (id INTEGER PRIMARY KEY, account INTEGER REFERENCES accounts, amount INTEGER);
CREATE TRIGGER logged AFTER UPDATE ON accounts
    BEGIN INSERT INTO log (account, amount) VALUES (NEW.id, NEW.balance - OLD.balance); END;
CREATE VIEW rich AS SELECT owner FROM accounts WHERE balance > 50;
CREATE INDEX by_account ON log (account);
PRAGMA user_version = 7;
"""


def seed_by_sql(session: Session) -> None:
    session.execute(text("INSERT INTO accounts (owner, balance) VALUES ('Alice', 100), ('Bob', 0)"))


def pay(connection: Connection) -> Any:
    connection.execute(text("UPDATE accounts SET balance = 40 WHERE owner = 'Alice'"))
    connection.commit()
    return connection.execute(text("SELECT owner FROM rich")).scalars().all()


class TestSchema:
    def test_of_a_sql_file(self, tmp_path: Path) -> None:
        path = tmp_path / "schema.sql"
        path.write_text(SCHEMA)
        for schema in (path, str(path)):
            run = run_once(pay, schema=schema, setup=seed_by_sql)
            assert run.ending.answer == []
            assert run.second.tables["accounts"].rows == ((1, "Alice", 40, 80, 41), (2, "Bob", 0, 0, 1))
            assert run.second.tables["log"].rows == ((1, 1, -60),)
            assert run.second.tables["log"].references == {"account": ("accounts", "id")}
            names = {name for _, name, _ in run.second.tables["sqlite_schema"].rows}
            assert names == {"accounts", "log", "logged", "rich", "by_account"}

    def test_of_a_callable(self) -> None:
        def schema(connection: Connection) -> None:
            connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)"))
            connection.execute(text("CREATE VIEW rich AS SELECT owner FROM accounts WHERE balance > 50"))

        run = run_once(pay, schema=schema, setup=seed_by_sql)
        assert run.second.tables["accounts"].rows == ((1, "Alice", 40), (2, "Bob", 0))

    def test_of_metadata_or_of_a_declarative_base(self) -> None:
        for metadata in (Base.metadata, Base):
            assert run_once(lambda session: None, metadata=metadata).second.tables.keys() == {
                "accounts",
                "payments",
                "sqlite_schema",
            }

    @pytest.mark.parametrize(
        ("schema", "message"),
        [
            ("nowhere.sql", "'nowhere.sql' does not exist"),
            (3, "schema= takes a .sql file, an Alembic config, or callable"),
            (lambda connection: connection.execute(text("CREATE TABEL")), "cannot be created: near"),
        ],
    )
    def test_that_cannot_be_made_is_a_usage_error(self, schema: Any, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            run_once(pay, schema=schema)

    @pytest.mark.parametrize(
        "content", [b"CREATE TABEL t;", b"\xff\xfe\x00", b"CREATE TABLE t (a); CREATE TABLE t (a);"]
    )
    def test_files_that_cannot_be_read_are_a_usage_error(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "schema.sql"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"schema\.sql cannot be created"):
            run_once(pay, schema=path)

    def test_metadata_without_tables_is_a_usage_error(self) -> None:
        from sqlalchemy import MetaData

        with pytest.raises(UsageError, match="has no tables"):
            run_once(pay, metadata=MetaData())
        with pytest.raises(UsageError, match="takes a SQLAlchemy MetaData"):
            run_once(pay, metadata="models")


class TestReset:
    @pytest.mark.parametrize("mode", ["delete", "wal", "persist"])
    def test_everything_is_as_before(self, made: Callable[..., SqliteSandbox], mode: str) -> None:
        sandbox = made({"journal_mode": mode}, script)
        before = sandbox.look().state
        facts = (
            "SELECT * FROM sqlite_sequence",
            "PRAGMA user_version",
            "SELECT * FROM sqlite_master",
            "PRAGMA journal_mode",
        )
        known = [ask(sandbox, sql) for sql in facts]
        write(
            sandbox,
            """
            INSERT INTO accounts (owner, balance) VALUES ('Eve', 5); DELETE FROM accounts WHERE id = 1;
            ALTER TABLE log ADD COLUMN why TEXT; DROP VIEW rich; DROP INDEX by_account; CREATE TABLE more (id INTEGER);
            PRAGMA user_version = 99; UPDATE sqlite_sequence SET seq = 1000;
            """,
        )
        assert sandbox.look().state.fingerprint != before.fingerprint
        sandbox.reset()
        assert sandbox.look().state == before
        assert [ask(sandbox, sql) for sql in facts] == known

    def test_whatever_somebody_still_holds(self, made: Callable[..., SqliteSandbox]) -> None:
        """A connection with a lock and an open transaction keeps the old file; the new one is free."""
        sandbox = made()
        before = sandbox.look().state
        holder = sqlite3.connect(sandbox.path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("DELETE FROM accounts")
        beside = sandbox.connect_beside()
        sandbox.reset()
        assert sandbox.look().state == before
        write(sandbox, "UPDATE accounts SET balance = 3")
        with suppress(sqlite3.Error):
            holder.execute("COMMIT")
        holder.close()
        assert {row[2] for row in sandbox.look().state.tables["accounts"].rows} == {3}
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            beside.execute("SELECT 1")

    @pytest.mark.parametrize("mode", ["delete", "wal"])
    def test_an_idle_connection_that_somebody_holds(self, made: Callable[..., SqliteSandbox], mode: str) -> None:
        """It can write no more into the file that the next run has."""
        sandbox = made({"journal_mode": mode})
        before = sandbox.look().state
        holder = sqlite3.connect(sandbox.path, isolation_level=None)
        holder.execute("SELECT * FROM accounts").fetchall()
        sandbox.reset()
        with suppress(sqlite3.Error):
            holder.execute("UPDATE accounts SET balance = 3")
        assert sandbox.look().state == before
        holder.close()
        assert sandbox.look().state == before

    def test_a_file_that_the_program_has_removed(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made()
        before = sandbox.look().state
        sandbox.path.unlink()
        sandbox.reset()
        assert sandbox.look().state == before

    def test_a_hot_journal_is_no_part_of_the_rows_before(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made()
        before = sandbox.look().state
        for suffix in ("-journal", "-wal", "-shm"):
            Path(f"{sandbox.path}{suffix}").write_bytes(b"rubbish")
        sandbox.reset()
        assert sandbox.look().state == before
        assert sorted(path.name for path in sandbox.path.parent.glob("sandbox.db*")) == ["sandbox.db"]

    def test_runs_start_from_the_rows_before(self) -> None:
        def operation(session: Session) -> int:
            session.add(Account(owner="Eve", balance=1))
            session.commit()
            return session.query(Account).count()

        with Stage(bank(operation), "sqlite", {}) as stage:
            (once,) = stage.scenario.operations
            assert [stage.run(once, PassThrough()).ending.answer for _ in range(3)] == [3, 3, 3]
            assert stage.run(once, PassThrough(), reset=False).ending.answer == 4


def script(engine: Engine) -> None:
    raw: Any = engine.raw_connection()
    raw.driver_connection.executescript(
        SCHEMA + "INSERT INTO accounts (owner, balance) VALUES ('Alice', 100), ('Bob', 0);"
    )
    raw.close()


class TestLooking:
    def test_rows_keys_and_references(self, made: Callable[..., SqliteSandbox]) -> None:
        state = made().look().state
        payments = state.tables["payments"]
        assert payments.columns == ("id", "account_id", "amount", "note")
        assert payments.key == ("id",)
        assert payments.references == {"account_id": ("accounts", "id")}
        assert payments.rows == ((1, 1, 7, "old"),)

    def test_uncommitted_rows_are_not_seen(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made()
        with closing(sqlite3.connect(sandbox.path)) as writer:
            writer.execute("DELETE FROM payments")
            look = sandbox.look()
            assert len(look.state.tables["payments"].rows) == 1
            assert not look.locked_out

    @pytest.mark.parametrize("lock", ["EXCLUSIVE", "a refused COMMIT"])
    def test_a_lock_does_not_keep_it_out(self, made: Callable[..., SqliteSandbox], lock: str) -> None:
        sandbox = made()
        with closing(sqlite3.connect(sandbox.path, timeout=0, isolation_level=None)) as writer:
            if lock == "EXCLUSIVE":
                writer.execute("BEGIN EXCLUSIVE")
                writer.execute("DELETE FROM payments")
            else:
                reader = sandbox.connect_beside()
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM payments").fetchall()
                writer.execute("BEGIN")
                writer.execute("DELETE FROM payments")
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    writer.execute("COMMIT")
                reader.close()
            look = sandbox.look()
            assert look.locked_out
            assert len(look.state.tables["payments"].rows) == 1

    def test_broken_constraints_are_found_though_nobody_enforces_them(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made()
        assert sandbox.violations() == ()
        write(sandbox, "UPDATE payments SET account_id = 99")
        assert tuple(map(str, sandbox.violations())) == (
            "foreign key: payments rowid 1: account_id points at no row of accounts",
        )

    def test_broken_checks_are_found_though_they_were_switched_off(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made(schema=script)
        write(sandbox, "PRAGMA ignore_check_constraints = ON; UPDATE accounts SET balance = -1 WHERE id = 2")
        assert tuple(map(str, sandbox.violations())) == ("integrity: CHECK constraint failed in accounts",)

    def test_declared_constraints_are_counted(self, made: Callable[..., SqliteSandbox]) -> None:
        assert made(schema=script).constraints() == 7  # 2 primary keys, 2 not null, unique, check, foreign key

    def test_the_rows_before_can_only_be_read(self, made: Callable[..., SqliteSandbox]) -> None:
        sandbox = made()
        write(sandbox, "DELETE FROM payments")
        engine = create_engine(sandbox.before_url())
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM payments")).scalar() == 1
            with pytest.raises(Exception, match="readonly"):
                connection.execute(text("DELETE FROM payments"))
        engine.dispose()

    def test_equal_states_have_equal_fingerprints(self, made: Callable[..., SqliteSandbox]) -> None:
        one, other = made().look().state, made().look().state
        assert isinstance(one, State)
        assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "bogus"),
        ("synchronous", "bogus"),
        ("foreign_keys", "maybe"),
        ("page_size", "1000"),
        ("locking_mode", "none"),
        ("busy_timeout", "soon"),
        ("temp_store", "9"),
    ],
)
def test_a_setting_that_sqlite_does_not_take_is_a_usage_error(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"does not take '{value}' for the setting '{name}'"):
        run_once(pragmas_of_the_engine, settings={name: value})


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.one_in(2)
def test_the_twin_what_sqlite_has_by_itself_it_takes(name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    value = "delete" if name == "journal_mode" else str(value)
    assert not run_once(pragmas_of_the_engine, settings={name: value}).ending.exception


def test_a_connection_that_could_not_be_set_up_is_closed(tmp_path: Path) -> None:
    """Nobody gets it, so nobody else would; and it may hold a lock, as after an error of the disk."""
    path = tmp_path / "a.db"
    path.write_bytes(b"no database" * 100)
    sandbox = new_sandbox("sqlite", {"journal_mode": "persist"})
    connection = sqlite3.connect(path)
    try:
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            sandbox.configure(connection)
    finally:
        sandbox.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_the_file_tells_its_journal_mode_whatever_was_asked_for() -> None:
    sandbox = new_sandbox("sqlite", {"journal_mode": "persist"})
    assert isinstance(sandbox, SqliteSandbox)
    try:
        sandbox._traits = {"journal_mode": "wal"}
        assert sandbox.info().settings["journal_mode"] == "wal"
        sandbox._traits = {"journal_mode": "delete"}  # so another connection sees it
        assert sandbox.info().settings["journal_mode"] == "persist"
    finally:
        sandbox.close()

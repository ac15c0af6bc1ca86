"""Tables outside the default schema belong to the rows: what a program leaves there is compared, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.engines import new_sandbox
from acidity.engines.hosted import SCHEMA, HostedSandbox
from acidity.errors import UsageError
from acidity.prove import Scenario
from tests.engines.served import POSTGRESQL, psycopg_connection

SERVERS = ("postgresql", "mariadb")
ONE_FAULT: Any = {"faults": ("error-before",), "remedies": False}  # it finds what is torn


class Base(DeclarativeBase):
    """Everything is in the schema ``ledger``, and nothing in the default one."""


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = {"schema": "ledger"}

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


def ledger(connection: Connection) -> None:
    connection.execute(text("CREATE SCHEMA ledger"))
    Base.metadata.create_all(connection)


def two_accounts(session: Session) -> None:
    session.execute(text("INSERT INTO ledger.accounts VALUES (1, 100), (2, 0)"))


DEBIT = "UPDATE {}accounts SET balance = balance - 10 WHERE id = 1"
CREDIT = "UPDATE {}accounts SET balance = balance + 10 WHERE id = 2"


def core_torn(connection: Connection) -> None:
    connection.execute(text(DEBIT.format("ledger.")))
    connection.commit()
    connection.execute(text(CREDIT.format("ledger.")))
    connection.commit()


def core_right(connection: Connection) -> None:
    connection.execute(text(DEBIT.format("ledger.")))
    connection.execute(text(CREDIT.format("ledger.")))
    connection.commit()


def orm_torn(session: Session) -> None:
    session.get_one(Account, 1).balance -= 10
    session.commit()
    session.get_one(Account, 2).balance += 10
    session.commit()


def orm_right(session: Session) -> None:
    session.get_one(Account, 1).balance -= 10
    session.flush()
    session.get_one(Account, 2).balance += 10
    session.commit()


def switch(connection: Any) -> str:
    return "SET search_path TO ledger" if connection.dialect.name == "postgresql" else "USE ledger"


def path_torn(connection: Connection) -> None:
    connection.execute(text(switch(connection)))
    connection.execute(text(DEBIT.format("")))
    connection.commit()
    connection.execute(text(CREDIT.format("")))
    connection.commit()


def path_right(connection: Connection) -> None:
    connection.execute(text(switch(connection)))
    connection.execute(text(DEBIT.format("")))
    connection.execute(text(CREDIT.format("")))
    connection.commit()


def raw_torn(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute(DEBIT.format("ledger."))
    dbapi_connection.commit()
    cursor.execute(CREDIT.format("ledger."))
    dbapi_connection.commit()


def raw_right(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute(DEBIT.format("ledger."))
    cursor.execute(CREDIT.format("ledger."))
    dbapi_connection.commit()


def drilled(function: Callable[..., Any], db: str, **options: Any) -> Report:
    options = {"schema": ledger, "setup": two_accounts} | options
    return prove.drill(Scenario(function, **options), db=db, **ONE_FAULT)


@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("torn", [core_torn, orm_torn, path_torn, raw_torn], ids=lambda each: each.__name__)
@pytest.mark.one_in(2)
def test_two_commits_in_another_schema_are_torn(torn: Callable[..., Any], db: str) -> None:
    report = drilled(torn, db)
    assert {word for found in report.findings for word in found.errors} == {"torn"}, report
    assert "ledger.accounts" in str(report)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("right", [core_right, orm_right, path_right, raw_right], ids=lambda each: each.__name__)
@pytest.mark.one_in(2)
def test_one_commit_in_another_schema_passes(right: Callable[..., Any], db: str) -> None:
    report = drilled(right, db, invariants=[total_is_kept])
    assert report.verdict == "pass", report


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_schemas_that_metadata_names_are_made(db: str) -> None:
    assert drilled(orm_right, db, schema=None, metadata=Base.metadata).verdict == "pass"


def total_is_kept(session: Session, run: Any) -> bool:
    """Now and before: the rows before are those of the same schema, as they were."""
    assert [account.balance for account in run.before.query(Account).order_by(Account.id)] == [100, 0]
    return sum(account.balance for account in session.query(Account)) == 100


def with_notes(connection: Connection) -> None:
    ledger(connection)
    connection.execute(text("CREATE TABLE ledger.notes (id INT PRIMARY KEY, seen INT)"))


def notes_apart(connection: Connection) -> None:
    connection.execute(text("INSERT INTO ledger.notes VALUES (1, 1)"))
    connection.commit()
    core_right(connection)


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_tables_of_other_schemas_are_ignored_by_their_whole_name(db: str) -> None:
    assert drilled(notes_apart, db, schema=with_notes).verdict == "fail"
    assert drilled(notes_apart, db, schema=with_notes, ignore=["ledger.notes.*"]).verdict == "pass"
    with pytest.raises(UsageError, match=r"ledger\.notes\.seen"):
        drilled(notes_apart, db, schema=with_notes, ignore=["ledger.notes.sum"])


def makes_a_schema(connection: Connection) -> None:
    connection.execute(text("CREATE SCHEMA more"))
    connection.commit()
    connection.execute(text(DEBIT.format("ledger.")))
    connection.commit()


@pytest.mark.dear
def test_a_schema_that_the_operation_makes_is_a_change() -> None:
    report = drilled(makes_a_schema, "postgresql")
    assert {word for found in report.findings for word in found.errors} == {"torn"}, report


def makes_a_table(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE ledger.notes (id INT PRIMARY KEY)"))
    connection.commit()
    connection.execute(text(DEBIT.format("ledger.")))
    connection.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_a_table_that_the_operation_makes_there_is_a_change(db: str) -> None:
    report = drilled(makes_a_table, db)
    assert {word for found in report.findings for word in found.errors} == {"torn"}, report


# The Sandbox itself


@dataclass
class Made:
    """A Sandbox, and ways to write to it as a program does."""

    sandbox: HostedSandbox

    def write(self, script: str) -> None:
        self.sandbox.run_script(script)
        self.sandbox.settle([])


@pytest.fixture
def made() -> Iterator[Callable[[str, str], Made]]:
    """``made(db, script)`` -> a Sandbox with what the script makes."""
    sandboxes: list[HostedSandbox] = []

    def make(db: str, script: str) -> Made:
        sandbox = new_sandbox(db, {})
        assert isinstance(sandbox, HostedSandbox)
        sandboxes.append(sandbox)
        sandbox.create(lambda _: sandbox.run_script(script), None)
        return Made(sandbox)

    yield make
    for sandbox in sandboxes:
        sandbox.close()


EVERY_KIND = """
CREATE SCHEMA audit;
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE audit.log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int REFERENCES accounts, amount int);
CREATE TABLE audit.accounts (id int PRIMARY KEY);
CREATE TABLE "audit.log" (id int);
CREATE TABLE parts (id int, k int) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parent (id int);
CREATE TABLE child (more int) INHERITS (parent);
CREATE MATERIALIZED VIEW total AS SELECT sum(balance) FROM accounts;
INSERT INTO accounts VALUES (1, 100);
INSERT INTO audit.log (account, amount) VALUES (1, 5);
INSERT INTO parts VALUES (1, 2);
INSERT INTO parent VALUES (7);
INSERT INTO child VALUES (1, 2);
"""


@pytest.mark.dear
def test_every_kind_of_table_of_postgresql_is_read_once_and_put_back(made: Callable[[str, str], Made]) -> None:
    one = made("postgresql", EVERY_KIND)
    before = one.sandbox.look().state
    assert {name: table.rows for name, table in before.tables.items() if table.rows} == {
        "accounts": ((1, 100),),
        "audit.log": ((1, 1, 5),),
        "parts": ((1, 2),),
        "parent": ((7,),),
        "child": ((1, 2),),
        "total": ((None,),),
    }
    assert before.tables.keys() >= {"audit.accounts", '"audit.log"', SCHEMA}
    assert before.tables["audit.log"].references == {"account": ("accounts", "id")}
    for change, changed in {
        "DELETE FROM child; UPDATE parts SET k = 3": {"child", "parts"},
        'INSERT INTO audit.log (amount) VALUES (6); INSERT INTO "audit.log" VALUES (1)': {"audit.log", '"audit.log"'},
        "TRUNCATE audit.log": {"audit.log"},
        "UPDATE accounts SET balance = 1; REFRESH MATERIALIZED VIEW total": {"accounts", "total"},
        "CREATE SCHEMA more": {SCHEMA},
        "CREATE INDEX more ON audit.log (amount)": {SCHEMA},
        "ALTER TABLE accounts ALTER balance DROP NOT NULL": {SCHEMA},
        "DROP SCHEMA audit CASCADE": {"audit.log", "audit.accounts", SCHEMA},
        "CREATE TEMPORARY TABLE passing (id int)": set(),
    }.items():
        one.write(change)
        after = one.sandbox.look().state.tables
        assert {name for name in {*before.tables, *after} if before.tables.get(name) != after.get(name)} == changed
        one.sandbox.reset()
        assert one.sandbox.look().state == before, change


def test_every_kind_of_change_of_mariadb_is_seen_and_put_back(made: Callable[[str, str], Made]) -> None:
    one = made(
        "mariadb",
        """
        CREATE DATABASE audit_kinds; CREATE TABLE audit_kinds.log (id INT AUTO_INCREMENT PRIMARY KEY, amount INT);
        CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL, log INT REFERENCES audit_kinds.log (id));
        CREATE VIEW rich AS SELECT id FROM accounts;
        CREATE FUNCTION seven() RETURNS INT RETURN 7;
        CREATE TRIGGER kept AFTER UPDATE ON accounts FOR EACH ROW INSERT INTO audit_kinds.log (amount) VALUES (1);
        INSERT INTO audit_kinds.log (amount) VALUES (5); INSERT INTO accounts VALUES (1, 100, 1);
        """,
    )
    before = one.sandbox.look().state
    assert before.tables["accounts"].references == {"log": ("audit_kinds.log", "id")}
    for change, changed in {
        "UPDATE accounts SET balance = 1": {"accounts", "audit_kinds.log"},
        "CREATE INDEX more ON audit_kinds.log (amount)": {SCHEMA},
        "ALTER TABLE audit_kinds.log ADD COLUMN why TEXT": {"audit_kinds.log", SCHEMA},
        "CREATE TABLE audit_kinds.more (id INT)": {"audit_kinds.more", SCHEMA},
        "SET foreign_key_checks = 0; DROP DATABASE audit_kinds": {"audit_kinds.log", SCHEMA},
        "DROP TRIGGER kept; DROP FUNCTION seven; DROP VIEW rich": {SCHEMA},
        "CREATE TEMPORARY TABLE passing (id INT)": set(),
    }.items():
        one.write(change)
        after = one.sandbox.look().state.tables
        assert {name for name in {*before.tables, *after} if before.tables.get(name) != after.get(name)} == changed
        one.sandbox.reset()
        assert one.sandbox.look().state == before, change


@pytest.mark.parametrize("db", SERVERS)
def test_what_a_run_left_that_nobody_looked_at_is_put_back(made: Callable[[str, str], Made], db: str) -> None:
    one = made(db, "CREATE TABLE kept (id INT PRIMARY KEY); INSERT INTO kept VALUES (1)")
    before = one.sandbox.look().state
    one.sandbox.reset()
    one.write("DELETE FROM kept; CREATE TABLE more (id INT)")
    one.sandbox.reset()
    assert one.sandbox.look().state == before


@pytest.mark.parametrize("db", SERVERS)
def test_broken_references_between_schemas_are_found(made: Callable[[str, str], Made], db: str) -> None:
    one = made(
        db,
        "CREATE SCHEMA refers; CREATE TABLE refers.parents (id INT PRIMARY KEY);"
        "CREATE TABLE children (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES refers.parents (id))",
    )
    assert one.sandbox.violations() == ()
    off = "session_replication_role = replica" if db == "postgresql" else "foreign_key_checks = 0"
    one.sandbox.ask(f"SET {off}")
    one.sandbox.ask(f"INSERT INTO {one.sandbox.shapes['children'].place} VALUES (1, 99)")
    one.sandbox.look()
    (found,) = one.sandbox.violations()
    assert str(found) == "foreign key: children: parent points at no row of refers.parents in 1 row"


def as_superuser(connection: Connection, script: str) -> None:
    """What a program has had done by its administrator."""
    server = POSTGRESQL.start()
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    with closing(psycopg_connection(server, server.password, database)) as administrator:
        administrator.execute(script)


def with_an_extension(connection: Connection) -> None:
    ledger(connection)
    as_superuser(connection, "CREATE TABLE theirs (id int); ALTER EXTENSION plpgsql ADD TABLE theirs")


@pytest.mark.dear
def test_tables_of_an_extension_are_left_out_and_named() -> None:
    report = drilled(core_right, "postgresql", schema=with_an_extension)
    assert report.verdict == "pass", report
    assert "not compared: theirs (of the extension plpgsql)" in report.notes


def with_a_foreign_table(connection: Connection) -> None:
    ledger(connection)
    as_superuser(
        connection,
        "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;"
        "CREATE FOREIGN TABLE far (id int) SERVER elsewhere",
    )


def test_foreign_tables_make_a_run_unknown() -> None:
    report = drilled(core_right, "postgresql", schema=with_a_foreign_table)
    assert report.verdict == "unknown", report
    assert "the rows of the foreign table far are elsewhere" in str(report)


@pytest.mark.dear
def test_what_cannot_be_compared_is_said(made: Callable[[str, str], Made]) -> None:
    one = made("postgresql", "CREATE TABLE mine (id int)")
    before = one.sandbox.look()
    assert before.beyond == ()
    one.write("SELECT lo_from_bytea(0, 'abc')")
    assert one.sandbox.look().beyond == ("large objects were changed, and acidity does not compare them",)
    one.sandbox.reset()
    assert one.sandbox.look() == before


def stores_a_large_object(connection: Connection) -> None:
    connection.execute(text("SELECT lo_from_bytea(0, 'abc')"))
    connection.execute(text(DEBIT.format("ledger.")))
    connection.commit()


@pytest.mark.dear
def test_a_run_that_changes_what_cannot_be_compared_is_unknown() -> None:
    report = drilled(stores_a_large_object, "postgresql")
    assert report.verdict == "unknown"
    assert "large objects were changed" in str(report)


# Databases of MariaDB have names that the program chose


def test_a_database_that_acidity_did_not_make_is_refused(made: Callable[[str, str], Made]) -> None:
    holder = made("mariadb", "CREATE TABLE mine (id INT)")
    holder.sandbox.ask("CREATE DATABASE somebodys; CREATE TABLE somebodys.rows_ (id INT)")
    try:
        for script in ("CREATE DATABASE somebodys", "CREATE DATABASE IF NOT EXISTS `somebodys` CHARACTER SET utf8mb4"):
            with pytest.raises(UsageError, match=r"'somebodys'.*acidity did not make"):
                made("mariadb", script)
        assert holder.sandbox.ask("SELECT count(*) FROM somebodys.rows_") == [(0,)]
    finally:
        holder.sandbox.ask("DROP DATABASE somebodys")


def test_two_checks_do_not_share_a_database(made: Callable[[str, str], Made]) -> None:
    script = "CREATE DATABASE wanted; CREATE TABLE wanted.t (id INT)"
    first = made("mariadb", script)
    with pytest.raises(UsageError, match=r"'wanted'.*another check.*acidity\.server=dedicated"):
        made("mariadb", script)
    first.sandbox.close()
    assert "wanted.t" in made("mariadb", script).sandbox.look().state.tables


def test_nothing_is_left_of_the_databases_that_the_schema_made(made: Callable[[str, str], Made]) -> None:
    one = made("mariadb", "CREATE DATABASE passing_by; CREATE TABLE passing_by.t (id INT PRIMARY KEY)")
    other = made("mariadb", "CREATE TABLE mine (id INT)")
    listed = "SELECT schema_name FROM information_schema.schemata"
    theirs = {name for (name,) in other.sandbox.ask(listed) if one.sandbox.database in name or name == "passing_by"}
    assert len(theirs) == 5
    one.sandbox.close()
    assert not theirs & {name for (name,) in other.sandbox.ask(listed)}


def reaches_elsewhere(connection: Connection) -> None:
    connection.execute(text("CREATE DATABASE of_the_operation"))
    connection.commit()


def test_no_other_database_is_made_by_an_operation() -> None:
    with pytest.raises(UsageError, match="Access denied"):
        drilled(reaches_elsewhere, "mariadb")

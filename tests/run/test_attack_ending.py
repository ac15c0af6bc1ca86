"""Nothing inside a unit ends its transaction: refused where a text shows it, and seen where only the database knows (H3, H4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from acidity import atomic, savepoint
from acidity.run import BoundaryError, TransactionEnded, UnitPoisoned, configure_sqlite
from tests.run.attacked import Undo, add_to, drivers
from tests.run.bank import ALICE, BOB

# Texts that end a transaction and show it.
SHOWN = {
    "postgresql": [
        "SELECT 1; COMMIT",
        "SELECT 1; ROLLBACK",
        "/* a /* b */ c */ COMMIT",
        "SELECT 1; -- x\n END",
        "SELECT $$;$$; ABORT; BEGIN",
        "SELECT 1; PREPARE TRANSACTION 'x'",
    ],
    "mariadb": [
        "/*!COMMIT*/",
        "/*M! COMMIT*/",
        "/*!50000 CREATE TABLE shown (i int)*/",
        "#x\nCOMMIT",
        "-- x\nROLLBACK",
        "SET autocommit=1",
        "SET @@autocommit = 1",
        "SET SESSION autocommit=ON",
        "SET @x=1, autocommit=1",
        "SET STATEMENT max_statement_time=10 FOR CREATE TABLE shown (i int)",
        "LOCK TABLES accounts WRITE",
        "FLUSH TABLES",
        "FLUSH PRIVILEGES",
        "CHECK TABLE accounts",
        "ANALYZE NO_WRITE_TO_BINLOG TABLE accounts",
        "BACKUP STAGE START",
        "BACKUP LOCK accounts",
        "RESET QUERY CACHE",
        "INSTALL SONAME 'x'",
        "SET DEFAULT ROLE NONE",
        "CREATE TABLE shown (i int)",
        "DROP TABLE IF EXISTS shown",
        "TRUNCATE TABLE shown",
        "GRANT SELECT ON accounts TO nobody",
        "START TRANSACTION",
    ],
    "sqlite": ["COMMIT", "/* x */ END", "ROLLBACK", "-- x\nBEGIN"],
}
# Texts that end it, or may, without showing it.
HIDDEN = {
    "mariadb": [
        "CALL commits()",
        "CALL commits_and_begins()",
        "CALL defines()",
        "EXECUTE IMMEDIATE 'COMMIT'",
        "EXECUTE IMMEDIATE 'create table if not exists hidden (i int)'",
        "IF 1 THEN COMMIT; END IF",
        "BEGIN NOT ATOMIC COMMIT; START TRANSACTION; END",
        "CALL commits_and_fails()",
        "CALL rolls_back()",
        "SET @@`autocommit` = 1",
    ]
}
HARMLESS = {
    "mariadb": [
        "CALL only_reads()",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "IF 1 THEN SELECT 1; END IF",
        "SET autocommit=0",
        "DO 1",
    ],
    "postgresql": ["DO $$ BEGIN PERFORM 1; END $$", "CALL only_reads()", "SELECT 'COMMIT; x'", "EXPLAIN SELECT 1"],
    "sqlite": ["SELECT 'x; COMMIT'", "PRAGMA user_version"],
}
PROCEDURES = {
    "mariadb": {
        "commits": "COMMIT",
        "commits_and_begins": "BEGIN COMMIT; START TRANSACTION; END",
        "defines": "CREATE TABLE IF NOT EXISTS hidden (i int)",
        "commits_and_fails": "BEGIN COMMIT; SIGNAL SQLSTATE '45000'; END",
        "rolls_back": "ROLLBACK",
        "only_reads": "SELECT 1",
    },
    "postgresql": {"only_reads": "LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$"},
}


def cells(texts: dict[str, list[str]]) -> list[Any]:
    made = []
    for each in drivers(*texts):
        driver = each.values[0] if hasattr(each, "values") else each
        for statement in texts[driver.partition("+")[0]]:
            name = f"{driver}-{' '.join(statement.split())[:40]}"
            made.append(pytest.param(driver, statement, id=name, marks=getattr(each, "marks", ())))
    return made


def procedures(bank: Any) -> None:
    for name, body in PROCEDURES.get(bank.name, {}).items():
        verb = "CREATE OR REPLACE PROCEDURE" if bank.name != "sqlite" else ""
        bank.send(f"{verb} {name}() {body}".replace(":", "\\:"))


def driving(statement: str, *, then: str = "") -> Any:
    """A unit with this statement in its middle."""

    def body(session: Any) -> None:
        add_to(session, ALICE)
        session.connection().exec_driver_sql(statement.replace("%", "%%"))
        if then == "undo":
            raise Undo
        add_to(session, BOB)

    return body


@pytest.mark.parametrize(("driver", "statement"), cells(SHOWN))
@pytest.mark.one_in(2)
def test_h3_h4_a_text_that_shows_it_is_refused(bank_of: Any, driver: str, statement: str) -> None:
    bank = bank_of(driver)
    answers = bank.run(driving(statement), driving(statement, then="undo"))
    assert [type(each) for each in answers] == [BoundaryError, BoundaryError], answers
    assert bank.rows() == (100, 0)
    assert bank.run(lambda session: add_to(session, BOB)) == [None]
    assert bank.rows() == (100, 10)


@pytest.mark.parametrize(("driver", "statement"), cells(HIDDEN))
def test_h4_what_no_text_shows_is_seen_at_once(bank_of: Any, driver: str, statement: str) -> None:
    bank = bank_of(driver)
    procedures(bank)
    ended, undone, after = bank.run(
        driving(statement), driving(statement, then="undo"), driving("SELECT 1", then="undo")
    )
    assert [type(ended), type(undone), type(after)] == [TransactionEnded, TransactionEnded, Undo]
    assert " ".join(statement.split())[:40] in str(ended)
    assert "may be committed" in str(ended)
    assert bank.rows()[1] == 0  # nothing was done after it


@pytest.mark.parametrize(("driver", "statement"), cells(HARMLESS))
def test_h4_what_ends_nothing_passes(bank_of: Any, driver: str, statement: str) -> None:
    bank = bank_of(driver)
    procedures(bank)
    done, undone = bank.run(driving(statement), driving(statement, then="undo"))
    assert (done, type(undone)) == (None, Undo)
    assert bank.rows() == (110, 10)


@pytest.mark.parametrize("driver", drivers("mariadb"))
def test_h4_swallowed_or_inside_a_savepoint_it_is_told_all_the_same(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    procedures(bank)

    def swallowed(session: Any) -> None:
        add_to(session, ALICE)
        with pytest.raises(TransactionEnded):
            session.execute(text("CALL commits()"))

    def nested(session: Any) -> None:
        with session.begin_nested():
            add_to(session, ALICE)
            session.execute(text("CALL commits_and_begins()"))

    assert [type(each) for each in bank.run(swallowed, nested)] == [TransactionEnded] * 2


@pytest.mark.parametrize("driver", ["mariadb+pymysql", "postgresql+psycopg", "sqlite+pysqlite"])
def test_h4_past_sqlalchemy_it_is_seen_at_the_end(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    def past(then: str) -> Any:
        def body(session: Any) -> None:
            add_to(session, ALICE)
            session.connection().connection.cursor().execute("COMMIT")
            if then == "undo":
                raise Undo

        return body

    answers = bank.run(past(""), past("undo"))
    assert [type(each) for each in answers] == [TransactionEnded] * 2


def test_h4_the_key_of_a_torn_unit_is_not_answered_as_done(bank_of: Any) -> None:
    bank = bank_of("mariadb+pymysql")
    procedures(bank)
    engine = bank.engine()

    @atomic(engine, idempotency_key="key")
    def unit(session: Any, key: str) -> str:
        add_to(session, ALICE)
        session.execute(text("CALL commits()"))
        return "done"

    with pytest.raises(TransactionEnded, match="may be committed"):
        unit("torn")
    with pytest.raises(TransactionEnded, match="in part"):
        unit("torn")
    assert bank.rows() == (110, 0)
    engine.dispose()


def test_h4_after_a_commit_on_the_drivers_cursor_one_statement_tells_and_no_other_is_sent(bank_of: Any) -> None:
    """SQLite begins nothing anew: each further statement would be committed by itself."""
    bank = bank_of("sqlite+pysqlite")
    engine = bank.engine()
    configure_sqlite(engine)
    sent: list[int] = []

    @atomic(engine)
    def unit(session: Any) -> None:
        add_to(session, ALICE)
        session.connection().connection.driver_connection.execute("COMMIT")
        for owner in (BOB, BOB, BOB):
            sent.append(owner)
            add_to(session, owner)

    with pytest.raises(TransactionEnded):
        unit()
    engine.dispose()
    assert (sent, bank.rows()) == ([BOB], (110, 10))


def test_h4_a_row_that_sqlite_rolls_back_by_itself_undoes_the_unit(bank_of: Any) -> None:
    """ON CONFLICT ROLLBACK takes everything back, so that no savepoint can go on."""
    bank = bank_of("sqlite+pysqlite")

    def body(session: Any) -> None:
        add_to(session, ALICE)
        with pytest.raises(IntegrityError, match="UNIQUE"), savepoint():
            session.execute(text("INSERT OR ROLLBACK INTO accounts VALUES (1, 'again', 0)"))
        add_to(session, BOB)

    (told,) = bank.run(body)
    assert isinstance(told, UnitPoisoned)
    assert "UNIQUE" in str(told)  # the first error, and not that the savepoint is gone
    assert bank.rows() == (100, 0)


KILL = {
    "postgresql": "SELECT pg_terminate_backend({number})",
    "mariadb": "KILL {number}",
}
NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()"}


@pytest.mark.parametrize("driver", drivers("postgresql", "mariadb"))
def test_h4_a_connection_that_is_lost_is_no_end_of_the_transaction(bank_of: Any, driver: str) -> None:
    """What was not committed is gone with it, and another attempt may succeed."""
    bank = bank_of(driver)

    def killed(session: Any) -> None:
        add_to(session, ALICE)
        number = session.scalar(text(NUMBER[bank.name]))
        with ThreadPoolExecutor(1) as elsewhere:  # and not in the unit, which would refuse it
            elsewhere.submit(bank.send, KILL[bank.name].format(number=number)).result()
        add_to(session, BOB)

    lost, after = bank.run(killed, lambda session: add_to(session, BOB))
    assert isinstance(lost, DBAPIError | OSError), lost
    assert after is None
    assert bank.rows() == (100, 10)


TABLES = """
CREATE TABLE IF NOT EXISTS plain_rows (i int) ENGINE=MyISAM;
CREATE TABLE IF NOT EXISTS good_rows (i int) ENGINE=InnoDB;
CREATE OR REPLACE VIEW plain_view AS SELECT i FROM plain_rows;
CREATE OR REPLACE VIEW plain_view_2 AS SELECT i FROM plain_view;
CREATE OR REPLACE VIEW good_view AS SELECT i FROM good_rows;
CREATE TABLE IF NOT EXISTS told_rows (i int) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS twice_told_rows (i int) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS reading_rows (i int) ENGINE=InnoDB;
CREATE OR REPLACE TRIGGER tells AFTER INSERT ON told_rows FOR EACH ROW INSERT INTO plain_rows VALUES (NEW.i);
CREATE OR REPLACE TRIGGER tells_on BEFORE UPDATE ON twice_told_rows FOR EACH ROW CALL tell();
CREATE OR REPLACE TRIGGER looks AFTER INSERT ON reading_rows FOR EACH ROW SET @told = (SELECT MAX(i) FROM plain_rows)
"""
WRITERS = (
    "CREATE OR REPLACE PROCEDURE tell() BEGIN IF 1 THEN INSERT INTO told_rows VALUES (1); END IF; END",
    "CREATE OR REPLACE PROCEDURE looks() BEGIN SELECT MAX(i) INTO @told FROM plain_rows; END",
)


def tables_without_transactions(bank: Any) -> None:
    bank.send(*TABLES.strip().split(";\n"), *WRITERS)
    made = "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    assert bank.ask(lambda connection: connection.exec_driver_sql(made).scalar()) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO plain_rows VALUES (1)",
        "INSERT /*c*/ INTO plain_rows VALUES (1)",
        "INSERT INTO plain_view VALUES (1)",
        "INSERT INTO `plain_view_2` VALUES (1)",
        "UPDATE accounts, plain_rows SET plain_rows.i = 3",
        "UPDATE accounts JOIN plain_rows p ON 1 SET p.i = 3",
        "DELETE p FROM accounts JOIN plain_rows p ON 1",
        "DELETE FROM p USING accounts JOIN plain_rows p",
        "REPLACE plain_rows SET i = 1",
        "LOAD DATA INFILE 'x' INTO TABLE plain_rows",
        "UPDATE accounts, plain_rows SET balance = 3, i = '; SET accounts.i ='",
        "UPDATE (accounts, plain_rows) SET i = 3",
        "INSERT INTO told_rows VALUES (1)",
        "UPDATE twice_told_rows SET i = 3",
        "CALL tell()",
    ],
)
@pytest.mark.one_in(2)
def test_h4_a_table_without_transactions_is_seen(bank_of: Any, statement: str) -> None:
    bank = bank_of("mariadb+pymysql")
    tables_without_transactions(bank)
    (told,) = bank.run(driving(statement, then="undo"))
    assert type(told) is BoundaryError, told
    assert "no transactions" in str(told)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO good_view VALUES (1)",
        "INSERT INTO good_rows SELECT i FROM plain_rows",
        "UPDATE accounts JOIN plain_rows p ON 1 SET accounts.balance = 3",
        "DELETE g FROM good_rows g JOIN plain_rows p ON 1",
        "INSERT INTO reading_rows VALUES (1)",
        "CALL looks()",
    ],
)
def test_h4_a_table_without_transactions_may_be_read(bank_of: Any, statement: str) -> None:
    bank = bank_of("mariadb+pymysql")
    tables_without_transactions(bank)
    assert [type(each) for each in bank.run(driving(statement, then="undo"))] == [Undo]
    assert bank.rows() == (100, 0)

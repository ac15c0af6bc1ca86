"""What ends a transaction, by somebody who read only the pages: a text, or a call of SQLAlchemy or of the driver."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from tests.run.stranger.place import ALL, MARIA, POSTGRES, SQLITE, BoomError, Place, write


class Ending(NamedTuple):
    """What is done between the two rows of a unit.

    Attributes:
        name: of it.
        drivers: that it concerns.
        end: is given the session.
    """

    name: str
    drivers: tuple[str, ...]
    end: Callable[[Any], Any]

    def hit(self, place: Place, *, raises: bool) -> None:
        """Try it in a unit, which ends well or by an error."""

        def body(session: Any) -> None:
            write(session, 1)
            self.end(session)
            write(session, 2)
            if raises:
                raise BoomError

        place.unit(body)


def raw(session: Any) -> Any:
    """The connection as the driver or SQLAlchemy's adapter made it."""
    return session.connection().connection.dbapi_connection


def driver(session: Any) -> Any:
    return session.connection().connection.driver_connection


def done(answer: Any) -> Any:
    return await_only(answer) if hasattr(answer, "__await__") else answer


ENDINGS: list[Ending] = []


def ending(drivers: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        ENDINGS.append(Ending(function.__name__, tuple(drivers.split()), function))
        return function

    return register


def sent(name: str, drivers: str, *statements: str) -> None:
    """An ending by text, through SQLAlchemy and on the driver's own cursor."""

    def through(session: Any) -> None:
        for statement in statements:
            session.connection().exec_driver_sql(statement)

    def cursor(session: Any) -> None:
        made = raw(session).cursor()
        for statement in statements:
            made.execute(statement)
        made.close()

    ENDINGS.append(Ending(name, tuple(drivers.split()), through))
    ENDINGS.append(Ending(f"{name}_cursor", tuple(drivers.split()), cursor))


sent("commit_begin", ALL, "COMMIT", "BEGIN")
sent("nested_comment", POSTGRES, "/* a /* b */ ; */ CoMmIt /* x */ AND CHAIN")
sent("line_comment", ALL, "-- ' \n  COMMIT")
sent("several", POSTGRES, "SELECT $$;$$; SELECT ';--'; COMMIT; BEGIN")
sent("dollar", POSTGRES, "SELECT $a$ ' $a$; END; BEGIN; SELECT $b$ ' $b$")
sent("abort", POSTGRES, "ABORT", "BEGIN")
sent("escape_string", POSTGRES, r"SELECT E'\'; -- '; COMMIT; BEGIN; SELECT '1'")
sent("do", POSTGRES, "DO $$ BEGIN COMMIT; END $$")
sent("call", POSTGRES, "CALL ends()")
sent("prepare_transaction", POSTGRES, "PREPARE TRANSACTION 'stranger'", "BEGIN")
sent("release_unknown", ALL, "ROLLBACK TO SAVEPOINT never_set")
sent("own_savepoint", ALL, "SAVEPOINT mine", "RELEASE SAVEPOINT mine")
sent("set_constraints", POSTGRES, "SET TRANSACTION READ ONLY")
sent("discard", POSTGRES, "DISCARD ALL")
sent("kill_me", POSTGRES, "SELECT pg_terminate_backend(pg_backend_pid())")
sent("end_sqlite", SQLITE, "END TRANSACTION", "BEGIN IMMEDIATE")
sent("semicolons", SQLITE, ";;/**/ ; COMMIT")
sent("or_rollback", SQLITE, "INSERT OR ROLLBACK INTO t VALUES (1)")
sent("savepoint_after", SQLITE, "ROLLBACK", "SAVEPOINT a")
sent("vacuum", SQLITE, "VACUUM")
sent("raise_rollback", SQLITE, "INSERT INTO u VALUES (13)")
sent("executable", MARIA, "/*!50000 COMMIT */")
sent("executable_m", MARIA, "/*M!100000 COM*/MIT")
sent("executable_inside", MARIA, "/*! ALTER */ TABLE u COMMENT 'x'")
sent("hash_comment", MARIA, "# x ' \nCOMMIT")
sent("not_atomic", MARIA, "BEGIN NOT ATOMIC COMMIT; START TRANSACTION; END")
sent("immediate", MARIA, "EXECUTE IMMEDIATE CONCAT('COM', 'MIT')")
sent("prepared", MARIA, "PREPARE s FROM 'COMMIT'", "EXECUTE s", "START TRANSACTION")
sent("set_statement", MARIA, "SET STATEMENT max_statement_time=9 FOR COMMIT")
sent("autocommit", MARIA, "SET @a = 1, @@session.autocommit := 1")
sent("autocommit_off_on", MARIA, "SET SESSION autocommit = ON", "SET autocommit = 0")
sent("lock_tables", MARIA, "LOCK TABLES t WRITE", "UNLOCK TABLES")
sent("flush", MARIA, "FLUSH TABLES")
sent("analyze", MARIA, "ANALYZE TABLE t")
sent("checks", MARIA, "CHECK TABLE t")
sent("truncate", MARIA, "TRUNCATE u")
sent("sequence", MARIA, "CREATE OR REPLACE SEQUENCE seq")
sent("role", MARIA, "CREATE OR REPLACE ROLE stranger")
sent("grant", MARIA, "GRANT USAGE ON *.* TO CURRENT_USER")
sent("temporary", MARIA, "CREATE TEMPORARY TABLE v (id INT)")
sent("view", MARIA, "CREATE OR REPLACE VIEW w AS SELECT 1")
sent("xa", MARIA, "XA START 'stranger'")
sent("chained", MARIA, "SET completion_type = CHAIN", "COMMIT")
sent("released", MARIA, "SET completion_type = RELEASE")
sent("called", MARIA, "CALL ends()")
sent("reset_savepoints", MARIA, "CALL hides()")
sent("kill_me", MARIA, "KILL CONNECTION_ID()")
sent("backup", MARIA, "BACKUP STAGE START")
sent("if_block", MARIA, "IF 1 THEN COMMIT; START TRANSACTION; END IF")
sent("labelled", MARIA, "x: BEGIN NOT ATOMIC COMMIT; START TRANSACTION; END x")
sent("loop_block", MARIA, "FOR i IN 1..1 DO COMMIT; START TRANSACTION; END FOR")
sent("triggered", MARIA, "SELECT * FROM (SELECT 1) x PROCEDURE ANALYSE()")
sent("engine_change", MARIA, "ALTER TABLE u ENGINE=InnoDB")
sent("events", MARIA, "CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1")


@ending(ALL)
def proxy_commit(session: Any) -> None:
    session.connection().connection.commit()


@ending(ALL)
def proxy_rollback(session: Any) -> None:
    session.connection().connection.rollback()


@ending(SQLITE + " psycopg psycopg2 " + MARIA)
def driver_commit(session: Any) -> None:
    done(driver(session).commit())


@ending(SQLITE + " psycopg psycopg2 " + MARIA)
def driver_rollback(session: Any) -> None:
    done(driver(session).rollback())


@ending("asyncpg")
def asyncpg_script(session: Any) -> None:
    done(driver(session).execute("COMMIT; BEGIN"))


@ending("asyncpg")
def asyncpg_reset(session: Any) -> None:
    done(driver(session).reset())


@ending("psycopg")
def psycopg_protocol(session: Any) -> None:
    driver(session).pgconn.exec_(b"COMMIT; BEGIN")


@ending("psycopg")
def psycopg_property(session: Any) -> None:
    made = driver(session)
    made.commit()
    made.autocommit = True


@ending("psycopg")
def psycopg_refused_property(session: Any) -> None:
    driver(session).autocommit = True


@ending("psycopg")
def psycopg_block(session: Any) -> None:
    with driver(session).transaction():
        pass


@ending("psycopg2")
def psycopg2_block(session: Any) -> None:
    with driver(session):
        pass


@ending("psycopg2")
def psycopg2_reset(session: Any) -> None:
    driver(session).reset()


@ending("psycopg2")
def psycopg2_level(session: Any) -> None:
    driver(session).set_isolation_level(0)


@ending(POSTGRES)
def two_phase_driver(session: Any) -> None:
    made = driver(session)
    done(made.tpc_begin(made.xid(1, "stranger", "b")))


@ending("pymysql")
def pymysql_begin(session: Any) -> None:
    driver(session).begin()


@ending("pymysql")
def pymysql_autocommit(session: Any) -> None:
    driver(session).autocommit(True)


@ending("pymysql")
def pymysql_query(session: Any) -> None:
    driver(session).query("COMMIT")
    driver(session).query("BEGIN")


@ending("pymysql")
def pymysql_again(session: Any) -> None:
    """Another connection behind the same object: the first row is gone, the second would be committed."""
    driver(session).close()
    driver(session).connect()
    driver(session).begin()


@ending("aiomysql")
def aiomysql_begin(session: Any) -> None:
    done(driver(session).begin())


@ending("aiomysql")
def aiomysql_autocommit(session: Any) -> None:
    done(driver(session).autocommit(True))


@ending("sqlite3")
def script(session: Any) -> None:
    raw(session).executescript("SELECT 1; BEGIN")


@ending("sqlite3")
def level_none(session: Any) -> None:
    driver(session).isolation_level = None


@ending("sqlite3")
def block_of_sqlite(session: Any) -> None:
    with driver(session):
        pass


@ending("sqlite3")
def block_then_begin(session: Any) -> None:
    with driver(session):
        pass
    driver(session).execute("BEGIN")


@ending("aiosqlite")
def async_script(session: Any) -> None:
    done(driver(session).executescript("SELECT 1; BEGIN"))


@ending(ALL)
def session_transaction(session: Any) -> None:
    session.get_transaction().commit()


@ending(ALL)
def connection_transaction(session: Any) -> None:
    session.connection().get_transaction().commit()


@ending(ALL)
def connection_commit(session: Any) -> None:
    session.connection().commit()


@ending(ALL)
def connection_closed(session: Any) -> None:
    session.connection().close()


@ending(ALL)
def connection_invalidated(session: Any) -> None:
    session.connection().invalidate()


@ending(ALL)
def connection_detached(session: Any) -> None:
    session.connection().detach()


@ending(ALL)
def dialect_commit(session: Any) -> None:
    session.connection().dialect.do_commit(session.connection().connection)
    session.connection().dialect.do_begin(session.connection().connection)


@ending(ALL)
def class_commit(session: Any) -> None:
    Session.commit(session)


@ending(ALL)
def class_rollback(session: Any) -> None:
    Session.rollback(session)


@ending(ALL)
def reset(session: Any) -> None:
    session.reset()


@ending(ALL)
def close_all(_session: Any) -> None:
    from sqlalchemy.orm import close_all_sessions

    close_all_sessions()


@ending(ALL)
def execution_option(session: Any) -> None:
    session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


@ending(ALL)
def execution_option_core(session: Any) -> None:
    session.connection().execution_options(isolation_level="AUTOCOMMIT")


@ending(ALL)
def dialect_level(session: Any) -> None:
    connection = session.connection()
    connection.dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")


@ending(ALL)
def text_option(session: Any) -> None:
    session.execute(text("SELECT 1").execution_options(isolation_level="AUTOCOMMIT"))


@ending(ALL)
def swallowed(session: Any) -> None:
    with suppress(DBAPIError):
        write(session, 1)


@ending(ALL)
def swallowed_cursor(session: Any) -> None:
    made = raw(session).cursor()
    with suppress(Exception):
        made.execute("INSERT INTO t VALUES (1)")
    made.close()


@ending(ALL)
def prepared_session(session: Any) -> None:
    session.prepare()

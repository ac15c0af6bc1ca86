"""Letter I does not pass what commits between two statements of one Call: nobody is let in there."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.explore.on_the_way import is_in_parts

TABLE = "CREATE TABLE a (id INT PRIMARY KEY, v INT NOT NULL)"
READS, PUTS, TAKES = (
    "SELECT v INTO x FROM a WHERE id = 1",
    "UPDATE a SET v = x - 1 WHERE id = 1",
    "UPDATE a SET v = v - 1",
)


def schema(connection: Connection) -> None:
    connection.exec_driver_sql(TABLE)
    if connection.dialect.name == "postgresql":
        head = "CREATE PROCEDURE {}() LANGUAGE plpgsql AS $$ DECLARE x INT; BEGIN {} END $$"
        begin = ""
        hashed = "SELECT v # 0 INTO x FROM a WHERE id = 1"  # an operator; to MariaDB it begins a comment
    else:
        hashed = f"{READS} # COMMIT\n"
        head, begin = "CREATE PROCEDURE {}() BEGIN DECLARE x INT; {} END", "START TRANSACTION; "
    for name, body in (
        ("in_parts", f"{READS}; COMMIT; {begin}{PUTS}; COMMIT;"),
        ("whole", f"{begin}{TAKES}; {TAKES}; COMMIT;  /* COMMIT; SELECT 1 */"),
        ("takes", f"{READS}; {PUTS};"),
        ("calls", "CALL in_parts();"),
        ("rolls_back", f"{READS}; ROLLBACK; {begin}{PUTS}; COMMIT;"),
        ("hidden", f"{hashed}; COMMIT; {begin}{PUTS}; COMMIT;"),
    ):
        connection.exec_driver_sql(head.format(name, body).replace("%", "%%"))


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO a VALUES (1, 10)")


def on_postgresql(dsn: Any, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CALL {name}()")


def in_a_block(dsn: Any, _name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"DO $x$ DECLARE x INT; BEGIN {READS}; COMMIT; {PUTS}; END $x$")  # type: ignore[arg-type]


def on_mariadb(dsn: Any, name: str) -> None:
    with closing(pymysql.connect(**dsn, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CALL {name}()")


def in_a_transaction(dsn: Any, name: str) -> None:
    with closing(pymysql.connect(**dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT v FROM a WHERE id = 1 FOR UPDATE")
        cursor.execute(f"CALL {name}()")
        connection.commit()


CASES = [
    ("postgresql", on_postgresql, "in_parts", False),
    ("postgresql", on_postgresql, "calls", False),
    ("postgresql", on_postgresql, "whole", True),
    ("postgresql", on_postgresql, "rolls_back", False),
    ("postgresql", on_postgresql, "hidden", False),
    ("postgresql", in_a_block, "in_parts", False),
    ("mariadb", on_mariadb, "in_parts", False),
    ("mariadb", on_mariadb, "calls", False),
    ("mariadb", on_mariadb, "whole", True),
    ("mariadb", on_mariadb, "rolls_back", False),
    ("mariadb", on_mariadb, "hidden", False),
    ("mariadb", on_mariadb, "takes", False),
    ("mariadb", in_a_transaction, "takes", True),
]


@pytest.mark.dear
@pytest.mark.parametrize(("db", "function", "name", "passes"), CASES)
def test_a_commit_between_two_statements_is_unknown(db: str, function: Any, name: str, *, passes: bool) -> None:
    report = prove.explore(Scenario(Operation(function, name), schema=schema, setup=fill), db=db)
    assert report.verdict == ("pass" if passes else "unknown"), report.unknowns
    assert passes or "the database commits inside this call" in report.unknowns[0]


@pytest.mark.parametrize(
    ("body", "alone", "expected"),
    [
        ("", True, False),
        ("select 1", True, False),
        ("select 1; update a set v = 1", True, True),
        ("select 1; update a set v = 1", False, False),
        ("start transaction; select 1; update a set v = 1; commit", True, False),
        ("select 1; start transaction; update a set v = 1; commit", True, True),
        ("start transaction; update a set v = 1; commit; select 1", True, True),
        ("commit; update a set v = 1; commit", False, False),
        ("select 1; rollback; update a set v = 1", False, True),
        ("savepoint s; select 1; rollback to s; update a set v = 1", False, False),
        ("select 1; start transaction; update a set v = 1", False, True),
        ("while x > 0 do update a set v = 1; commit; end while", False, True),
        ("while x > 0 do update a set v = 1; end while; commit", False, False),
        ("for r in select id from b loop update a set v = 1; end loop; commit", False, False),
        ("for r in select id from b loop update a set v = 1; commit; end loop", False, True),
        ("select v from a for update; update a set v = repeat('', 3); commit", False, False),
        ("while x > 0 do update a set v = 1; end while", False, False),
        ("while x > 0 do update a set v = 1; end while", True, True),
    ],
)
def test_what_is_in_parts(body: str, alone: bool, expected: bool) -> None:  # noqa: FBT001
    assert is_in_parts([text.strip() for text in body.split(";")], alone=alone) is expected

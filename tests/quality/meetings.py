"""Two callers that meet on what a schema can have: computed columns, indexes of some rows, sequences, collations, cascades.

Each caller has texts, one after another, and commits in the end; ``?`` before a text says that its error is swallowed
within a savepoint, ``!`` without one, and ``commit`` and ``rollback`` are what they say.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES, SERVERS

Texts = tuple[str, ...]


class Meeting(NamedTuple):
    """Two callers.

    Attributes:
        called: its name.
        engines: those that know its words.
        schema: texts that make the tables and the rows before.
        one: the texts of the first caller.
        other: those of the second.
    """

    called: str
    engines: tuple[str, ...]
    schema: Texts
    one: Texts
    other: Texts

    def scenario(self) -> Scenario:
        """Both at once."""

        def schema(connection: Connection) -> None:
            for made in self.schema:
                if made.startswith("CREATE"):
                    connection.execute(text(made))

        def setup(session: Session) -> None:
            for made in self.schema:
                if not made.startswith("CREATE"):
                    session.execute(text(made))

        operations = [Operation(play, each, inject="connection") for each in (self.one, self.other)]
        return Scenario(*operations, schema=schema, setup=setup)


def play(connection: Connection, texts: Texts) -> str:
    """Carry the texts out, and answer with all that was read."""
    said: list[Any] = []
    for each in texts:
        if each in {"commit", "rollback"}:
            getattr(connection, each)()
            continue
        try:
            if each.startswith("!"):
                said.append(_asked(connection, each[1:]))
            elif each.startswith("?") and connection.dialect.name != "sqlite":
                with connection.begin_nested():
                    said.append(_asked(connection, each[1:]))
            else:
                said.append(_asked(connection, each.removeprefix("?")))
        except DBAPIError as error:
            if not each.startswith(("?", "!")):
                raise
            said.append(type(error).__name__)
    connection.commit()
    return repr(said)


def _asked(connection: Connection, sql: str) -> Any:
    result = connection.execute(text(sql))
    return [tuple(row) for row in result] if result.returns_rows else result.rowcount


EVERYWHERE, ON_SERVERS = ENGINES, SERVERS
POSTGRESQL, MARIADB = ("postgresql",), ("mariadb",)
NOT_MARIADB, NOT_POSTGRESQL = ("sqlite", "postgresql"), ("sqlite", "mariadb")
ROWS = (
    "CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER, w INTEGER)",
    "INSERT INTO g VALUES (1, 1, 1), (2, 1, 2), (3, 0, 2)",
)
TWO_PARENTS = (
    "CREATE TABLE p (id INTEGER PRIMARY KEY, v INTEGER)",
    "CREATE TABLE o (id INTEGER PRIMARY KEY, v INTEGER)",
    """CREATE TABLE ch (id INTEGER PRIMARY KEY, p_id INTEGER, o_id INTEGER, v INTEGER,
    FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (o_id) REFERENCES o (id))""",
    "INSERT INTO p VALUES (1, 1)",
    "INSERT INTO o VALUES (1, 1), (2, 2)",
)
FREE_PARENT = "SELECT id FROM o ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"

MEETINGS = (
    Meeting(
        "a computed unique column",
        EVERYWHERE,
        (
            "CREATE TABLE g (id INTEGER PRIMARY KEY, v INTEGER, u INTEGER GENERATED ALWAYS AS (v % 10) STORED UNIQUE)",
            "INSERT INTO g (id, v) VALUES (1, 1), (2, 2), (3,3)",
        ),
        ("UPDATE g SET v = 5 WHERE id = 1", "rollback", "SELECT 1"),
        ("?UPDATE g SET v = 15 WHERE id = 2", "SELECT v FROM g WHERE id = 3"),
    ),
    Meeting(
        "a unique index of some rows",
        NOT_MARIADB,
        (
            "CREATE TABLE g (id INTEGER PRIMARY KEY, seat INTEGER, active INTEGER)",
            "CREATE UNIQUE INDEX one ON g (seat) WHERE active = 1",
            "INSERT INTO g VALUES (1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 2, 0)",
        ),
        ("?UPDATE g SET active = 1 WHERE id = 1", "?UPDATE g SET active = 1 WHERE id = 3"),
        ("?UPDATE g SET active = 1 WHERE id = 4", "?UPDATE g SET active = 1 WHERE id = 2"),
    ),
    Meeting(
        "a sequence of two tables",
        POSTGRESQL,
        (
            "CREATE SEQUENCE s",
            "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER DEFAULT nextval('s'))",
            "CREATE TABLE b (id INTEGER PRIMARY KEY, n INTEGER DEFAULT nextval('s'))",
        ),
        ("INSERT INTO a (id) VALUES (1)", "SELECT n FROM a"),
        ("INSERT INTO b (id) VALUES (1)", "SELECT n FROM b"),
    ),
    Meeting(
        "a sequence of a column",
        POSTGRESQL,
        ("CREATE SEQUENCE s", "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER DEFAULT nextval('s'))"),
        ("INSERT INTO a (id) VALUES (1)", "SELECT n FROM a WHERE id = 1"),
        ("INSERT INTO a (id) VALUES (2)", "SELECT n FROM a WHERE id = 2"),
    ),
    Meeting(
        "a table of the same name elsewhere",
        MARIADB,
        (
            "CREATE TABLE g (k INTEGER PRIMARY KEY, u INTEGER)",
            "CREATE DATABASE elsewhere",
            "CREATE TABLE elsewhere.g (k INTEGER PRIMARY KEY, u INTEGER UNIQUE)",
            "INSERT INTO elsewhere.g VALUES (1, 1), (2, 2)",
        ),
        ("UPDATE elsewhere.g SET u = 5 WHERE k = 1", "rollback"),
        ("?UPDATE elsewhere.g SET u = 5 WHERE k = 2",),
    ),
    Meeting(
        "default key",
        EVERYWHERE,
        ("CREATE TABLE a (id INTEGER DEFAULT 1, v INTEGER, PRIMARY KEY (id))",),
        ("?INSERT INTO a (v) VALUES (1)", "rollback"),
        ("?INSERT INTO a (v) VALUES (2)",),
    ),
    Meeting(
        "expression unique",
        NOT_MARIADB,
        (
            "CREATE TABLE g (id INTEGER PRIMARY KEY, n VARCHAR(9))",
            "CREATE UNIQUE INDEX one ON g (lower(n))",
            "INSERT INTO g VALUES (1, 'x'), (2, 'y')",
        ),
        ("UPDATE g SET n = 'A' WHERE id = 1", "rollback"),
        ("?UPDATE g SET n = 'a' WHERE id = 2",),
    ),
    Meeting(
        "text key trailing",
        EVERYWHERE,
        ("CREATE TABLE g (k VARCHAR(9) PRIMARY KEY, v INTEGER)",),
        ("?INSERT INTO g VALUES ('a', 1)", "rollback"),
        ("?INSERT INTO g VALUES ('A ', 2)",),
    ),
    Meeting(
        "text key case",
        EVERYWHERE,
        ("CREATE TABLE g (k VARCHAR(9) PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES ('ab', 1)"),
        ("UPDATE g SET v = 5 WHERE k = 'AB'", "rollback"),
        ("UPDATE g SET v = v + 1 WHERE k = 'ab'",),
    ),
    Meeting(
        "char pad",
        EVERYWHERE,
        ("CREATE TABLE g (k CHAR(4) PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES ('ab', 1)"),
        ("UPDATE g SET v = 5 WHERE k = 'ab'", "rollback"),
        ("UPDATE g SET v = v + 1 WHERE k = 'ab'", "SELECT v FROM g WHERE k = 'ab  '"),
    ),
    Meeting(
        "bool key",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1)"),
        ("UPDATE g SET v = 5 WHERE k = 1", "rollback"),
        ("UPDATE g SET v = v + 1 WHERE k = 01",),
    ),
    Meeting(
        "string for number",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1)"),
        ("UPDATE g SET v = 5 WHERE k = '1'", "rollback"),
        ("UPDATE g SET v = v + 1 WHERE k = 1",),
    ),
    Meeting(
        "number for text",
        NOT_POSTGRESQL,
        ("CREATE TABLE g (k VARCHAR(9) PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES ('1', 1), ('01', 3)"),
        ("UPDATE g SET v = 5 WHERE k = 1", "rollback"),
        ("UPDATE g SET v = v + 1 WHERE k = '01'",),
    ),
    Meeting(
        "insert select",
        EVERYWHERE,
        (
            "CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)",
            "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)",
            "INSERT INTO g VALUES (1, 1)",
        ),
        ("INSERT INTO h SELECT k + 1, v FROM g",),
        ("UPDATE g SET v = v + 1 WHERE k = 1", "SELECT count(*) FROM h"),
    ),
    Meeting(
        "cascade set null",
        EVERYWHERE,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY, v INTEGER)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES p (k) ON DELETE SET NULL)",
            "INSERT INTO p VALUES (1, 1)",
            "INSERT INTO q VALUES (1, 1)",
        ),
        ("DELETE FROM p WHERE k = 1",),
        ("SELECT p FROM q WHERE k = 1", "UPDATE q SET p = 1 WHERE k = 1"),
    ),
    Meeting(
        "check by unique null",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, u INTEGER UNIQUE)", "INSERT INTO g VALUES (1, NULL), (2, NULL)"),
        ("UPDATE g SET u = 7 WHERE k = 1", "rollback"),
        ("?UPDATE g SET u = 7 WHERE k = 2",),
    ),
    Meeting(
        "self reference",
        EVERYWHERE,
        (
            "CREATE TABLE g (k INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES g (k) ON DELETE CASCADE)",
            "INSERT INTO g VALUES (1, NULL)",
            "INSERT INTO g VALUES (2, 1)",
            "INSERT INTO g VALUES (3, 2)",
        ),
        ("DELETE FROM g WHERE k = 1",),
        ("?UPDATE g SET p = 1 WHERE k = 3", "SELECT count(*) FROM g WHERE k = 3"),
    ),
    Meeting(
        "composite key",
        EVERYWHERE,
        (
            "CREATE TABLE g (a INTEGER, b INTEGER, v INTEGER, PRIMARY KEY (a, b))",
            "INSERT INTO g VALUES (1, 1, 1), (1, 2, 1)",
        ),
        ("UPDATE g SET v = 5 WHERE b = 1 AND a = 1", "UPDATE g SET v = 6 WHERE a = 1 AND b = 2"),
        ("UPDATE g SET v = v + 1 WHERE a = 1 AND b = 2", "UPDATE g SET v = v + 1 WHERE (a = 1) AND (b = 1)"),
    ),
    Meeting(
        "key twice",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1), (2, 1)"),
        ("UPDATE g SET v = 5 WHERE k = 1 AND k = 2", "UPDATE g SET v = 6 WHERE k = 2"),
        ("UPDATE g SET v = v + 1 WHERE k = 2",),
    ),
    Meeting(
        "set key",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1), (2, 1)"),
        ("UPDATE g SET k = 5 WHERE k = 1", "rollback"),
        ("?INSERT INTO g VALUES (5, 5)", "SELECT v FROM g WHERE k = 1"),
    ),
    Meeting(
        "alias",
        EVERYWHERE,
        ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1), (2, 1)"),
        ("UPDATE g SET v = 3 WHERE k = 1",),
        (
            "SELECT x.v, y.v FROM g x, g y WHERE x.k = 1 AND y.k = 2",
            "SELECT x.v, y.v FROM g x JOIN g y ON y.k = 1 WHERE x.k = 2",
        ),
    ),
    Meeting(
        "exists",
        EVERYWHERE,
        (
            "CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)",
            "CREATE TABLE h (k INTEGER PRIMARY KEY)",
            "INSERT INTO g VALUES (1, 1), (2, 1)",
        ),
        ("INSERT INTO h VALUES (1)",),
        (
            "SELECT v FROM g WHERE k = 1 AND EXISTS (SELECT 1 FROM h)",
            "UPDATE g SET v = 2 WHERE k = 2 AND NOT EXISTS (SELECT 1 FROM h)",
        ),
    ),
    Meeting(
        "a collation of one letter",
        MARIADB,
        ("CREATE TABLE c (k VARCHAR(9) COLLATE utf8mb4_lithuanian_ci PRIMARY KEY, v INTEGER)",),
        ("?INSERT INTO c VALUES ('y', 1)", "?UPDATE c SET v = 2 WHERE k = 'y'", "rollback"),
        ("?UPDATE c SET v = 7 WHERE k = 'i'", "?INSERT INTO c VALUES ('i', 2)"),
    ),
    Meeting(
        "queue",
        ON_SERVERS,
        ROWS,
        ("UPDATE g SET w = 5 WHERE k = (SELECT k FROM g WHERE v = 1 ORDER BY k LIMIT 1 FOR UPDATE SKIP LOCKED)",),
        ("UPDATE g SET w = 5 WHERE k = (SELECT k FROM g WHERE v = 1 ORDER BY k LIMIT 1 FOR UPDATE SKIP LOCKED)",),
    ),
    Meeting(
        "queue two steps",
        ON_SERVERS,
        ROWS,
        (
            "SELECT k FROM g WHERE v = 1 ORDER BY k LIMIT 1 FOR UPDATE SKIP LOCKED",
            "UPDATE g SET v = 0 WHERE k = 1",
            "rollback",
        ),
        ("SELECT k FROM g WHERE v = 1 ORDER BY k LIMIT 1 FOR UPDATE SKIP LOCKED", "UPDATE g SET v = 0 WHERE k = 2"),
    ),
    Meeting(
        "nowait",
        ON_SERVERS,
        ROWS,
        ("UPDATE g SET v = 5 WHERE k = 1",),
        ("?SELECT v FROM g WHERE k = 1 FOR UPDATE NOWAIT",),
    ),
    Meeting(
        "locked subquery",
        ON_SERVERS,
        ROWS,
        ("SELECT v FROM g WHERE k IN (SELECT k FROM g WHERE w = 2 FOR UPDATE)",),
        ("UPDATE g SET w = 3 WHERE k = 3", "UPDATE g SET v = 9 WHERE k = 2"),
    ),
    Meeting(
        "cte lock",
        POSTGRESQL,
        ROWS,
        (
            "WITH x AS (SELECT k, v FROM g WHERE w = 2 ORDER BY k FOR UPDATE) SELECT * FROM x",
            "UPDATE g SET v = 5 WHERE k = 3",
        ),
        ("UPDATE g SET v = 9 WHERE k = 3", "UPDATE g SET v = 9 WHERE k = 2"),
    ),
    Meeting(
        "union",
        EVERYWHERE,
        ROWS,
        ("UPDATE g SET v = 5 WHERE k = 1", "UPDATE g SET v = 5 WHERE k = 2"),
        ("SELECT v FROM g WHERE k = 1 UNION ALL SELECT v FROM g WHERE k = 2",),
    ),
    Meeting(
        "alias update",
        NOT_MARIADB,
        ROWS,
        ("UPDATE g AS x SET v = 5 WHERE x.k = 1",),
        ("UPDATE g SET v = v + 1 WHERE g.k = 1", "SELECT h.v FROM g AS h WHERE h.k = 1"),
    ),
    Meeting(
        "on update cascade",
        EVERYWHERE,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES p (k) ON UPDATE CASCADE)",
            "INSERT INTO p VALUES (1), (2)",
            "INSERT INTO q VALUES (1, 1)",
        ),
        ("UPDATE p SET k = 7 WHERE k = 1",),
        ("SELECT p FROM q WHERE k = 1", "?UPDATE q SET p = 2 WHERE k = 1"),
    ),
    Meeting(
        "refers to unique",
        EVERYWHERE,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY, u INTEGER UNIQUE)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES p (u))",
            "INSERT INTO p VALUES (1, 1), (2, 2)",
            "INSERT INTO q VALUES (1, 1)",
        ),
        ("?UPDATE p SET u = 7 WHERE k = 2",),
        ("?INSERT INTO q VALUES (2, 2)", "?INSERT INTO q VALUES (3, 7)"),
    ),
    Meeting(
        "view write",
        ON_SERVERS,
        (*ROWS, "CREATE VIEW few AS SELECT k, v FROM g WHERE w = 2"),
        ("UPDATE few SET v = 8 WHERE k = 2",),
        ("SELECT sum(v) FROM few", "UPDATE g SET w = 1 WHERE k = 2"),
    ),
    Meeting(
        "default values",
        POSTGRESQL,
        ("CREATE TABLE d (id SERIAL PRIMARY KEY, n INTEGER DEFAULT 5)",),
        ("INSERT INTO d DEFAULT VALUES", "rollback"),
        ("INSERT INTO d DEFAULT VALUES", "SELECT max(id) FROM d"),
    ),
    Meeting(
        "insert set",
        MARIADB,
        ROWS,
        ("INSERT INTO g SET k = 9, v = 1", "rollback"),
        ("?INSERT INTO g SET k = 9, v = 2",),
    ),
    Meeting(
        "upsert other unique",
        NOT_MARIADB,
        (
            "CREATE TABLE u (k INTEGER PRIMARY KEY, n INTEGER UNIQUE, v INTEGER)",
            "INSERT INTO u VALUES (1, 1, 1), (2, 2, 2)",
        ),
        ("INSERT INTO u VALUES (3, 1, 9) ON CONFLICT (n) DO UPDATE SET v = 7",),
        ("UPDATE u SET v = 8 WHERE k = 1", "SELECT v FROM u WHERE k = 1"),
    ),
    Meeting(
        "upsert nothing",
        NOT_MARIADB,
        (
            "CREATE TABLE u (k INTEGER PRIMARY KEY, n INTEGER UNIQUE, v INTEGER)",
            "INSERT INTO u VALUES (1, 1, 1), (2, 2, 2)",
        ),
        ("UPDATE u SET n = 5 WHERE k = 1",),
        (
            "INSERT INTO u VALUES (3, 1, 9) ON CONFLICT DO NOTHING",
            "INSERT INTO u VALUES (4, 5, 9) ON CONFLICT DO NOTHING",
        ),
    ),
    Meeting(
        "multi update",
        MARIADB,
        (*ROWS, "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO h VALUES (1, 1), (2, 2)"),
        ("UPDATE g JOIN h ON g.k = h.k SET g.v = h.v + 1, h.v = 0 WHERE g.k = 1",),
        ("UPDATE h SET v = 5 WHERE k = 1", "SELECT v FROM g WHERE k = 1"),
    ),
    Meeting(
        "update from",
        NOT_MARIADB,
        (*ROWS, "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO h VALUES (1, 1), (2, 2)"),
        ("UPDATE g SET v = h.v + 1 FROM h WHERE g.k = h.k AND g.k = 1",),
        ("UPDATE h SET v = 5 WHERE k = 1", "SELECT v FROM g WHERE k = 1"),
    ),
    Meeting(
        "delete returning",
        NOT_MARIADB,
        ROWS,
        ("DELETE FROM g WHERE k = (SELECT min(k) FROM g) RETURNING k",),
        ("DELETE FROM g WHERE k = (SELECT min(k) FROM g) RETURNING k",),
    ),
    Meeting(
        "row value",
        ON_SERVERS,
        ROWS,
        ("UPDATE g SET v = 5 WHERE (k, w) = (1, 1)",),
        ("UPDATE g SET w = 7 WHERE k = 1", "SELECT v FROM g WHERE k IN (1)"),
    ),
    Meeting(
        "lateral",
        POSTGRESQL,
        ROWS,
        ("UPDATE g SET v = 5 WHERE k = 2",),
        ("SELECT a.v, b.v FROM g a CROSS JOIN LATERAL (SELECT v FROM g WHERE g.w = a.w LIMIT 1) b WHERE a.k = 3",),
    ),
    Meeting(
        "using",
        POSTGRESQL,
        (*ROWS, "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO h VALUES (1, 1), (2, 2)"),
        ("DELETE FROM g USING h WHERE g.k = h.k AND h.v = 2",),
        ("UPDATE h SET v = 2 WHERE k = 1", "SELECT count(*) FROM g"),
    ),
    Meeting(
        "no key",
        EVERYWHERE,
        ("CREATE TABLE n (a INTEGER, v INTEGER)", "INSERT INTO n VALUES (1, 1), (2, 2)"),
        ("UPDATE n SET v = 5 WHERE a = 1",),
        ("UPDATE n SET v = v + 1 WHERE a = 2", "UPDATE n SET v = v + 1 WHERE a = 1"),
    ),
    Meeting(
        "key order by",
        ON_SERVERS,
        ROWS,
        ("SELECT k FROM g ORDER BY k DESC FOR UPDATE", "UPDATE g SET v = 0 WHERE k = 1"),
        ("UPDATE g SET v = 1 WHERE k = 1", "UPDATE g SET v = 1 WHERE k = 3"),
    ),
    Meeting(
        "for no key",
        POSTGRESQL,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY, v INTEGER)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER REFERENCES p (k))",
            "INSERT INTO p VALUES (1, 1), (2, 2)",
        ),
        ("SELECT v FROM p WHERE k = 1 FOR NO KEY UPDATE", "SELECT v FROM p WHERE k = 2 FOR UPDATE"),
        ("INSERT INTO q VALUES (1, 2)", "INSERT INTO q VALUES (2, 1)"),
    ),
    Meeting(
        "key share",
        POSTGRESQL,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY, v INTEGER)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER REFERENCES p (k))",
            "INSERT INTO p VALUES (1, 1), (2, 2)",
        ),
        ("SELECT v FROM p WHERE k = 1 FOR KEY SHARE", "UPDATE p SET v = 5 WHERE k = 1"),
        ("DELETE FROM p WHERE k = 1",),
    ),
    Meeting(
        "join lock",
        ON_SERVERS,
        (*ROWS, "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO h VALUES (1, 1), (2, 2)"),
        ("SELECT g.v FROM g JOIN h ON h.k = g.w WHERE g.k = 1 FOR UPDATE", "UPDATE h SET v = 3 WHERE k = 2"),
        ("UPDATE h SET v = 9 WHERE k = 2", "UPDATE h SET v = 9 WHERE k = 1"),
    ),
    Meeting(
        "join lock of",
        POSTGRESQL,
        (*ROWS, "CREATE TABLE h (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO h VALUES (1, 1), (2, 2)"),
        ("SELECT g.v, h.v FROM g JOIN h ON h.k = g.w WHERE g.k = 1 FOR UPDATE OF g",),
        ("UPDATE h SET v = 9 WHERE k = 1", "UPDATE g SET v = 3 WHERE k = 1"),
    ),
    Meeting(
        "composite unique",
        EVERYWHERE,
        (
            "CREATE TABLE u (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER, UNIQUE (a, b))",
            "INSERT INTO u VALUES (1, 1, 1), (2, 1, 2)",
        ),
        ("UPDATE u SET b = 3 WHERE k = 1", "rollback"),
        ("?UPDATE u SET b = 3 WHERE k = 2",),
    ),
    Meeting(
        "composite fk",
        EVERYWHERE,
        (
            "CREATE TABLE p (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER, FOREIGN KEY (a, b) REFERENCES p (a, b))",
            "INSERT INTO p VALUES (1, 1), (1, 2)",
        ),
        ("?DELETE FROM p WHERE a = 1 AND b = 2",),
        ("?INSERT INTO q (k, b, a) VALUES (1, 2, 1)",),
    ),
    Meeting(
        "grandchildren",
        EVERYWHERE,
        (
            "CREATE TABLE p (k INTEGER PRIMARY KEY)",
            "CREATE TABLE q (k INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES p (k) ON DELETE CASCADE)",
            "CREATE TABLE r (k INTEGER PRIMARY KEY, q INTEGER, FOREIGN KEY (q) REFERENCES q (k) ON DELETE CASCADE)",
            "INSERT INTO p VALUES (1)",
            "INSERT INTO q VALUES (1, 1)",
            "INSERT INTO r VALUES (1, 1)",
        ),
        ("DELETE FROM p WHERE k = 1",),
        ("SELECT count(*) FROM r", "?INSERT INTO r VALUES (2, 1)"),
    ),
    Meeting(
        "autocommit like",
        EVERYWHERE,
        ROWS,
        ("UPDATE g SET v = v + 1 WHERE k = 1", "commit", "UPDATE g SET v = v + 1 WHERE k = 2"),
        ("UPDATE g SET v = v * 2 WHERE k = 2", "commit", "UPDATE g SET v = v * 2 WHERE k = 1"),
    ),
    Meeting(
        "a row that lost a parent, and is changed",
        ON_SERVERS,
        (*TWO_PARENTS, "INSERT INTO ch VALUES (1, 1, 1, 0)"),
        ("DELETE FROM p WHERE id = 1", "UPDATE ch SET v = 1 WHERE id = 1"),
        (FREE_PARENT,),
    ),
    Meeting(
        "a row whose parent has another key, and is changed",
        ON_SERVERS,
        (*TWO_PARENTS, "INSERT INTO ch VALUES (1, 1, 1, 0)"),
        ("UPDATE p SET id = 3 WHERE id = 1", "UPDATE ch SET v = 1 WHERE id = 1"),
        (FREE_PARENT,),
    ),
    Meeting(
        "a row that is made, and changed",
        ON_SERVERS,
        TWO_PARENTS,
        ("INSERT INTO ch VALUES (1, 1, 1, 0)", "UPDATE ch SET v = 1 WHERE id = 1"),
        (FREE_PARENT,),
    ),
    Meeting(
        "a row that is changed, and changed",
        ON_SERVERS,
        (*TWO_PARENTS, "INSERT INTO ch VALUES (1, 1, 1, 0)"),
        ("UPDATE ch SET v = v + 1", "UPDATE ch SET v = v + 1 WHERE id = 1"),
        (FREE_PARENT,),
    ),
)

"""Two callers that meet where no text says so: behind an alias, after a wait, at a key that moves, in an index."""

from __future__ import annotations

from tests.quality.meetings import EVERYWHERE, MARIADB, ON_SERVERS, POSTGRESQL, Meeting

PEOPLE = (
    "CREATE TABLE p (id INTEGER PRIMARY KEY, v INTEGER, o INTEGER)",
    "INSERT INTO p VALUES (1, 1, 2), (2, 20, 1), (3, 30, 1)",
)
TENANTS = (
    "CREATE TABLE customer (tenant INTEGER, id INTEGER, PRIMARY KEY (tenant, id))",
    "CREATE TABLE product (tenant INTEGER, id INTEGER, price INTEGER, PRIMARY KEY (tenant, id))",
    """CREATE TABLE orders (id INTEGER PRIMARY KEY, tenant INTEGER, customer INTEGER, product INTEGER,
    FOREIGN KEY (tenant, customer) REFERENCES customer (tenant, id) ON UPDATE CASCADE,
    FOREIGN KEY (tenant, product) REFERENCES product (tenant, id))""",
    "INSERT INTO customer VALUES (1, 1)",
    "INSERT INTO product VALUES (1, 5, 10)",
    "INSERT INTO orders VALUES (1, 1, 1, 5)",
)
LINES = (
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, v INTEGER)",
    """CREATE TABLE line (id INTEGER PRIMARY KEY, order_id INTEGER, pos INTEGER, UNIQUE (order_id, pos),
    FOREIGN KEY (order_id) REFERENCES orders (id))""",
    "INSERT INTO orders VALUES (1, 1)",
    "INSERT INTO line VALUES (1, 1, 1)",
)
TWO_KEYS = (
    "CREATE TABLE t (tenant INTEGER, id INTEGER, v INTEGER, PRIMARY KEY (tenant, id), UNIQUE (id))",
    "INSERT INTO t VALUES (1, 1, 1)",
)
TAKE_AWAY = "UPDATE p SET v = v - 1 WHERE id = 1 AND v > 0"
AT_ONCE, IF_FREE = (f"SELECT id FROM p WHERE id = 1 FOR UPDATE {how}" for how in ("NOWAIT", "SKIP LOCKED"))

HIDDEN = (
    Meeting(
        "a table joined to itself",
        EVERYWHERE,
        PEOPLE,
        ("SELECT o.v FROM p JOIN p AS o ON o.id = p.o WHERE p.id = 1",),
        ("UPDATE p SET v = 21 WHERE id = 2",),
    ),
    Meeting(
        "an alias that is the name of another table",
        EVERYWHERE,
        (*PEOPLE, "CREATE TABLE q (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO q VALUES (1, 1), (2, 2)"),
        ("SELECT q.v FROM p AS q, q AS r WHERE r.id = 1 AND q.id = 2",),
        ("UPDATE p SET v = 21 WHERE id = 2", "UPDATE q SET v = 3 WHERE id = 1"),
    ),
    Meeting("a guard that has waited in vain", ON_SERVERS, PEOPLE, ("UPDATE p SET v = 0 WHERE id = 1", "commit", f"?{AT_ONCE}"), (TAKE_AWAY,)),
    Meeting("a guard that has waited in vain, and skips", ON_SERVERS, PEOPLE, ("UPDATE p SET v = 0 WHERE id = 1", "commit", IF_FREE), (TAKE_AWAY,)),
    Meeting(
        "a lock that was waited for in vain",
        ON_SERVERS,
        PEOPLE,
        ("UPDATE p SET v = 0 WHERE id = 1", "commit", IF_FREE),
        ("SELECT id FROM p WHERE id = 1 AND v > 0 FOR UPDATE",),
    ),
    Meeting(
        "keys that move",
        ON_SERVERS,
        PEOPLE,
        ("UPDATE p SET id = 9 WHERE id = 1", "UPDATE p SET id = 1 WHERE id = 2"),
        ("UPDATE p SET v = v + 1 WHERE id = 1",),
    ),
    Meeting(
        "a row that is made anew",
        ON_SERVERS,
        PEOPLE,
        ("SELECT v FROM p WHERE id = 1 FOR UPDATE", "DELETE FROM p WHERE o = 2", "INSERT INTO p VALUES (1, 5, 5)"),
        ("UPDATE p SET v = v + 1 WHERE id = 1",),
    ),
    Meeting(
        "another column of a foreign key's index",
        MARIADB,
        LINES,
        ("UPDATE line SET pos = 9 WHERE id = 1",),
        ("?SELECT id FROM orders WHERE id = 1 FOR UPDATE NOWAIT",),
    ),
    Meeting(
        "the primary key beside a foreign key's index",
        MARIADB,
        LINES,
        ("UPDATE line SET id = 9 WHERE id = 1",),
        ("?SELECT id FROM orders WHERE id = 1 FOR UPDATE NOWAIT",),
    ),
    Meeting(
        "a cascade that looks for another parent",
        ON_SERVERS,
        TENANTS,
        ("?UPDATE customer SET tenant = 2 WHERE tenant = 1 AND id = 1",),
        ("INSERT INTO product VALUES (2, 5, 10)",),
    ),
    Meeting(
        "a row found by another key",
        MARIADB,
        TWO_KEYS,
        ("UPDATE t SET v = 5 WHERE tenant = 2 AND id = 1",),
        ("?SELECT v FROM t WHERE tenant = 1 AND id = 1 FOR UPDATE NOWAIT",),
    ),
    Meeting(
        "a deadlock that ends the transaction",
        MARIADB,
        (*PEOPLE, "CREATE TABLE w (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO w VALUES (9, 0)"),
        (
            "SELECT v FROM w WHERE id = 9",
            "UPDATE p SET v = 2 WHERE id = 1",
            "!UPDATE p SET v = 2 WHERE id = 2",
            "SELECT v FROM w WHERE id = 9",
        ),
        ("UPDATE p SET v = 3 WHERE id = 2", "!UPDATE p SET v = 3 WHERE id = 1", "commit", "UPDATE w SET v = 5 WHERE id = 9"),
    ),
    Meeting(
        "rows as they lie for a subquery",
        POSTGRESQL,
        PEOPLE,
        ("UPDATE p SET v = 1 WHERE id = 3",),
        ("UPDATE p SET v = 1 WHERE id = 2", "commit", "DELETE FROM p WHERE id = (SELECT o FROM p WHERE v = 1 AND id > 1 LIMIT 1) + 0"),
    ),
    Meeting(
        "rows as they lie beside others that are ordered",
        POSTGRESQL,
        (*PEOPLE, "CREATE TABLE q (id INTEGER PRIMARY KEY)", "INSERT INTO q VALUES (1)"),
        ("UPDATE p SET v = 9 WHERE id = 3",),
        ("UPDATE p SET v = 9 WHERE id = 2", "commit", "SELECT p.id FROM q JOIN p ON p.o = q.id ORDER BY q.id"),
    ),
    Meeting(
        "rows as they lie",
        POSTGRESQL,
        PEOPLE,
        ("UPDATE p SET v = 1 WHERE id = 1", "commit", "SELECT id FROM p WHERE v = 1 LIMIT 1"),
        ("UPDATE p SET v = 1 WHERE id = 2",),
    ),
)  # fmt: skip

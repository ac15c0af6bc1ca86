"""Pairs of programs that do what the rules of a relation were not made from: upserts, subqueries, cascades, moved keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

KEY = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "postgresql": "SERIAL PRIMARY KEY",
    "mysql": "INT AUTO_INCREMENT PRIMARY KEY",
    "mariadb": "INT AUTO_INCREMENT PRIMARY KEY",
}


def schema(connection: Connection) -> None:
    for statement in (
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, v INTEGER NOT NULL DEFAULT 0)",
        f"CREATE TABLE notes (id {KEY[connection.dialect.name]}, what VARCHAR(20), n INTEGER)",
        "CREATE TABLE u (k INTEGER UNIQUE, n INTEGER)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id) ON DELETE CASCADE)",
    ):
        connection.execute(text(statement))


def seed(connection: Connection) -> None:
    connection.execute(text("INSERT INTO a (id, n) VALUES (1, 100), (2, 50), (3, 0)"))
    connection.execute(text("INSERT INTO child VALUES (1, 1), (2, 2)"))


def _do(session: Session, sql: str, **values: object) -> Any:
    return session.execute(text(sql), values)


def upsert(session: Session) -> None:
    on_conflict = "ON CONFLICT (k) DO UPDATE SET n = u.n + 1"
    if session.get_bind().dialect.name not in {"sqlite", "postgresql"}:
        on_conflict = "ON DUPLICATE KEY UPDATE n = n + 1"
    _do(session, f"INSERT INTO u VALUES (1, 1) {on_conflict}")
    session.commit()


def next_key(session: Session) -> None:
    _do(session, "INSERT INTO u (k, n) SELECT COALESCE(MAX(k), 0) + 1, 7 FROM u")
    session.commit()


def first_note(session: Session) -> None:
    if not _do(session, "SELECT COUNT(*) FROM notes").scalar():
        _do(session, "INSERT INTO notes (what, n) VALUES ('first', 0)")
    session.commit()


def sum_by_subquery(session: Session) -> None:
    _do(session, "UPDATE a SET n = (SELECT SUM(n) FROM (SELECT n FROM a) q) WHERE id = 3")
    _do(session, "UPDATE a SET n = n + 1 WHERE id = 1")
    session.commit()


def replace(session: Session) -> None:
    _do(session, "DELETE FROM u WHERE k = 5")
    _do(session, "INSERT INTO u VALUES (5, 1)")
    session.commit()


def delete_parent(session: Session) -> None:
    if _do(session, "SELECT COUNT(*) FROM child WHERE a_id = 1").scalar() == 1:
        _do(session, "DELETE FROM a WHERE id = 1")
    _do(session, "INSERT INTO child VALUES (9, 2)")
    session.commit()


def add_child(session: Session) -> None:
    _do(session, "INSERT INTO child VALUES (7, 1)")
    _do(session, "UPDATE a SET n = n - 1 WHERE id = 2")
    session.commit()


def if_enough(session: Session) -> str:
    if not _do(session, "UPDATE a SET n = n - 60 WHERE id = 1 AND n >= 60").rowcount:
        session.rollback()
        return "no"
    _do(session, "INSERT INTO notes (what, n) VALUES ('bought', 1)")
    session.commit()
    return "yes"


def with_savepoint(session: Session) -> None:
    _do(session, "UPDATE a SET n = n + 1 WHERE id = 1")
    savepoint = session.begin_nested()
    _do(session, "UPDATE a SET n = n + 1 WHERE id = 2")
    savepoint.rollback()
    _do(session, "UPDATE a SET n = n + 1 WHERE id = 3")
    session.commit()


def sum_of_a_range(session: Session) -> None:
    total = _do(session, "SELECT SUM(n) FROM a WHERE n > 40").scalar()
    _do(session, "UPDATE a SET n = :total WHERE id = 3", total=total)
    session.commit()


def claim(session: Session) -> int | None:
    row = _do(session, "SELECT id FROM a WHERE v = 0 ORDER BY id LIMIT 1").first()
    if row is not None:
        _do(session, "UPDATE a SET v = 1 WHERE id = :key", key=row[0])
    session.commit()
    return None if row is None else int(row[0])


def insert_or_add(session: Session) -> None:
    try:
        _do(session, "INSERT INTO u VALUES (1, 1)")
        session.commit()
    except Exception:
        session.rollback()
        _do(session, "UPDATE u SET n = n + 10 WHERE k = 1")
        session.commit()


def in_two_transactions(session: Session) -> None:
    n = _do(session, "SELECT n FROM a WHERE id = 1").scalar()
    session.commit()
    _do(session, "UPDATE a SET n = :n WHERE id = 1", n=n - 10)
    session.commit()


def move_keys(session: Session) -> None:
    _do(session, "UPDATE u SET k = k + 1")
    _do(session, "INSERT INTO u VALUES (1, 0)")
    session.commit()


def count_by_pattern(session: Session) -> None:
    _do(session, "INSERT INTO notes (what, n) VALUES ('abc', 1)")
    n = _do(session, "SELECT COUNT(*) FROM notes WHERE what LIKE 'a%'").scalar()
    _do(session, "UPDATE a SET n = :n WHERE id = 3", n=n)
    session.commit()


Program = Callable[[Session], object]
ALONE: tuple[Program, ...] = (
    upsert,
    next_key,
    first_note,
    sum_by_subquery,
    replace,
    delete_parent,
    add_child,
    if_enough,
    with_savepoint,
    sum_of_a_range,
    claim,
    insert_or_add,
    in_two_transactions,
    move_keys,
    count_by_pattern,
)
PAIRS: tuple[tuple[Program, ...], ...] = (
    *((each,) for each in ALONE),
    (delete_parent, add_child),
    (sum_of_a_range, with_savepoint),
    (upsert, insert_or_add),
    (next_key, move_keys),
    (if_enough, sum_by_subquery),
    (replace, upsert),
    (claim, sum_of_a_range),
    (move_keys, insert_or_add),
    (first_note, count_by_pattern),
)

"""An oracle that knows nothing of acidity: kill a program between its database calls, and read the rows.

The program runs in a forked child. Before each request to the database, SQLAlchemy's events (or the program's own `tick`,
where the driver is used without SQLAlchemy) count one point; the child is killed at one of them, or its connection is
lost there. The parent waits until the server has ended the session and reads the rows over its own connection.

What it shares with the drill is a place: the empty database, which `acidity.testing` makes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.quality.random_programs import Program, before, run

Rows = tuple[tuple[Any, ...], ...]
_OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}
KILLED, LOST, LOST_FOR_GOOD = "killed", "lost", "lost for good"


class Oracle:
    """Runs programs on one database.

    Args:
        db: the name of its engine.
        url: SQLAlchemy's URL of it.
    """

    def __init__(self, db: str, url: str) -> None:
        self.db = db
        self.engine = create_engine(url, poolclass=NullPool)
        self.eyes: Connection = create_engine(url, isolation_level="AUTOCOMMIT").connect()
        self.tables = ["item", "log", *(["audit.trail"] if self.db == "postgresql" else [])]
        self.engine.connect().close()  # the dialect asks its questions once, not in each child
        self._reset()
        self.seed = self._rows()

    def torn(self, program: Program, how: str = KILLED) -> dict[int, Rows]:
        """The points at which a program leaves rows that are neither as before nor as after it."""
        points = self._run(program, None, how)
        after = self._rows()
        found = {}
        for point in range(points):
            self._run(program, point, how)
            if (rows := self._rows()) not in (self.seed, after):
                found[point] = rows
        return found

    def changes(self, program: Program) -> bool:
        """Whether a whole run changes any row."""
        self._run(program, None, KILLED)
        return self._rows() != self.seed

    def close(self) -> None:
        self.eyes.close()

    def _run(self, program: Program, point: int | None, how: str) -> int:
        """Run a program in a child, and say how many points it passed."""
        self._reset()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                seen = self._in_child(program, point, how)
                os.write(writer, str(seen).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            seen = answer.read()
        os.waitpid(child, 0)
        while self.db in _OTHERS and self.eyes.execute(text(_OTHERS[self.db])).fetchall():
            pass  # the server has not yet noticed that its client is gone
        assert seen or point is not None, f"the program fails by itself:\n{program.source}"
        return int(seen or 0)

    def _in_child(self, program: Program, point: int | None, how: str) -> int:
        passed, ours = 0, False

        def tick(connection: Any) -> None:
            nonlocal passed, ours
            if ours:
                return
            here = point is not None and (passed == point or (passed > point and how == LOST_FOR_GOOD))
            passed += 1
            if here and how == KILLED:
                os.kill(os.getpid(), signal.SIGKILL)
            elif here and connection is not None:  # else it was lost before
                ours = True
                self._lose(connection)
                ours = False

        with _ticking(tick):
            try:
                run(self.engine, program, tick)
            except Exception:
                if point is None:
                    raise
        return passed

    def _lose(self, connection: Any) -> None:
        """End a session at the server; a file has none, so its connection is closed."""
        if self.db == "sqlite":
            connection.close()
            return
        number = connection.info.backend_pid if self.db == "postgresql" else connection.thread_id()
        with create_engine(self.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as other:
            with suppress(Exception):  # it is gone already
                other.execute(text(_END[self.db].format(number)))
            while any(number == row[0] for row in other.execute(text(_OTHERS[self.db]))):
                pass

    def _reset(self) -> None:
        for table in self.tables:
            self.eyes.execute(text(f"DELETE FROM {table}"))
        with Session(self.eyes) as session:
            before(session)
            session.commit()

    def _rows(self) -> Rows:
        key = {"log": "0"}  # its keys are generated
        asked = " UNION ALL ".join(f"SELECT '{table}', {key.get(table, 'id')}, v FROM {table}" for table in self.tables)
        return tuple(sorted(map(tuple, self.eyes.execute(text(asked)))))


@contextmanager
def _ticking(tick: Callable[[Any], None]) -> Iterator[None]:
    """Each request that SQLAlchemy is about to make is a point."""

    def statement(connection: Connection, *_: Any) -> None:
        tick(None if connection.invalidated else connection.connection.dbapi_connection)

    names = ("before_cursor_execute", "commit", "rollback")
    for name in names:
        event.listen(Engine, name, statement)
    try:
        yield
    finally:
        for name in names:
            event.remove(Engine, name, statement)

"""Small random programs: what a seed makes, as data, and `run`, the ordinary user function that carries one out.

A `Program` is a tuple of Steps. Its `source` is Python, so a failing test prints what is to be run again. Programs write
to ``item`` and ``log``, and to ``audit.trail`` where `TABLES` says so. They hold no random or generated values but the
keys of ``log``.

The generator keeps a `Line` for each connection of the program, so that no clean run fails and none waits for a lock of
its own: on SQLite one connection at a time is in a transaction, on servers two write to different tables.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

SEEDED = (1, 2, 3)
SQLALCHEMY = ("core", "orm", "core autocommit", "orm autocommit", "engine autocommit")
DRIVER = ("driver", "driver autocommit")
TABLES = {"sqlite": ("item", "log"), "postgresql": ("item", "log", "audit.trail"), "mariadb": ("item", "log")}
Tick = Callable[[Any], None]


class Step(NamedTuple):
    """One thing that a program does.

    Attributes:
        do: the verb; a method of `Speaker`, or ``attempt``.
        who: the connection that does it.
        what: SQL, a form, rows, or what follows an error.
        body: the steps inside a block.
    """

    do: str
    who: str
    what: Any = ""
    body: tuple[Step, ...] = ()


class Program(NamedTuple):
    """A program for one engine, made from a seed."""

    seed: int
    db: str
    steps: tuple[Step, ...]

    @property
    def source(self) -> str:
        """Python source of the program, one step a line."""
        lines = "".join(f"    {step!r},\n" for step in self.steps)
        return f"Program(seed={self.seed}, db={self.db!r}, steps=(\n{lines}))"


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    v: Mapped[int]


class Log(Base):
    __tablename__ = "log"
    id: Mapped[int] = mapped_column(primary_key=True)
    v: Mapped[int]


def schema(connection: Connection) -> None:
    """The tables; on servers also what writes inside the server."""
    Base.metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("CREATE SCHEMA audit"))
        connection.execute(text("CREATE TABLE audit.trail (id INTEGER PRIMARY KEY, v INTEGER NOT NULL)"))
        note = "INSERT INTO log (v) VALUES (n); SELECT n"
        connection.execute(text(f"CREATE FUNCTION note(n integer) RETURNS integer LANGUAGE sql AS '{note}'"))
    elif connection.dialect.name in {"mysql", "mariadb"}:
        connection.execute(text("CREATE PROCEDURE note(n INTEGER) INSERT INTO log (v) VALUES (n)"))


def before(session: Session) -> None:
    """Three items."""
    session.add_all([Item(id=key, v=0) for key in SEEDED])


def run(engine: Engine, program: Program, tick: Tick = lambda _connection: None) -> None:
    """Carry a program out.

    Args:
        engine: where.
        program: what.
        tick: called with the driver's connection before each request that does not pass SQLAlchemy.
    """
    speakers: dict[str, Speaker] = {}
    try:
        for step in program.steps:
            _carry_out(step, engine, speakers, tick)
    finally:
        for speaker in speakers.values():
            with suppress(Exception):
                speaker.close()


def _carry_out(step: Step, engine: Engine, speakers: dict[str, Speaker], tick: Tick) -> None:
    if step.do == "open":
        speakers[step.who] = (
            SqlAlchemy(engine, step.what) if step.what in SQLALCHEMY else Driver(engine, step.what, tick)
        )
        return
    speaker = speakers[step.who]
    if step.do == "attempt":
        try:
            for each in step.body:
                _carry_out(each, engine, speakers, tick)
        except Exception:
            if step.what == "roll back":
                speaker.rollback()
    elif step.do in {"block", "nested"}:
        with getattr(speaker, step.do)(step.what):
            for each in step.body:
                _carry_out(each, engine, speakers, tick)
    else:
        getattr(speaker, step.do)(*([step.what] if step.what else []))


class Speaker:
    """A connection of a program, and all that it can do."""

    def say(self, sql: str) -> None: ...

    def many(self, rows: Any) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class SqlAlchemy(Speaker):
    """A Session, or a Connection."""

    def __init__(self, engine: Engine, form: str) -> None:
        if form == "engine autocommit":
            engine = create_engine(engine.url, isolation_level="AUTOCOMMIT")
        elif form.endswith("autocommit"):
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.own: Any = Session(engine) if form.startswith("orm") else engine.connect()

    def say(self, sql: str) -> None:
        self.own.execute(text(sql))

    def many(self, rows: Any) -> None:
        values = [{"id": key, "v": value} for key, value in rows]
        self.own.execute(text("INSERT INTO item (id, v) VALUES (:id, :v)"), values)

    def add(self, rows: Any) -> None:
        self.own.add_all([Item(id=key, v=value) for key, value in rows])

    def flush(self) -> None:
        self.own.flush()

    @contextmanager
    def block(self, _what: str) -> Iterator[None]:
        with self.own.begin():
            yield

    @contextmanager
    def nested(self, end: str) -> Iterator[None]:
        with self.own.begin_nested() as savepoint:
            yield
            if end == "roll back":
                savepoint.rollback()

    def commit(self) -> None:
        self.own.commit()

    def rollback(self) -> None:
        self.own.rollback()

    def close(self) -> None:
        self.own.close()


class Driver(Speaker):
    """A connection of the driver; each request is preceded by a tick."""

    def __init__(self, engine: Engine, form: str, tick: Tick) -> None:
        self.own: Any = _connected(engine, form)
        self.mark = "?" if engine.dialect.name == "sqlite" else "%s"
        self.tick = tick

    def say(self, sql: str) -> None:
        self.tick(self.own)
        cursor = self.own.cursor()
        cursor.execute(sql)
        cursor.close()

    def many(self, rows: Any) -> None:
        self.tick(self.own)
        cursor = self.own.cursor()
        cursor.executemany(f"INSERT INTO item (id, v) VALUES ({self.mark}, {self.mark})", rows)
        cursor.close()

    @contextmanager
    def block(self, _what: str) -> Iterator[None]:
        try:
            yield
            self.commit()
        except Exception:
            self.rollback()
            raise

    @contextmanager
    def nested(self, end: str) -> Iterator[None]:
        self.say("SAVEPOINT here")
        try:
            yield
        except Exception:
            self.say("ROLLBACK TO SAVEPOINT here")
            raise
        self.say("ROLLBACK TO SAVEPOINT here" if end == "roll back" else "RELEASE SAVEPOINT here")

    def commit(self) -> None:
        self.tick(self.own)
        self.own.commit()

    def rollback(self) -> None:
        self.tick(self.own)
        self.own.rollback()

    def close(self) -> None:
        self.own.close()


def _connected(engine: Engine, form: str) -> Any:
    """A connection that the pool knows nothing of."""
    url, autocommit = engine.url, form.endswith("autocommit")
    if engine.dialect.name == "sqlite":
        import sqlite3

        return sqlite3.connect(url.database, isolation_level=None if autocommit else "")
    where = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, **url.query}
    if engine.dialect.name == "postgresql":
        import psycopg

        return psycopg.connect(**where, dbname=url.database, autocommit=autocommit)
    import pymysql

    return pymysql.connect(**where, database=url.database, autocommit=autocommit)


class Line:
    """What the generator knows of a connection.

    Attributes:
        name: how the program calls it.
        form: how it was opened.
        tables: that it may write to.
        open: it is in a transaction that holds locks, or may be.
        poisoned: PostgreSQL answers nothing but ROLLBACK.
    """

    def __init__(self, name: str, form: str, tables: tuple[str, ...]) -> None:
        self.name, self.form, self.tables = name, form, tables
        self.open = self.poisoned = self.used = False

    @property
    def autocommits(self) -> bool:
        return self.form.endswith("autocommit")


class Generator:
    """Makes one program."""

    def __init__(self, seed: int, db: str) -> None:
        self.random, self.db = random.Random(f"{db} {seed}"), db
        self.key, self.steps, self.lines = 100, [], []

    def made(self, acts: tuple[int, int]) -> tuple[Step, ...]:
        """All steps; between two numbers of acts, each of which is one to four steps."""
        steps: list[Step] = []
        lines = self._opened(steps)
        line = lines[0]
        for _ in range(self.random.randint(*acts)):
            if len(lines) > 1 and self.random.random() < 0.4:
                self._settle(line, steps, always=self.db == "sqlite")
                line = lines[1] if line is lines[0] else lines[0]
            steps.extend(self._act(line))
        if self.db == "sqlite":
            self._end(line, steps)
        else:
            for each in lines:
                self._end(each, steps)
        return tuple(steps)

    def _opened(self, steps: list[Step]) -> list[Line]:
        own = list(TABLES[self.db])
        if self.random.random() < 0.65:
            parts = [tuple(own)]
        elif self.db == "sqlite":
            parts = [tuple(own), tuple(own)]
        else:
            self.random.shuffle(own)
            parts = [tuple(own[:1]), tuple(own[1:])]
        forms = ("core", "orm", *SQLALCHEMY, *DRIVER)
        lines = [Line(name, self.random.choice(forms), part) for name, part in zip("ab", parts, strict=False)]
        steps.extend(Step("open", line.name, line.form) for line in lines)
        return lines

    def _settle(self, line: Line, steps: list[Step], *, always: bool) -> None:
        if line.open and (always or self.random.random() < 0.3):
            steps.append(Step(self.random.choice(("commit", "commit", "commit", "rollback")), line.name))
            line.open = line.poisoned = False

    def _end(self, line: Line, steps: list[Step]) -> None:
        if line.used and self.random.random() < (0.9 if line.open else 0.15):
            steps.append(Step("commit", line.name))

    def _act(self, line: Line) -> list[Step]:
        if line.poisoned:
            line.open = line.poisoned = False
            return [Step(self.random.choice(("commit", "rollback")), line.name)]
        acts = [self._write] * 5 + [self._attempt, self._attempt, self._ended, self._ended, self._control]
        if not line.autocommits or self.db == "sqlite":
            acts += [self._nested, self._nested]
        if not line.used:
            acts += [self._block, self._block]
        act = self.random.choice(acts)
        steps = act(line)
        line.used = True
        return steps

    def _write(self, line: Line) -> list[Step]:
        """One write, or a read."""
        table, choice = self.random.choice(line.tables), self.random.random()
        self.key += 1
        say = [Step("say", line.name, f"INSERT INTO {table} (id, v) VALUES ({self.key}, {self.random.randint(1, 9)})")]
        if choice < 0.08:
            return [Step("say", line.name, f"SELECT v FROM {table}")]
        line.open = line.open or not line.autocommits
        if table == "item":
            say = self._item(line, choice) or say
        elif table == "log":
            say = [Step("say", line.name, f"INSERT INTO log (v) VALUES ({self.key})")]
            if choice > 0.6 and self.db != "sqlite":
                call = "SELECT" if self.db == "postgresql" else "CALL"
                say = [Step("say", line.name, f"{call} note({self.key})")]
        return say

    def _item(self, line: Line, choice: float) -> list[Step]:
        rows = ((self.key, 1), (self.key + 1, 2))
        old = self.random.choice(SEEDED)
        self.key += 1
        if choice < 0.35:
            return [Step("say", line.name, f"UPDATE item SET v = v + {self.key} WHERE id = {old}")]
        if choice < 0.45:
            return [Step("say", line.name, f"DELETE FROM item WHERE id = {old}")]
        if choice < 0.6:
            return [Step("many", line.name, rows)]
        if choice < 0.7:
            again = "ON DUPLICATE KEY" if self.db == "mariadb" else "ON CONFLICT (id) DO"
            update = "UPDATE v = 8" if self.db == "mariadb" else "UPDATE SET v = 8"
            return [
                Step("say", line.name, f"INSERT INTO item (id, v) VALUES ({old}, 7), ({self.key}, 7) {again} {update}")
            ]
        if line.form.startswith("orm"):
            return [Step("add", line.name, rows), *([Step("flush", line.name)] if choice < 0.9 else [])]
        return []

    def _refused(self, line: Line) -> Step:
        """A statement that the database refuses."""
        line.open = line.open or not line.autocommits
        return Step("say", line.name, f"INSERT INTO {line.tables[0]} (id, v) VALUES (NULL, NULL)")

    def _attempt(self, line: Line) -> list[Step]:
        """A swallowed error: one that comes, or one that only a fault brings."""
        ends = self.random.choice(("pass", "roll back"))
        if self.random.random() < 0.5:
            body = self._write(line)
        else:
            body = [*self._write(line), self._refused(line)]
            if line.form.startswith("orm"):
                ends = "roll back"
            line.poisoned = self.db == "postgresql" and ends == "pass" and line.open
            line.open = line.open and ends == "pass"
        return [Step("attempt", line.name, ends, tuple(body))]

    def _ended(self, line: Line) -> list[Step]:
        if not line.open and self.random.random() < 0.8:
            return self._write(line)
        line.open = False
        return [Step(self.random.choice(("commit", "commit", "commit", "rollback")), line.name)]

    def _control(self, line: Line) -> list[Step]:
        """Transaction control as text."""
        if line.open:
            line.open = False
            return [Step("say", line.name, "COMMIT")]
        if self.db == "sqlite" and not line.autocommits:
            return self._write(line)
        line.open = True
        return [Step("say", line.name, "BEGIN"), *self._write(line)]

    def _nested(self, line: Line) -> list[Step]:
        """A savepoint; sometimes one that an error rolls back."""
        inside = line.open
        body = [step for _ in range(self.random.randint(1, 2)) for step in self._write(line)]
        end = self.random.choice(("release", "release", "roll back", "refused"))
        if self.db == "sqlite":  # the driver begins nothing before SAVEPOINT: RELEASE commits, ROLLBACK TO stays open
            line.open = inside or end != "release"
        if end == "refused":
            nested = Step("nested", line.name, "release", (*body, self._refused(line)))
            return [Step("attempt", line.name, "pass", (nested,))]
        return [Step("nested", line.name, end, tuple(body))]

    def _block(self, line: Line) -> list[Step]:
        """A transaction as a context manager."""
        body = [step for _ in range(self.random.randint(1, 2)) for step in self._write(line)]
        line.open = False
        return [Step("block", line.name, "", tuple(body))]


def program_of(seed: int, db: str, acts: tuple[int, int] = (2, 5)) -> Program:
    """The program that a seed makes for an engine."""
    return Program(seed, db, Generator(seed, db).made(acts))

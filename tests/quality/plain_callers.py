"""Random callers as plain steps: for explore through SQLAlchemy, and for a script of plain driver calls that judges alone.

A caller is a generator that yields SQL and is sent what came of it, so that both worlds run the very same program. The
script knows nothing of gates, controllers or oracles: it has a connection for each caller, and a legal set of its own.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from sqlalchemy import MetaData, Table, text
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario

Step = tuple[str, dict[str, Any]]
Program = Generator[Step, Any, tuple[Any, ...]]
ROWS = (1, 2)


@dataclass(frozen=True)
class Caller:
    """A random program: the kinds of its steps with their rows."""

    name: str
    steps: tuple[tuple[str, int], ...]

    def run(self) -> Program:
        """The program; its answer is all that it has read."""
        seen: list[Any] = []
        for number, (kind, row) in enumerate(self.steps):
            last = seen[-1] if seen else 0
            if kind == "read":
                seen.append((yield "SELECT v FROM t WHERE id = :id", {"id": row}))
            elif kind == "sum":
                seen.append((yield "SELECT sum(v) FROM t", {}))
            elif kind == "count":
                seen.append((yield "SELECT count(*) FROM notes", {}))
            elif kind == "set":
                yield "UPDATE t SET v = :v WHERE id = :id", {"v": last + number + 1, "id": row}
            elif kind == "add":
                yield "UPDATE t SET v = v + 1 WHERE id = :id", {"id": row}
            elif kind == "guard":
                seen.append((yield "UPDATE t SET v = v - 6 WHERE id = :id AND v >= 6", {"id": row}))
            elif kind == "note" and last < 12:
                yield "INSERT INTO notes (who) VALUES (:who)", {"who": self.name}
        yield "COMMIT", {}
        return tuple(seen)


def random_callers(seed: int) -> tuple[Caller, ...]:
    """Two callers of one to three steps each, often on the same row, sometimes in opposite orders."""
    chance = random.Random(seed)
    kinds = ("read", "read", "set", "set", "add", "guard", "sum", "count", "note")
    return tuple(
        Caller(name, tuple((chance.choice(kinds), chance.choice(ROWS)) for _ in range(chance.randint(1, 3))))
        for name in "AB"
    )


# Through SQLAlchemy, for explore


def scenario_of(callers: Sequence[Caller]) -> Scenario:
    """A Scenario in which these callers are at once."""

    def operation(caller: Caller) -> Operation:
        def run(session: Session) -> tuple[Any, ...]:
            program = caller.run()
            try:
                sql, params = next(program)
                while True:
                    sql, params = program.send(_asked(session, sql, params))
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]

        return Operation(run, name=f"caller {caller.name}")

    return Scenario(*map(operation, callers), metadata=METADATA, setup=_seed)


def _asked(session: Session, sql: str, params: dict[str, Any]) -> Any:
    if sql == "COMMIT":
        session.commit()
        return None
    result = session.execute(text(sql), params)
    return result.scalar() if sql.startswith("SELECT") else result.rowcount  # type: ignore[attr-defined]


METADATA = MetaData()


def _tables() -> None:
    from sqlalchemy import Column, Integer, String

    Table("t", METADATA, Column("id", Integer, primary_key=True), Column("v", Integer, nullable=False))
    Table("notes", METADATA, Column("id", Integer, primary_key=True), Column("who", String(1), nullable=False))


_tables()


def _seed(session: Session) -> None:
    session.execute(text("INSERT INTO t (id, v) VALUES (1, 10), (2, 10)"))


# By plain driver calls

Outcome = tuple[Any, ...]  # rows of t, of notes, and for each caller its answer or its error
REFUSED = ("40001", "40P01", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT")


class World:
    """What a script needs of a database."""

    waits_at_server = False

    def connect(self) -> Any:
        """A new connection with the driver's own transactions."""

    def put_back(self) -> None:
        """The rows before."""

    def rows(self) -> tuple[Any, Any]:
        """The committed rows, without generated keys."""

    def blocked(self, connection: Any) -> bool:
        """Whether its statement waits for a lock."""

    def others_wait(self, connection: Any) -> None:
        """Its next statement may close a cycle."""

    def code(self, error: Exception) -> str:
        """The database's code."""


class Script:
    """One caller of a script: where its program stands."""

    def __init__(self, world: World, caller: Caller, pool: ThreadPoolExecutor | None) -> None:
        self.world, self.connection, self.pool = world, world.connect(), pool
        self.program = caller.run()
        self.step: Step | None = next(self.program)
        self.flight: Future[Any] | None = None
        self.refused = False
        self.reads = False
        self.ended: Any = None

    def _send(self) -> Any:
        assert self.step is not None
        sql, params = self.step
        if sql == "COMMIT":
            self.connection.commit()
            return None
        cursor = self.connection.cursor()
        cursor.execute(*self.world_text(sql, params))
        return cursor.fetchone()[0] if sql.startswith("SELECT") else cursor.rowcount

    def world_text(self, sql: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if self.pool is None:
            return sql, params
        for name in params:
            sql = sql.replace(f":{name}", f"%({name})s")
        return sql, params

    def go(self) -> None:
        """Send what comes next."""
        if self.pool is not None:
            self.flight = self.pool.submit(self._send)
            return
        try:
            answer = self._send()
        except sqlite3.OperationalError as error:
            waits = error.sqlite_errorname == "SQLITE_BUSY" and (not self.reads or self.step == ("COMMIT", {}))
            self.refused = waits
            if not waits:
                self._fail(error)
            return
        self.refused = False
        self.reads = self.connection.in_transaction
        self._answered(answer)

    def landed(self) -> bool:
        """Take the answer of what was sent, if it is there."""
        if self.flight is None or not self.flight.done():
            return self.flight is None
        flight, self.flight = self.flight, None
        error = flight.exception()
        if isinstance(error, Exception):
            self._fail(error)
        else:
            self._answered(flight.result())
        return True

    def _answered(self, answer: Any) -> None:
        try:
            self.step = self.program.send(answer)
        except StopIteration as done:
            self.step, self.ended = None, ("ok", done.value)

    def _fail(self, error: Exception) -> None:
        """Its session rolls back, which is one more Call of a caller of SQLAlchemy."""
        self.refused, self.step, self.ended = False, ("ROLLBACK", {}), ("failed", self.world.code(error))

    def roll_back(self) -> None:
        self.connection.rollback()
        self.step = None


def by_script(world: World, callers: Sequence[Caller], grants: Sequence[str]) -> Outcome:
    """What comes of these callers when they are let go in this order."""
    world.put_back()
    pools = [ThreadPoolExecutor(1) if world.waits_at_server else None for _ in callers]
    scripts = {caller.name: Script(world, caller, pool) for caller, pool in zip(callers, pools, strict=True)}
    waiting: list[Script] = []
    try:
        for name in grants:
            script = scripts[name]
            if script.step == ("ROLLBACK", {}):
                script.roll_back()
            else:
                if any(other.flight is not None for other in scripts.values()):
                    world.others_wait(script.connection)
                script.go()
            _until_still(world, scripts.values())
            for other in [each for each in waiting if each is not script]:
                other.go()
            waiting = [each for each in waiting if each.refused]
            waiting += [script] if script.refused and script not in waiting else []
            left = [each for each in scripts.values() if each.step is not None]
            while waiting and all(each in waiting for each in left):  # nobody is left who could go on first
                first = waiting.pop(0)
                first.refused, first.step, first.ended = False, ("ROLLBACK", {}), ("failed", "SQLITE_BUSY")
                left = [each for each in scripts.values() if each.step is not None]
        return (*world.rows(), *(scripts[caller.name].ended for caller in callers))
    finally:
        for script in scripts.values():
            script.connection.close()
        for pool in pools:
            if pool is not None:
                pool.shutdown()


def _until_still(world: World, scripts: Any) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        flying = [script for script in scripts if not script.landed()]
        if flying and all(script in flying for script in scripts if script.step is not None):
            continue  # they wait for each other, which the database is about to end
        if all(world.blocked(script.connection) for script in flying) and not any(
            script.flight is not None and script.flight.done() for script in flying
        ):
            return
    raise AssertionError("it never came to rest")


def is_legal(world: World, callers: Sequence[Caller], outcome: Outcome) -> bool:
    """Whether some of the serial orders of those who were not turned away give this outcome."""
    rows, endings = outcome[:2], dict(zip([caller.name for caller in callers], outcome[2:], strict=True))
    stayed = [caller for caller in callers if endings[caller.name][0] != "failed"]
    return any(
        (*rows, *(endings[caller.name] for caller in order)) == _serially(world, order)
        for order in permutations(stayed)
    )


def _serially(world: World, order: Sequence[Caller]) -> Outcome:
    world.put_back()
    endings = []
    for caller in order:
        script = Script(world, caller, None)
        script.world_text = lambda sql, params: _for(world, sql, params)  # type: ignore[method-assign]
        while script.step is not None:
            script._answered(script._send())
        script.connection.close()
        endings.append(script.ended)
    return (*world.rows(), *endings)


def _for(world: World, sql: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if world.waits_at_server:
        for name in params:
            sql = sql.replace(f":{name}", f"%({name})s")
    return sql, params

"""CPU time of `atomic` beside the same unit written by hand with SQLAlchemy: interleaved blocks, paired by round.

In each round every variant makes one block of units, in an order that rotates, so that the load of the machine meets
all of them alike. What is printed is the median over the rounds of the difference to, and of the ratio with, the
hand-written unit of the same round, with the quartiles. ``control`` is the hand-written unit again: how far its ratio
is from 1 is how far all others can be trusted.

- The units written by hand run as if `atomic` were not there: its listeners are taken away meanwhile. ``beside`` is the
  same with them: what other code of a program pays once `atomic` is used in it.
- Everything is on one core. Where client and server are on two, a message wakes a core, and that costs more than what
  is measured and differs from run to run.
- SQLite's file is where the servers' files are: in memory where there is a file system for it. On a disk, the CPU that
  fsync takes differs by more from unit to unit than what is measured; ``ACIDITY_SANDBOX_DIR`` chooses another place.
- A round counts whatever process made it, and each `--processes` has its share: where things come to lie in memory, and
  in the interpreter's caches, differs from one start of Python to the next by some microseconds a unit.
- Each block begins with some units that are not counted: the interpreter has to get used to the other variant.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, create_engine, event, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, configure_sqlite
from acidity.engines import new_sandbox
from acidity.engines.directory import home
from acidity.run import guard, tables
from benchmarks.ledger import Account, Base, Entry, accounts, load

ENGINES = ("sqlite", "postgresql", "mariadb")


ASK = text("SELECT 1")
ADD = update(Account.__table__).where(Account.__table__.c.id == bindparam("key"))  # type: ignore[arg-type]
ADD = ADD.values(balance=Account.__table__.c.balance + bindparam("amount"))


def ask(session: Session) -> None:
    """The least that a unit can do: one round trip."""
    session.execute(ASK)


def core(session: Session) -> None:
    """Two updates in Core."""
    session.execute(ADD, {"key": 1, "amount": -1})
    session.execute(ADD, {"key": 2, "amount": 1})


def orm(session: Session) -> None:
    """The budget transfer: two SELECTs and two INSERTs through the ORM."""
    source, target = session.get_one(Account, 1), session.get_one(Account, 2)
    session.add(Entry(account_id=source.id, amount=-1))
    session.flush()
    session.add(Entry(account_id=target.id, amount=1))


PATTERNS: dict[str, Callable[[Session], None]] = {"select 1": ask, "core": core, "orm": orm}


def recommended(engine: Engine) -> None:
    """What SQLAlchemy's documentation of SQLite says to do for real transactions, and a durable journal."""

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("foreign_keys = ON", "busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))


def engines_on(url: str, *, asynchronous: bool = False) -> list[Any]:
    """Three engines on one database: for the hand-written unit, for its control, for `atomic`."""
    made: list[Any] = [create_async_engine(url) if asynchronous else create_engine(url) for _ in range(3)]
    if url.startswith("sqlite"):
        for engine in made[:2]:
            recommended(getattr(engine, "sync_engine", engine))
        configure_sqlite(made[2])
    return made


Unit = Callable[[], Any]


def by_hand(engine: Engine, body: Callable[[Session], None]) -> Unit:
    """The best form that needs no helper."""
    maker = sessionmaker(engine, expire_on_commit=False)

    def unit() -> None:
        with maker.begin() as session:
            body(session)

    return unit


def with_connection(engine: Engine) -> Unit:
    """Core without a session: less than any unit of work, and shown for comparison."""

    def unit() -> None:
        with engine.begin() as connection:
            connection.execute(ADD, {"key": 1, "amount": -1})
            connection.execute(ADD, {"key": 2, "amount": 1})

    return unit


def in_block(engine: Engine, body: Callable[[Session], None]) -> Unit:
    """`atomic` as a block."""
    maker = sessionmaker(engine, expire_on_commit=False)

    def unit() -> None:
        with atomic(maker) as session:
            body(session)

    return unit


def units(name: str, engines: list[Any]) -> dict[str, Unit]:
    """The variants of one pattern; the first is what the others are compared with."""
    hand, control, ours = engines
    body = PATTERNS[name]
    maker = sessionmaker(ours, expire_on_commit=False)
    made = {
        "by hand": by_hand(hand, body),
        "control": by_hand(control, body),
        "beside": by_hand(control, body),
        "atomic": atomic(maker)(body),
        "block": in_block(ours, body),
        "retrying": atomic(maker, max_attempts=5)(body),
        "marker": atomic(maker, resolve_commit=True)(body),
    }
    if name == "core":
        made["connection"] = with_connection(control)
    return made


def async_units(name: str, engines: list[Any]) -> dict[str, Unit]:
    """The same on an async engine."""
    hand, control, ours = engines
    body = PATTERNS[name]

    def written(engine: Any) -> Unit:
        maker = async_sessionmaker(engine, expire_on_commit=False)

        async def unit() -> None:
            async with maker.begin() as session:
                await session.run_sync(body)

        return unit

    async def inside(session: Any) -> None:
        await session.run_sync(body)

    maker = async_sessionmaker(ours, expire_on_commit=False)
    return {
        "by hand": written(hand),
        "control": written(control),
        "atomic": atomic(maker)(inside),
        "marker": atomic(maker, resolve_commit=True)(inside),
    }


UNWATCHED = ("by hand", "control", "connection")
WARM = 20  # units that are not counted, at the begin of each block


def watching(variant: str) -> None:
    """Let `atomic` hear of the process's statements, or not."""
    for name, listener in guard.LISTENERS.items():
        listens = event.contains(Engine, name, listener)
        if variant in UNWATCHED and listens:
            event.remove(Engine, name, listener)
        elif variant not in UNWATCHED and not listens:
            event.listen(Engine, name, listener)


def orders(names: list[str], rounds: int) -> Iterator[list[str]]:
    """Every variant is in every place equally often, and both before and after each other one."""
    for number in range(rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        yield turned if number % 2 else turned[::-1]


def in_turn(made: dict[str, Unit], rounds: int) -> Iterator[tuple[str, Unit]]:
    """Every variant once a round, with `atomic` hearing of it or not."""
    for order in orders(list(made), rounds):
        for variant in order:
            watching(variant)
            yield variant, made[variant]


def sampled(name: str, url: str, rounds: int, block: int) -> dict[str, list[float]]:
    """Microseconds of CPU per unit, by variant and round."""
    engines = engines_on(url)
    made = units(name, engines)
    taken: dict[str, list[float]] = {variant: [] for variant in made}
    for unit in made.values():
        for _ in range(block):
            unit()
    gc.collect()
    for variant, unit in in_turn(made, rounds):
        for _ in range(WARM):
            unit()
        began = time.thread_time()
        for _ in range(block):
            unit()
        taken[variant].append((time.thread_time() - began) / block * 1e6)
    for engine in engines:
        engine.dispose()
    return taken


async def sampled_async(name: str, url: str, rounds: int, block: int) -> dict[str, list[float]]:
    """The same in one task; a driver with a thread of its own (aiosqlite) is counted, and its waits are noise."""
    engines = engines_on(url, asynchronous=True)
    made = async_units(name, engines)
    taken: dict[str, list[float]] = {variant: [] for variant in made}
    for unit in made.values():
        for _ in range(block):
            await unit()
    gc.collect()
    for variant, unit in in_turn(made, rounds):
        for _ in range(WARM):
            await unit()
        began = time.process_time()
        for _ in range(block):
            await unit()
        taken[variant].append((time.process_time() - began) / block * 1e6)
    for engine in engines:
        await engine.dispose()
    return taken


def in_a_process(name: str, url: str, rounds: int, block: int, *, asynchronous: bool) -> dict[str, list[float]]:
    """What one process contributes."""
    return asyncio.run(sampled_async(name, url, rounds, block)) if asynchronous else sampled(name, url, rounds, block)


def show(title: str, taken: dict[str, list[float]]) -> None:
    """One line for each variant."""
    reference = taken["by hand"]
    print(f"{title:22} by hand {statistics.median(reference):7.1f} µs   {load()}")
    for name, values in taken.items():
        if name == "by hand":
            continue
        more = statistics.quantiles([one - other for one, other in zip(values, reference, strict=True)], n=4)
        ratio = statistics.quantiles([one / other for one, other in zip(values, reference, strict=True)], n=4)
        print(
            f"    {name:12} {statistics.median(values):7.1f} µs  {more[1]:+7.1f} µs [{more[0]:+.1f} … {more[2]:+.1f}]  "
            f"ratio {ratio[1]:.3f} [{ratio[0]:.3f} … {ratio[2]:.3f}]"
        )


@contextmanager
def database(name: str) -> Iterator[tuple[str, str]]:
    """A plain and an async URL of a database with the tables and two accounts."""
    sandbox: Any = None
    directory = tempfile.TemporaryDirectory(dir=home())
    if name == "sqlite":
        place = Path(directory.name, "bank.db")
        urls = f"sqlite:///{place}", f"sqlite+aiosqlite:///{place}"
    else:
        sandbox = new_sandbox(name, {})
        urls = sandbox.url(), sandbox.url(asynchronous=True)
    try:
        engine = create_engine(urls[0])
        Base.metadata.create_all(engine)
        tables.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.add_all(accounts(0, 0))
            assert session.scalars(select(Account)).all()
        engine.dispose()
        yield urls
    finally:
        if sandbox is not None:
            sandbox.close()
        directory.cleanup()


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", nargs="*", help=", ".join(ENGINES))
    parser.add_argument("--pattern", action="append", choices=list(PATTERNS))
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=8, help="of each process")
    parser.add_argument("--block", type=int, default=200, help="units in a row")
    parser.add_argument("--async", dest="asynchronous", action="store_true")
    chosen = parser.parse_args()
    for engine in chosen.engine:
        if engine not in ENGINES:
            parser.error(f"{engine!r} is none of {', '.join(ENGINES)}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # servers that are started from here inherit it
    fresh = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    for engine in chosen.engine or ENGINES:
        with database(engine) as urls:
            for name in chosen.pattern or PATTERNS:
                taken: dict[str, list[float]] = {}
                for _ in range(chosen.processes):
                    size = chosen.rounds, chosen.block
                    asked = fresh.submit(
                        in_a_process, name, urls[chosen.asynchronous], *size, asynchronous=chosen.asynchronous
                    )
                    for variant, values in asked.result().items():
                        taken.setdefault(variant, []).extend(values)
                show(f"{engine}, {name}", taken)


if __name__ == "__main__":
    main()

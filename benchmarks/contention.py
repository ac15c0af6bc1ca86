"""Eight threads, ten hot accounts: read two, compute in Python, write absolute values; committed transactions a second.

Two methods that keep every cent: the rows are locked first, in the order of their keys; or SERIALIZABLE, and the whole
function again after a conflict. Each is measured by hand, with `atomic`, and with what others offer for it, in turns of
a second or so; ratios are those of turns beside each other. The total is checked after each turn.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from dbop_runner import DBOpRunner
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from acidity import atomic, lock
from acidity.engines import new_sandbox
from benchmarks.ledger import load

THREADS, ACCOUNTS, EACH = 8, 10, 1000
ATTEMPTS = 100
CONFLICTS = {"40001", "40P01", 1020, 1213}
SERIALIZABLE = "SERIALIZABLE"
Unit = Callable[[int, int, int], Any]


class Base(DeclarativeBase):
    """The table."""


class Account(Base):
    """A hot account."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


@dataclass
class Way:
    """A way to do it.

    Attributes:
        unit: moves an amount between two accounts.
        against: the way that it is compared with; empty for one that others are compared with.
        calls: how often the body was called.
    """

    unit: Unit
    against: str = ""
    calls: Counter[str] = field(default_factory=Counter)


def move(session: Session, source: int, target: int, amount: int) -> None:
    """Read, compute, write; always in the order of the keys."""
    low, high = (session.get_one(Account, each) for each in sorted((source, target)))
    _write(low, high, source, amount)


def move_locked(session: Session, source: int, target: int, amount: int) -> None:
    """The same with the rows locked by hand."""
    chosen = select(Account).where(Account.id.in_((source, target))).order_by(Account.id).with_for_update()
    low, high = session.scalars(chosen)
    _write(low, high, source, amount)


def move_with_lock(session: Session, source: int, target: int, amount: int) -> None:
    """The same with `lock`."""
    low, high = lock(session, Account, [source, target])
    _write(low, high, source, amount)


def _write(low: Account, high: Account, source: int, amount: int) -> None:
    amount = amount if low.id == source else -amount
    low.balance, high.balance = low.balance - amount, high.balance + amount


def is_conflict(error: BaseException) -> bool:
    """Whether the database asks for another attempt."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlstate", None) or (original.args[0] if original.args else None)
    return code in CONFLICTS


def in_session(engine: Engine, body: Callable[..., None]) -> Unit:
    """SQLAlchemy's own unit of work."""
    maker = sessionmaker(engine, expire_on_commit=False)

    def unit(*arguments: int) -> None:
        with maker.begin() as session:
            body(session, *arguments)

    return unit


def again_by_hand(unit: Unit) -> Unit:
    """The whole function again after a conflict, with the same waits as `atomic`."""

    def repeated(*arguments: int) -> None:
        for attempt in range(ATTEMPTS):
            try:
                unit(*arguments)
            except DBAPIError as error:
                if not is_conflict(error) or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, min(1.0, 0.02 * 2**attempt)))  # noqa: S311
            else:
                return

    return repeated


def with_tenacity(unit: Unit) -> Unit:
    """The same with the library for it."""
    return retry(
        retry=retry_if_exception(is_conflict),
        wait=wait_random_exponential(0.02, 1.0),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )(unit)


def with_dbop(engine: Engine, body: Callable[..., None]) -> Unit:
    """dbop-runner on a session whose transaction we end: it puts a savepoint around each attempt."""
    runner, maker = DBOpRunner(max_retries=ATTEMPTS), sessionmaker(engine, expire_on_commit=False)

    def unit(*arguments: int) -> None:
        with maker.begin() as session:
            runner.run(session, lambda inner: body(inner, *arguments))

    return unit


def with_dbos(engine: Engine, url: str, body: Callable[..., None]) -> Unit:
    """A transaction of a DBOS datasource, outside of a workflow; it tries again for ever."""
    from dbos import SQLAlchemyDatasource

    source = SQLAlchemyDatasource.create(url, engine=engine)

    def unit(*arguments: int) -> None:
        body(source.sql_session(), *arguments)

    return source.transaction(isolation_level="SERIALIZABLE")(unit)


def ways(url: str) -> dict[str, Way]:
    """Everything that is measured, by name."""
    engine = create_engine(url, pool_size=THREADS)
    level = engine.execution_options(isolation_level=SERIALIZABLE)
    fixed = create_engine(url, pool_size=THREADS, isolation_level=SERIALIZABLE)
    calls: dict[str, Counter[str]] = {}

    def counted(name: str, body: Callable[..., None]) -> Callable[..., None]:
        counter = calls[name] = Counter()

        def counting(*arguments: Any) -> None:
            counter["calls"] += 1
            body(*arguments)

        return counting

    maker, fixed_maker = (sessionmaker(each, expire_on_commit=False) for each in (engine, fixed))
    repeating = partial(atomic, max_attempts=ATTEMPTS)
    made: dict[str, tuple[str, Callable[[Callable[..., None]], Unit], Callable[..., None]]] = {
        "lock, by hand": ("", lambda body: in_session(engine, body), move_locked),
        "lock, atomic": ("lock, by hand", atomic(maker), move_with_lock),
        "lock, dbop-runner": ("lock, by hand", lambda body: with_dbop(engine, body), move_locked),
        "serializable, by hand": ("", lambda body: again_by_hand(in_session(level, body)), move),
        "serializable, atomic": (
            "serializable, by hand",
            repeating(maker, isolation_level=SERIALIZABLE),
            move,
        ),
        "serializable, tenacity": ("serializable, by hand", lambda body: with_tenacity(in_session(level, body)), move),
        "engine's level, by hand": ("", lambda body: again_by_hand(in_session(fixed, body)), move),
        "engine's level, atomic": ("engine's level, by hand", repeating(fixed_maker), move),
    }
    if url.startswith("postgresql"):
        made["serializable, DBOS"] = ("serializable, by hand", lambda body: with_dbos(engine, url, body), move)
    units = {name: (against, wrap(counted(name, body))) for name, (against, wrap, body) in made.items()}
    return {name: Way(unit, against, calls[name]) for name, (against, unit) in units.items()}


class Turn(NamedTuple):
    """What came of one turn: committed and repeated per second, and microseconds of our CPU per committed one."""

    rate: float
    again: float
    cpu: float


def turn(way: Way, seconds: float) -> Turn:
    """Let all threads work for so long."""
    done: list[int] = []
    ends = time.perf_counter() + seconds
    way.calls.clear()

    def work(number: int) -> None:
        chance, count = random.Random(number), 0  # noqa: S311
        while time.perf_counter() < ends:
            source, target = chance.sample(range(1, ACCOUNTS + 1), 2)
            way.unit(source, target, chance.randint(1, 9))
            count += 1
        done.append(count)

    began, began_cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == THREADS, "a thread has failed"
    passed, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return Turn(sum(done) / passed, (way.calls["calls"] - sum(done)) / passed, cpu / sum(done) * 1e6)


def measure(name: str, repeats: int, seconds: float, only: str) -> None:
    """Print medians for one engine."""
    with closing(new_sandbox(name, {})) as sandbox:
        engine = create_engine(sandbox.url())
        Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.add_all([Account(id=number, balance=EACH) for number in range(1, ACCOUNTS + 1)])
        chosen = {key: way for key, way in ways(sandbox.url()).items() if key.startswith(only)}
        turns: dict[str, list[Turn]] = {key: [] for key in chosen}
        for way in chosen.values():
            turn(way, min(seconds, 0.2))
        for repeat in range(repeats):
            for key in sorted(chosen, reverse=bool(repeat % 2)):
                turns[key].append(turn(chosen[key], seconds))
                with engine.connect() as connection:
                    total = connection.scalar(select(func.sum(Account.balance)))
                assert total == ACCOUNTS * EACH, f"{key} lost money: {total}"
        engine.dispose()
    print(f"{name}: {repeats} turns of {seconds} s, {load()}")
    for key, way in chosen.items():
        show(key, turns[key], turns.get(way.against))


def show(key: str, turns: list[Turn], reference: list[Turn] | None) -> None:
    """One line: medians, and the ratios with the turns beside them."""
    rate, again, cpu = (statistics.median(values) for values in zip(*turns, strict=True))
    line = f"    {key:24} {rate:6.0f} /s  {again:5.0f} again/s  {cpu:6.0f} µs of CPU"
    if reference:
        for name, number in (("rate", 0), ("CPU", 2)):
            pairs = [one[number] / other[number] for one, other in zip(turns, reference, strict=True)]
            low, middle, high = statistics.quantiles(pairs, n=4)
            line += f"   {name} × {middle:.3f} [{low:.2f} … {high:.2f}]"
    print(line, flush=True)


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", nargs="*", help="postgresql, mariadb")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--quick", action="store_true", help="three turns of 0.3 s, to see that it runs")
    parser.add_argument("--only", default="", help="how the names of ways begin: lock, serializable, engine's")
    chosen = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it tells of each conflict
    repeats, seconds = (3, 0.3) if chosen.quick else (chosen.repeats, chosen.seconds)
    for name in chosen.engine or ("postgresql", "mariadb"):
        measure(name, repeats, seconds, chosen.only)


if __name__ == "__main__":
    main()

"""How long explore takes: time to the first finding, the whole verdict where there is none, and the CPU of a run.

``python -m benchmarks.explore [ENGINE …] [--rounds N]``. Times are those of a whole check, on a server that runs;
what of them it takes to make a database and to drop it stands beside them. The CPU is that of one more schedule, beside
that of the same two operations, one after the other, on a pooled connection; medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.engines import ENGINES
from acidity.prove import Operation, Scenario
from acidity.prove.explore.every import Chooser
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage

ROUNDS_OF_CPU = 15  # in turns, since a machine that does something else is slower for both
TIMES = 4  # what is measured in each of them


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Account(Base):
    """Two of them."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


def seed(session: Session) -> None:
    """Two accounts with 100."""
    session.add_all([Account(id=1, balance=100), Account(id=2, balance=100)])


def withdraw(session: Session) -> None:
    """Read, compute, write: an update of two callers is lost."""
    account = session.get_one(Account, 1)
    account.balance -= 10
    session.commit()


def transfer(session: Session) -> None:
    """Read both, let the database compute: nothing is wrong."""
    for key, amount in ((1, -10), (2, 10)):
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance + amount))
    session.commit()


def explored(db: str, function: Callable[..., Any]) -> Report:
    """Two callers of one function."""
    return prove.explore(Scenario(Operation(function), metadata=Base.metadata, setup=seed), db=db)


def first_finding(db: str) -> float:
    """Seconds of a verdict that may make as many runs as it takes to find what no serial order gives, and no more."""
    for most in range(1, 20):
        began = time.perf_counter()
        report = prove.explore(Scenario(Operation(withdraw), metadata=Base.metadata, setup=seed), db=db, runs_max=most)
        if report.verdict == "fail":
            return time.perf_counter() - began
    raise AssertionError("no update was lost")


def whole(db: str, function: Callable[..., Any]) -> tuple[float, int]:
    """Seconds of the whole verdict, and how many schedules it took."""
    began = time.perf_counter()
    report = explored(db, function)
    return time.perf_counter() - began, report.runs


def set_up(db: str) -> float:
    """Seconds until database, tables and rows are there, and until they are gone: a part of each verdict."""
    began = time.perf_counter()
    with Stage(Scenario(Operation(withdraw), metadata=Base.metadata, setup=seed), db, {}):
        pass
    return time.perf_counter() - began


class Cpu:
    """Seconds of CPU of this process for one more schedule, and for the two operations alone, measured in turns.

    Args:
        db: the engine; its server is started.
    """

    def __init__(self, db: str) -> None:
        self.of_a_run: list[float] = []
        self.alone: list[float] = []
        operation = Operation(withdraw)
        with Stage(Scenario(operation, metadata=Base.metadata, setup=seed), db, {}) as stage, quiet():
            self._lab = Lab(stage, [operation] * 2)
            self._engine = create_engine(stage.sandbox.url())
            for function in (self._schedule, self._by_themselves):
                function()
            for _ in range(ROUNDS_OF_CPU):
                self.of_a_run.append(_cpu_of(self._schedule))
                self.alone.append(_cpu_of(self._by_themselves))
            self._engine.dispose()

    def _schedule(self) -> None:
        self._lab.run(Chooser(("A", "B", "A")))

    def _by_themselves(self) -> None:
        for _ in range(2):
            with Session(self._engine) as session:
                withdraw(session)


def _cpu_of(function: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        function()
    return (time.process_time() - began) / TIMES


def main() -> None:
    """Print a line for each engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engines", nargs="*", default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    for db in asked.engines:
        explored(db, withdraw)  # the server is started, and everything is imported
        found = statistics.median(first_finding(db) for _ in range(asked.rounds))
        lost, right = ([whole(db, function) for _ in range(asked.rounds)] for function in (withdraw, transfer))
        setting = statistics.median(set_up(db) for _ in range(asked.rounds))
        cpu = Cpu(db)
        runs, alone = statistics.median(cpu.of_a_run), statistics.median(cpu.alone)
        print(
            f"{db:11} first finding {found * 1000:4.0f} ms (of it {setting * 1000:.0f} ms for the database)"
            f" · whole verdict: lost update {statistics.median(s for s, _ in lost):.2f} s ({lost[0][1]} schedules),"
            f" right {statistics.median(s for s, _ in right):.2f} s ({right[0][1]})"
            f" · CPU of one more run {runs * 1000:.1f} ms, {runs / alone:.1f} × the two operations alone"
        )


if __name__ == "__main__":
    main()

"""How long explore takes: time to the first finding, the whole verdict where there is none, and the CPU of a run.

``python -m benchmarks.explore [ENGINE …] [--rounds N]``. The CPU of a run is beside that of the same two operations,
one after the other, on a pooled connection; medians of the rounds.
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
from acidity.engines import ENGINES, new_sandbox
from acidity.prove import Operation, Scenario


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


def explored(db: str, function: Callable[..., Any], progress: Callable[[int, int, str], None] | None = None) -> Report:
    """Two callers of one function."""
    scenario = Scenario(Operation(function), metadata=Base.metadata, setup=seed)
    return prove.explore(scenario, db=db, progress=progress)


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


def cpu_of_a_run(db: str, function: Callable[..., Any]) -> float:
    """Seconds of CPU of this process for one schedule, between the second and the last of a verdict."""
    marks: list[tuple[int, float]] = []
    explored(db, function, lambda done, _total, _label: marks.append((done, time.process_time())))
    (one, began), (last, ended) = marks[1], marks[-1]
    return (ended - began) / (last - one)


def cpu_alone(db: str, function: Callable[..., Any], times: int = 50) -> float:
    """Seconds of CPU of this process for the two operations, one after the other."""
    sandbox = new_sandbox(db, {})
    try:

        def schema(engine: Any) -> None:
            Base.metadata.create_all(engine)

        sandbox.create(schema, seed)
        engine = create_engine(sandbox.url())
        for number in range(times + 5):
            if number == 5:
                began = time.process_time()
            for _ in range(2):
                with Session(engine) as session:
                    function(session)
        ended = time.process_time()
        engine.dispose()
        return (ended - began) / times
    finally:
        sandbox.close()


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
        runs = statistics.median(cpu_of_a_run(db, withdraw) for _ in range(asked.rounds))
        alone = statistics.median(cpu_alone(db, withdraw) for _ in range(asked.rounds))
        print(
            f"{db:11} first finding {found * 1000:4.0f} ms"
            f" · whole verdict: lost update {statistics.median(s for s, _ in lost):.2f} s ({lost[0][1]} schedules),"
            f" right {statistics.median(s for s, _ in right):.2f} s ({right[0][1]})"
            f" · CPU of a run {runs * 1000:.1f} ms, {runs / alone:.1f} × the two operations alone"
        )


if __name__ == "__main__":
    main()

"""How many power-loss states SQLite recovers in a second of one core, whether that falls as the log grows, and kills.

python benchmarks/crash.py [kills]

With ``kills``, 100 killed PostgreSQL servers instead. The bars: at least 1,500 states a second; at 400 transfers at
most twice the time per state of 40; 100 kills in less than 90 seconds. States are timed by this process's CPU time, so
that others on the machine do not count; what a bad disk refuses is left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.options import CheckOptions
from acidity.explained.programs.shop import Base, Item, Order
from acidity.prove import Operation, Scenario
from acidity.prove.crash.crash import Storm
from acidity.prove.crash.judge import Word
from acidity.prove.crash.seen import Weathered
from acidity.prove.runs import Runs
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage

SETTINGS = {
    "DELETE, EXTRA": {"synchronous": "extra"},
    "WAL, FULL": {"journal_mode": "wal", "synchronous": "full", "wal_autocheckpoint": "20"},
}
TRANSFERS = (40, 400)
KILLS = 100


def seed(session: Session) -> None:
    """An item, and an order for it."""
    session.add(Item(id=1, stock=1_000))
    session.flush()
    session.add(Order(id=1, item_id=1, pieces=1))


def move(session: Session, times: int) -> None:
    """One piece from the stock to the order, and that so many times: the rows do not become more."""
    for _ in range(times):
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 1))
        session.execute(update(Order).where(Order.id == 1).values(pieces=Order.pieces + 1))
        session.commit()


def moving(times: int) -> Scenario:
    """So many transfers, each a transaction."""
    several = {"commits": "several", "invariants": [lambda _: True]} if times > 1 else {}
    return Scenario(Operation(move, times), metadata=Base.metadata, setup=seed, **several)


def measured(times: int, settings: dict[str, str]) -> tuple[int, float]:
    """How many states there were, and how many of them a second of this process's CPU time."""
    scenario = moving(times)
    weathered = Weathered("move")
    with Stage(scenario, "sqlite", settings) as stage, quiet():
        storm = Storm(Runs(stage, CheckOptions(progress=_tell)), scenario.operations[0], weathered, 0)
        began = time.process_time()
        storm.cut_power()
        took = time.process_time() - began
    assert weathered.words == {Word.OK: weathered.planned}, weathered.words
    return weathered.tried, weathered.tried / took


def _tell(made: int, planned: int, _label: str) -> None:
    if made % 5_000 == 0:
        print(f"  {made:,} of {planned:,}", file=sys.stderr, flush=True)


def kills() -> None:
    """Print how long the kills took, wall time: most of it is the start and the recovery of a server."""
    began = time.monotonic()
    report = prove.crash(moving(1), db="postgresql", runs_max=KILLS // 2)  # as many alone as under several clients
    assert report.verdict == "pass", str(report)
    print(f"{KILLS} kills of PostgreSQL: {time.monotonic() - began:.0f} s, {report.headline}")


def main() -> None:
    """Print a line for each setting and length."""
    for name, settings in SETTINGS.items():
        speeds = []
        for times in TRANSFERS:
            states, speed = measured(times, settings)
            speeds.append(speed)
            print(f"{name:<14} {times:>4} transfers: {states:>7,} states, {speed:>6,.0f} states/s", flush=True)
        print(f"{name:<14} the time per state grows {speeds[0] / speeds[-1]:.2f} times", flush=True)


if __name__ == "__main__":
    kills() if Path(sys.argv[-1]).name == "kills" else main()

"""How many power-loss states SQLite recovers in a second of one core, and whether that falls as the log grows.

python benchmarks/crash.py
"""

from __future__ import annotations

import time

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.explained.programs.shop import Base, Item, Order
from acidity.prove import Operation, Scenario

SETTINGS = {
    "DELETE, EXTRA": {"synchronous": "extra"},
    "WAL, FULL": {"journal_mode": "wal", "synchronous": "full", "wal_autocheckpoint": "20"},
}
TRANSFERS = (40, 400)


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


def measured(times: int, settings: dict[str, str]) -> tuple[int, float]:
    """How many states there were, and how many of them a second of this process's time."""
    scenario = Scenario(
        Operation(move, times),
        metadata=Base.metadata,
        setup=seed,
        commits="several",
        invariants=[lambda _: True],
        settings={"sqlite": settings},
    )
    began = time.process_time()
    report = prove.crash(scenario)
    assert report.verdict == "pass", str(report)
    return report.runs, report.runs / (time.process_time() - began)


def main() -> None:
    """Print a line for each setting and length."""
    for name, settings in SETTINGS.items():
        for times in TRANSFERS:
            states, speed = measured(times, settings)
            print(f"{name:<14} {times:>4} transfers: {states:>7,} states, {speed:>6,.0f} states/s")


if __name__ == "__main__":
    main()

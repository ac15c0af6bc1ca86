"""Runs per second of the drill, without process kills: two reads, two updates, two inserts, one commit."""

from __future__ import annotations

import statistics
import sys
import time

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity.adapters.seam import PassThrough
from acidity.prove import Operation, Scenario
from acidity.prove.drill.examine import Examiner, plan
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from benchmarks.ledger import Account, Base, Entry, accounts, load

REPEATS = 7


def seed(session: Session) -> None:
    """Two accounts."""
    session.add_all(accounts(100, 50))


def transfer(session: Session, amount: int) -> None:
    """The ORM transfer of the measurement."""
    with session.begin():
        payer, payee = session.scalars(select(Account).order_by(Account.id)).all()
        payer.balance -= amount
        payee.balance += amount
        session.flush()
        session.add(Entry(account_id=payer.id, amount=-amount))
        session.flush()
        session.add(Entry(account_id=payee.id, amount=amount))


def measure(engine: str) -> None:
    """Print medians for one engine."""
    operation = Operation(transfer, 10)
    with Stage(Scenario(operation, metadata=Base.metadata, setup=seed), engine, {}) as stage, quiet():
        inspector = Inspector(stage)
        calls = [event.call for event in stage.run(operation, PassThrough()).history]
        strikes, _ = plan(stage, operation, calls)
        kept = [strike for strike in strikes if not strike.fault.in_child]
        wall, cpu = [], []
        for _ in range(REPEATS):
            began, began_cpu = time.perf_counter(), time.process_time()
            examination = Examiner(Runs(stage), operation, inspector).examine(kept)
            wall.append(len(examination.judged) / (time.perf_counter() - began))
            cpu.append(len(examination.judged) / (time.process_time() - began_cpu))
    print(
        f"{engine:11} {len(calls)} calls, {len(kept)} runs: median {statistics.median(wall):.0f} runs/s wall, "
        f"{statistics.median(cpu):.0f} runs/s of CPU (best {max(wall):.0f}), {load()}"
    )


if __name__ == "__main__":
    for name in sys.argv[1:] or ["sqlite"]:
        measure(name)

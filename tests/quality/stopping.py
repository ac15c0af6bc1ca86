"""Check after check in this process, each stopped by a signal at a random moment: ``stopping DB TIMES SEED``.

It prints how each ended, and which databases and threads are left in the end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from typing import Any

from sqlalchemy.orm import Session

from acidity import prove
from acidity.cli.leaving import signals_as_exits
from acidity.engines import new_sandbox
from acidity.engines.orphans import owner_of
from acidity.errors import Terminated
from tests.engines.bank import bank, move

DATABASES = {
    "postgresql": "SELECT datname FROM pg_database",
    "mariadb": "SELECT schema_name FROM information_schema.schemata",
}


def transfer(session: Session) -> None:
    move(session)
    session.commit()


def left_on(db: str) -> set[str]:
    """The throw-away databases of this process that are on the server."""
    if db == "sqlite":
        return set()
    sandbox: Any = new_sandbox(db, {})
    try:
        names = {name for (name,) in sandbox.ask(DATABASES[db])}
        mine = f"_{os.getpid()}_"
        return {name for name in names if owner_of(name) not in {None, sandbox.database} and mine in name}
    finally:
        sandbox.close()


def after(seconds: float, number: int) -> tuple[threading.Timer, list[float]]:
    """Send this process a signal, and note when."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), number)

    timer = threading.Timer(seconds, send)
    timer.start()
    return timer, sent


def stopped(db: str, delay: float, number: int) -> tuple[BaseException, float]:
    """What left a check that was sent a signal, and how long after it."""
    # Longer than any delay, whatever the machine does: it comes to its end by the signal alone.
    scenario = bank(transfer)
    sent: list[float] = []
    try:
        _timer, sent = after(delay, number)
        while True:
            prove.drill(scenario, db=db, faults=("error-after", "kill-after"), remedies=False)
    except (KeyboardInterrupt, Terminated) as stop:
        return stop, time.monotonic() - sent[0] if sent else 0.0


def main(db: str, times: int, seed: int) -> dict[str, Any]:
    """Send so many signals, and tell what came of each."""
    draw = random.Random(f"{db} {seed}")
    prove.drill(bank(transfer), db=db, faults=("error-after",), remedies=False)  # the server is there
    before = left_on(db)
    told = []
    with signals_as_exits():
        for _ in range(times):
            number = draw.choice([signal.SIGINT, signal.SIGTERM])
            stop, took = stopped(db, draw.uniform(0, 0.5), number)
            told.append((int(number), type(stop).__name__, took))
    threads = [thread.name for thread in threading.enumerate() if "overseer" in thread.name]
    return {"signals": told, "left": sorted(left_on(db) - before), "threads": threads}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

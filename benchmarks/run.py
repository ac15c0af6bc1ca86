"""What a run of the drill costs beside the bare operation: CPU and wall, interleaved, in processes of their own.

One process calls the bare operation, on a pooled connection and on a new one each time; one process for each checkout
makes runs on a `Stage`. They take turns, one short slice each a round, so that a loaded machine bears on all alike.
Printed are medians over the rounds, and medians of the ratios within a round.

    python -m benchmarks.run [ENGINE …] [--rounds N] [--against ANOTHER_CHECKOUT/src …]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from benchmarks.ledger import Account, Base, Entry, accounts, load, ratio

SLICE = 40  # operations of one kind in a slice
ROUNDS = 15
SRC = Path(__file__).resolve().parents[1] / "src"


def seed(session: Session) -> None:
    """Two accounts for each of two callers."""
    session.add_all(accounts(100, 100, 100, 100))


def core(engine: Engine, payer: int, amount: int) -> None:
    """One read, two updates, two inserts, one commit."""
    payee = payer + 1
    with engine.begin() as connection:
        connection.execute(select(Account.balance).where(Account.id == payer)).scalar_one()
        for account, change in ((payer, -amount), (payee, amount)):
            connection.execute(update(Account).where(Account.id == account).values(balance=Account.balance + change))
        for account, change in ((payer, -amount), (payee, amount)):
            connection.execute(insert(Entry).values(account_id=account, amount=change))


def orm(engine: Engine, payer: int, amount: int) -> None:
    """Two reads, two updates and two inserts in two flushes, one commit."""
    with Session(engine) as session, session.begin():
        one, other = session.get_one(Account, payer), session.get_one(Account, payer + 1)
        one.balance -= amount
        other.balance += amount
        session.flush()
        session.add_all([Entry(account_id=one.id, amount=-amount), Entry(account_id=other.id, amount=amount)])


# One slice


def bare(name: str) -> Iterator[dict[str, list[float]]]:
    """Slices of the operations by themselves."""
    sandbox = import_module("acidity.engines").ENGINES[name].sandbox({})
    try:
        sandbox.create(Base.metadata.create_all, seed)
        engine = create_engine(sandbox.url())

        def anew() -> None:
            engine.dispose()
            core(engine, 1, 10)

        def pair() -> None:
            orm(engine, 1, 10)
            orm(engine, 3, 10)

        def pair_anew() -> None:
            for payer in (1, 3):
                engine.dispose()
                orm(engine, payer, 10)

        yield from _slices({"core": partial_of(core, engine), "core new": anew, "orm": pair, "orm new": pair_anew})
        engine.dispose()
    finally:
        sandbox.close()


def partial_of(function: Callable[..., Any], engine: Engine) -> Callable[[], Any]:
    """A call of the first account."""
    return lambda: function(engine, 1, 10)


def staged(name: str) -> Iterator[dict[str, list[float]]]:
    """Slices of runs, and of plays of two actors where this checkout knows them."""
    seam, prove = import_module("acidity.adapters.seam"), import_module("acidity.prove")
    with _stage(prove, name) as (stage, operations):
        made: dict[str, Callable[[], Any]] = {"core": lambda: stage.run(operations[0], seam.PassThrough())}
        if hasattr(stage, "play"):
            player = import_module("acidity.prove.stage.call").Player

            def play() -> None:
                players = [
                    player(operation, seam.Actor(letter, seam.PassThrough()))
                    for operation, letter in zip(operations[1:], "AB", strict=True)
                ]
                stage.play(players)

            made["orm"] = play
        yield from _slices(made)


@contextmanager
def _stage(prove: Any, name: str) -> Iterator[tuple[Any, list[Any]]]:
    operations = [prove.Operation(core, 1, 10), prove.Operation(orm, 1, 10), prove.Operation(orm, 3, 10)]
    scenario = prove.Scenario(*operations, metadata=Base.metadata, setup=seed)
    try:
        module, quiet = import_module("acidity.prove.stage.stage"), import_module("acidity.prove.stage.quiet").quiet
    except ModuleNotFoundError:  # a checkout of before the rooms
        module, quiet = import_module("acidity.prove.stage"), import_module("acidity.prove.stage").quiet
    with module.Stage(scenario, name, {}) as stage, quiet():
        yield stage, operations


def _slices(kinds: dict[str, Callable[[], Any]]) -> Iterator[dict[str, list[float]]]:
    """For each kind milliseconds of CPU and of wall for one operation, slice after slice."""
    while True:
        found = {}
        for kind, action in kinds.items():
            action()
            began, began_cpu = time.perf_counter(), time.process_time()
            for _ in range(SLICE):
                action()
            cpu, wall = time.process_time() - began_cpu, time.perf_counter() - began
            found[kind] = [cpu * 1000 / SLICE, wall * 1000 / SLICE]
        yield found


# Taking turns


class Worker:
    """A process that gives one slice each time it is asked."""

    def __init__(self, what: str, engine: str, src: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.run", engine, "--worker", what]
        self._process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(src)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[1],
        )

    def slice(self) -> dict[str, list[float]]:
        """One slice."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, list[float]] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def work(what: str, engine: str) -> None:
    """The life of a worker."""
    answers = os.fdopen(os.dup(1), "w")  # what is written while runs are made is kept from the screen
    slices = (bare if what == "bare" else staged)(engine)
    for _ in sys.stdin:
        print(json.dumps(next(slices)), file=answers, flush=True)
    slices.close()  # type: ignore[attr-defined]


def measure(engine: str, checkouts: list[Path], rounds: int) -> None:
    """Print medians for one engine."""
    names = ["bare", *(str(src) for src in checkouts)]
    workers = {name: Worker("bare" if name == "bare" else "stage", engine, SRC) for name in names[:1]}
    workers |= {str(src): Worker("stage", engine, src) for src in checkouts}
    seen: list[dict[str, dict[str, list[float]]]] = []
    try:
        for number in range(rounds + 1):
            slices = {name: worker.slice() for name, worker in workers.items()}
            if number:  # the first fills caches
                seen.append(slices)
    finally:
        for worker in workers.values():
            worker.close()
    print(f"{engine}: {rounds} rounds of {SLICE}, {load()}; ms CPU (ms wall)")
    for name in names:
        for kind in seen[0][name]:
            cpu, wall = (statistics.median(each[name][kind][which] for each in seen) for which in (0, 1))
            print(f"  {_called(name):24} {kind:9} {cpu:6.2f} ({wall:6.2f}){_ratios(seen, name, kind)}")


def _ratios(seen: list[dict[str, dict[str, list[float]]]], name: str, kind: str) -> str:
    if name == "bare":
        return ""
    said = ""
    for base in (kind, f"{kind} new"):
        cpu, wall = (
            ratio([each[name][kind][which] for each in seen], [each["bare"][base][which] for each in seen])
            for which in (0, 1)
        )
        said += f"   {cpu:.2f}× ({wall:.2f}×) bare {base}"
    return said


def _called(name: str) -> str:
    return name if name == "bare" else Path(name).resolve().parent.name


def main() -> None:
    """Measure, or be a worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", default=["sqlite"], metavar="ENGINE")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--against", nargs="*", type=Path, default=[], metavar="SRC")
    parser.add_argument("--worker", choices=["bare", "stage"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.worker, asked.engines[0])
        return
    for engine in asked.engines:
        measure(engine, [*(src.resolve() for src in asked.against), SRC], asked.rounds)


if __name__ == "__main__":
    main()

"""Durability is not availability: ₹500 move from A (₹5,000) to B (₹2,000), COMMIT is answered, and something breaks.

python -m examples.availability stopped [--db postgresql|mariadb]
python -m examples.availability lost

``stopped``: the server goes down. Nobody can read or write while it is (not available), and what was acknowledged is
there when it is up again (durable). ``lost``: the disk is gone, and with it everything that only lay there, however
well it was synced. A backup brings back what was there when it was made; a replica that has every change before COMMIT
is answered brings back everything.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.errors import EngineUnavailable

SCHEMA = "CREATE TABLE accounts (name VARCHAR(1) PRIMARY KEY, balance INTEGER NOT NULL)"
SEED = "INSERT INTO accounts VALUES ('A', 5000), ('B', 2000)"
TRANSFER = (
    "UPDATE accounts SET balance = balance - 500 WHERE name = 'A'",
    "UPDATE accounts SET balance = balance + 500 WHERE name = 'B'",
)
BALANCES = "SELECT balance FROM accounts ORDER BY name"
Step = tuple[str, tuple[int, ...] | str]


def stopped(db: str) -> Iterator[Step]:
    """A server of our own is killed, and started again on its data: what is read before, meanwhile and after.

    Raises:
        EngineUnavailable: there is no such server here.
    """
    sandbox = new_sandbox(db, {"acidity.server": "dedicated", **({"fsync": "on"} if db == "postgresql" else {})})
    if not isinstance(sandbox, HostedSandbox):
        sandbox.close()
        raise EngineUnavailable(f"{db} has no server that could be stopped")
    engine = create_engine(sandbox.url(), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            for statement in (SCHEMA, SEED):
                connection.execute(text(statement))
        yield "before", on_server(engine)
        with engine.begin() as connection:
            for statement in TRANSFER:
                connection.execute(text(statement))
        yield "COMMIT is answered", on_server(engine)
        sandbox.kill_server()
        yield "the server is stopped", on_server(engine)
        sandbox.revive_server()
        yield "the server is up again", on_server(engine)
    finally:
        with suppress(Exception):
            sandbox.revive_server()
        sandbox.close()


def on_server(engine: Engine) -> tuple[int, ...] | str:
    """What somebody reads there, or that nobody can."""
    try:
        with engine.connect() as connection:
            return tuple(connection.scalars(text(BALANCES)))
    except OperationalError:
        return "not available: nobody can connect"


def lost(folder: Path) -> Iterator[Step]:
    """A database file is deleted: what a backup, and what a replica brings back.

    Args:
        folder: an empty one; the "disk" is made in it, and two others for the backup and the replica.
    """
    disk, backup, replica = (folder / name for name in ("disk", "backup", "replica"))
    for each in (disk, backup, replica):
        each.mkdir()
    file = disk / "bank.db"
    with closing(sqlite3.connect(file)) as bank:
        bank.execute("PRAGMA synchronous = EXTRA")
        with bank:
            bank.execute(SCHEMA)
            bank.execute(SEED)
        yield "before", on_disk(file)
        copy(bank, backup / "bank.db")
        yield "a backup is made", on_disk(backup / "bank.db")
        with bank:
            for statement in TRANSFER:
                bank.execute(statement)
        copy(bank, replica / "bank.db")  # before anybody is told that it is committed
        yield "COMMIT is answered", on_disk(file)
    file.unlink()
    disk.rmdir()
    yield "the disk is lost", on_disk(file)
    yield "what the backup brings back", on_disk(backup / "bank.db")
    yield "what the replica brings back", on_disk(replica / "bank.db")


def copy(bank: sqlite3.Connection, to: Path) -> None:
    """The whole database into a file on another disk."""
    with closing(sqlite3.connect(to)) as there:
        bank.backup(there)


def on_disk(file: Path) -> tuple[int, ...] | str:
    """What is in the file, or that there is none."""
    if not file.exists():
        return "gone: no setting of a database on that disk could have kept it"
    with closing(sqlite3.connect(file)) as bank:
        return tuple(balance for (balance,) in bank.execute(BALANCES))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each step; the exit code: 0 done, 3 there is no such server here."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.availability", description="Durability, not availability."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("stopped", help="the server goes down, and comes back").add_argument(
        "--db", choices=("postgresql", "mariadb"), default="postgresql", help="which server (default: postgresql)"
    )
    commands.add_parser("lost", help="the disk is gone")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "stopped":
            tell(stopped(asked.db))
        else:
            with tempfile.TemporaryDirectory() as folder:
                tell(lost(Path(folder)))
    except EngineUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def tell(steps: Iterator[Step]) -> None:
    """One line for each."""
    for what, found in steps:
        shown = (
            found
            if isinstance(found, str)
            else "  ".join(f"{name} ₹{n:,}" for name, n in zip("AB", found, strict=True))
        )
        print(f"{what:<30}{shown}")


if __name__ == "__main__":
    sys.exit(main())

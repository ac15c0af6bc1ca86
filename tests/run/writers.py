"""Who transfers money in a chaos run: threads, tasks, and forked workers, each with four kinds of units of work.

A worker is a process that was forked with its parent's engine, as servers fork theirs: it throws away the connections
that it inherited (``dispose(close=False)``) and is asked for one transfer at a time. Every fourth unit of a plain driver
forks once more, and the child leaves the block of its parent, by an error or without.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import CommitUnknown, State
from tests.run.chaos import STUCK_S, WRITERS, Book, Refused, Transfer, move

ASYNC = ("asyncpg", "aiomysql", "psycopg_async")
FORKS_EVERY = 4
Unit = Callable[[Transfer], Any]
Work = Callable[[Book, URL], None]
Heard = Callable[[Any, State, State], Any]


def by_name(transfer: Transfer) -> str:
    """The caller's key."""
    return transfer.name


_LEVEL = {"isolation_level": "SERIALIZABLE", "resolve_commit": True, "max_attempts": 8}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "resolving": {"resolve_commit": True, "max_attempts": 5},  # found out by a marker that nobody else knows
    "keyed": {"idempotency_key": by_name, "max_attempts": 5},  # tried again until it is told
    "serializable": _LEVEL,  # set for each unit, and set back
    "on AUTOCOMMIT": _LEVEL,  # of an engine that commits each statement by itself, if nobody asks for a level
}


def unit_of(kind: str, engine: Any, heard: Heard, body: Callable[[Session, Transfer], Any] = move) -> Any:
    """A transfer as a unit of this kind: a function, or a coroutine function."""
    if kind == "on AUTOCOMMIT":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    boundary = atomic(engine, on_transition=heard, **KINDS[kind])
    if not hasattr(engine, "sync_engine"):

        def plain(session: Session, transfer: Transfer) -> None:
            body(session, transfer)

        return boundary(plain)

    async def coroutine(session: Any, transfer: Transfer) -> None:
        await session.run_sync(body, transfer)

    return boundary(coroutine)


def write(book: Book, writer: int, unit: Unit, *, again: bool) -> None:
    """One writer, until the end."""
    for transfer in book.transfers(writer):
        for attempt in book.attempts(transfer, again=again):
            book.up.wait(STUCK_S)
            with attempt:
                unit(transfer)


async def write_async(book: Book, writer: int, unit: Callable[[Transfer], Awaitable[Any]], *, again: bool) -> None:
    """The same as a task."""
    for transfer in book.transfers(writer):
        for attempt in book.attempts(transfer, again=again):
            if not book.up.is_set():
                await asyncio.to_thread(book.up.wait, STUCK_S)
            with attempt:
                await unit(transfer)


def in_threads(book: Book, url: URL) -> None:
    """Half of the writers are threads, and half are forked workers; each kind has one of both."""
    engine = create_engine(url, pool_size=2 * WRITERS)
    with suppress(DBAPIError), engine.connect():  # which the pool keeps
        pass
    workers = [Worker(kind, engine, book) for kind in KINDS]
    units = [*(unit_of(kind, engine, book.transition) for kind in KINDS), *workers]
    _together(book, units)
    for worker in workers:
        worker.dismiss()
    assert engine.pool.checkedout() == 0
    engine.dispose()


def in_tasks(book: Book, url: URL) -> None:
    """The same with tasks of one loop, and one loop in each worker."""
    engine = create_async_engine(url, pool_size=2 * WRITERS)
    workers = [Worker(kind, engine, book) for kind in KINDS]

    async def go() -> None:
        tasks = [
            write_async(book, writer, unit_of(kind, engine, book.transition), again=kind == "keyed")
            for writer, kind in enumerate(KINDS)
        ]
        await asyncio.gather(asyncio.to_thread(_together, book, workers, len(tasks)), *tasks)
        assert engine.pool.checkedout() == 0
        await engine.dispose()

    asyncio.run(go())
    for worker in workers:
        worker.dismiss()


def _together(book: Book, units: list[Unit], first: int = 0) -> None:
    """Writers that are threads, from this number on; they take turns with the kinds."""
    kinds = [list(KINDS)[number % len(KINDS)] for number in range(len(units))]
    with ThreadPoolExecutor(len(units)) as pool:
        running = [
            pool.submit(write, book, first + number, unit, again=kind == "keyed")
            for number, (unit, kind) in enumerate(zip(units, kinds, strict=True))
        ]
    for each in running:
        each.result()


class Worker:
    """A forked process that carries out one transfer at a time, for one thread of its parent.

    Args:
        kind: of its units.
        engine: of the parent, inherited.
        book: told of what became of its COMMITs.
    """

    def __init__(self, kind: str, engine: Any, book: Book) -> None:
        self._book = book
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _only(theirs)
                _serve(theirs.makefile("rw"), kind, engine)
            finally:
                os._exit(0)
        theirs.close()
        self._socket, self._file = ours, ours.makefile("rw")

    def __call__(self, transfer: Transfer) -> None:
        self._file.write(json.dumps(transfer) + "\n")
        self._file.flush()
        told = json.loads(self._file.readline())
        for old, new in told["heard"]:
            self._book.transition(None, State(old), State(new))
        self._book.forked.update(told["forked"])
        error = {"": None, "Refused": Refused(), "CommitUnknown": CommitUnknown(told["text"])}.get(
            told["error"], RuntimeError(f"{told['error']}: {told['text']}")
        )
        if error is not None:
            raise error

    def dismiss(self) -> None:
        """Its pipe is closed, and it ends."""
        self._file.close()
        self._socket.close()
        assert os.waitpid(self.pid, 0)[1] == 0


def _only(kept: socket.socket) -> None:
    """Let go of everything else that was inherited: a socket of the proxy that a child has, too, cannot be cut.

    Each number stays taken, so that an object of the parent which still knows it means nothing else.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in map(int, [each.name for each in Path("/proc/self/fd").iterdir()]):
        if number > 2 and number not in {kept.fileno(), nothing}:
            with suppress(OSError):
                os.dup2(nothing, number)


def _serve(file: Any, kind: str, engine: Any) -> None:
    core = getattr(engine, "sync_engine", engine)
    core.dispose(close=False)
    heard: list[tuple[str, str]] = []
    unit = unit_of(
        kind,
        engine,
        lambda _unit, old, new: heard.append((old.value, new.value)),
        move if core is not engine else _move_beside_a_child,
    )
    loop = asyncio.new_event_loop()
    me = os.getpid()
    for line in file:
        transfer, error = Transfer(*json.loads(line)), None
        heard.clear()
        try:
            if core is engine:
                unit(transfer)
            else:
                loop.run_until_complete(unit(transfer))
        except Exception as raised:
            error = raised
        finally:
            if os.getpid() != me:  # has left its parent's block
                os._exit(0)
        forked = ["units", "children"] if core is engine and _forks(transfer) else ["units"]
        told = ("", "") if error is None else (type(error).__name__, str(getattr(error, "orig", None) or error))
        file.write(json.dumps({"heard": heard, "error": told[0], "text": told[1], "forked": forked}) + "\n")
        file.flush()


class LeftByAnError(Exception):
    """A child leaves the block."""


def _move_beside_a_child(session: Session, transfer: Transfer) -> None:
    move(session, transfer)
    if _forks(transfer):
        child = os.fork()
        if child == 0 and transfer.amount % 2:
            raise LeftByAnError
        if child:
            os.waitpid(child, 0)


def _forks(transfer: Transfer) -> bool:
    return int(transfer.name.rpartition(".")[2]) % FORKS_EVERY == 0

"""A seeded file database on which the functions of the budget example are run, without the drill."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import AsyncAdaptedQueuePool

from examples.budget import twins
from examples.budget.app import enforce_foreign_keys

SYNC_MODULES = ("app", "twins")
ASYNC_MODULES = ("aio", "async_twins")
STRANGER = text("UPDATE categories SET name = name WHERE id = 1")


@dataclass
class Budget:
    """A seeded file database, and a way to run a function of the example on it."""

    path: Path
    patch: pytest.MonkeyPatch

    def rows(self) -> tuple[list[Any], list[Any]]:
        """Expenses without their ids, and categories, read over an independent connection."""
        with closing(sqlite3.connect(self.path)) as reader:
            expenses = reader.execute("SELECT user_id, category_id, description, amount FROM expenses ORDER BY id")
            return expenses.fetchall(), reader.execute("SELECT id, user_id, name FROM categories").fetchall()

    def script(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as writer:
            writer.executescript(sql)

    def run(
        self, function: Callable[..., Any], *arguments: Any, lose_answer: bool = False, refuse: bool = False
    ) -> Any:
        """The answer or the exception. Afterwards a stranger commits on the same pool.

        Args:
            lose_answer: the first COMMIT is applied and raises.
            refuse: every COMMIT of the function is refused, because somebody is reading.
        """
        if inspect.iscoroutinefunction(function):
            return asyncio.run(self._run_async(function, arguments, lose_answer=lose_answer, refuse=refuse))
        engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 0})
        self._prepare(engine, lose_answer=lose_answer)
        for module in SYNC_MODULES:
            self.patch.setattr(f"examples.budget.{module}.engine", engine)
        self._bind(twins.shared, engine)
        with closing(Reader(self.path, active=refuse)):
            try:
                ended = function(*arguments)
            except Exception as error:
                ended = error
        with engine.begin() as stranger:
            stranger.execute(STRANGER)
        engine.dispose()
        return ended

    async def _run_async(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], *, lose_answer: bool, refuse: bool
    ) -> Any:
        from sqlalchemy.ext.asyncio import create_async_engine

        url = f"sqlite+aiosqlite:///{self.path}"  # the default pool of older SQLAlchemy keeps no connection
        engine = create_async_engine(url, connect_args={"timeout": 0}, poolclass=AsyncAdaptedQueuePool)
        self._prepare(engine.sync_engine, lose_answer=lose_answer)
        twins_module = import_module("examples.budget.async_twins")  # before its engine is patched in what it imports
        for module in ASYNC_MODULES:
            self.patch.setattr(f"examples.budget.{module}.engine", engine)
        self._bind(twins_module.shared, engine)
        with closing(Reader(self.path, active=refuse)):
            try:
                ended = await function(*arguments)
            except Exception as error:
                ended = error
        async with engine.begin() as stranger:
            await stranger.execute(STRANGER)
        await engine.dispose()
        return ended

    def _bind(self, shared: Any, engine: Any) -> None:
        """Bind a scoped session for the rest of the test; its registry starts and ends empty."""
        shared.registry.clear()
        self.patch.setitem(shared.session_factory.kw, "bind", engine)

    def _prepare(self, engine: Engine, *, lose_answer: bool) -> None:
        event.listen(engine, "connect", enforce_foreign_keys)
        commit = engine.dialect.do_commit
        lost: list[Any] = []

        def commit_and_lose_the_answer(connection: Any) -> None:
            commit(connection)
            if not lost:
                lost.append(connection)
                raise sqlite3.OperationalError("no answer")

        if lose_answer:
            self.patch.setattr(engine.dialect, "do_commit", commit_and_lose_the_answer)


class Reader:
    """Somebody who is reading: in the default journal mode SQLite refuses every COMMIT meanwhile."""

    def __init__(self, path: Path, *, active: bool) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        if active:
            self.connection.execute("BEGIN")
            self.connection.execute("SELECT * FROM expenses").fetchall()

    def close(self) -> None:
        self.connection.close()

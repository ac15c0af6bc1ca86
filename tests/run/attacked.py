"""A bank on one engine and driver, and one way to write a unit of work for plain and async drivers alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, event, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity import atomic
from acidity.run import tables
from tests.run.bank import ALICE, BOB, Account

DRIVERS = (
    "sqlite+pysqlite",
    "postgresql+psycopg",
    "mariadb+pymysql",
    "sqlite+aiosqlite",
    "postgresql+psycopg2",
    "postgresql+asyncpg",
    "postgresql+psycopg_async",
    "mariadb+aiomysql",
)
ASYNC = ("aiosqlite", "asyncpg", "psycopg_async", "aiomysql")
QUICK = DRIVERS[:3]


def drivers(*chosen: str) -> list[Any]:
    """Parameters: one driver for each engine by default, the others slow; those of some engines only, if any are named."""
    wanted = [each for each in DRIVERS if not chosen or each.partition("+")[0] in chosen]
    return [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in wanted]


def plain_and_async(chosen: list[Any]) -> tuple[list[Any], list[Any]]:
    """Parameters of `drivers` in two lists; of the async ones, SQLite's runs by default."""
    named = {str(getattr(each, "values", (each,))[0]): each for each in chosen}
    plain = [each for name, each in named.items() if name.partition("+")[2] not in ASYNC]
    waited = [each for name, each in named.items() if name.partition("+")[2] in ASYNC]
    return plain, ["sqlite+aiosqlite", *(each for each in waited if each is not named["sqlite+aiosqlite"])]


class Undo(Exception):
    """What a unit raises to be undone."""


def add_to(session: Session, account: int, amount: int = 10) -> None:
    """One statement."""
    session.execute(update(Account).where(Account.id == account).values(balance=Account.balance + amount))


def both_then_undo(session: Session) -> None:
    """A unit that is to leave nothing."""
    add_to(session, ALICE)
    add_to(session, BOB)
    raise Undo


@dataclass
class Attacked:
    """A database as one driver meets it.

    Attributes:
        plain: a URL of a plain driver, to look at the rows with.
        driver: engine and driver, as in a URL.
        options: of the engine under attack.
        on_connect: done to each of its driver connections.
    """

    plain: URL
    driver: str
    options: dict[str, Any] = field(default_factory=dict)
    on_connect: Callable[[Any], Any] | None = None
    prepare: Callable[[Any], Any] | None = None

    @property
    def name(self) -> str:
        return self.driver.partition("+")[0]

    @property
    def asynchronous(self) -> bool:
        return self.driver.partition("+")[2] in ASYNC

    def engine(self) -> Any:
        """The engine under attack; a pool keeps its connections only where there is one event loop."""
        url = self.plain.set(drivername=self.driver.replace("psycopg_async", "psycopg"))
        if self.driver.endswith("aiomysql"):
            url = url.difference_update_query(["ssl_disabled"])  # which only PyMySQL knows
        make = create_async_engine if self.asynchronous else create_engine
        made: Any = make(url, **self.options)
        if self.on_connect is not None:
            listener = self.on_connect
            event.listen(getattr(made, "sync_engine", made), "connect", lambda connection, _: listener(connection))
        return made if self.prepare is None else self.prepare(made)

    def run(self, *bodies: Callable[[Session], Any], **options: Any) -> list[Any]:
        """Each body as a block of its own, one after another on one engine; an error is an answer like another."""
        engine, answers = self.engine(), []
        if not self.asynchronous:
            for body in bodies:
                try:
                    with atomic(engine, **options) as session:
                        answer = body(session)
                    answers.append(answer)
                except Exception as error:
                    answers.append(error)
            engine.dispose()
            return answers

        async def go() -> None:
            for body in bodies:
                try:
                    async with atomic(engine, **options) as session:
                        answer = await session.run_sync(body)
                    answers.append(answer)
                except Exception as error:
                    answers.append(error)
            await engine.dispose()

        asyncio.run(go())
        return answers

    def rows(self) -> tuple[int, ...]:
        """The balances, over a connection that nobody attacked."""
        return self.ask(lambda connection: tuple(connection.scalars(select(Account.balance).order_by(Account.id))))

    def ask(self, work: Callable[[Any], Any]) -> Any:
        engine = create_engine(self.plain, poolclass=NullPool)
        with engine.begin() as connection:
            return work(connection)

    def send(self, *statements: str) -> None:
        """Statements beside the attack, each committed; one that is refused is left out."""
        for statement in statements:
            with suppress(Exception):
                self.ask(lambda connection, sql=statement: connection.execute(text(sql)))

    def forget(self) -> None:
        """The rows before."""

        def work(connection: Any) -> None:
            connection.execute(update(Account).where(Account.id == ALICE).values(balance=100))
            connection.execute(update(Account).where(Account.id == BOB).values(balance=0))
            connection.execute(delete(tables.marker))

        self.ask(work)


def attacked(sandboxes: Callable[[str], Any], driver: str) -> Attacked:
    """The bank of an engine, with the rows before, for this driver."""
    made = Attacked(make_url(sandboxes(driver.partition("+")[0]).url()), driver)
    made.forget()
    return made

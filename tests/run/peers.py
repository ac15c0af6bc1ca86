"""What tests/quality/published does with published packages, done with `atomic`."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic, transaction_required
from acidity.prove import Operation, Scenario
from acidity.run import tables
from tests.quality.published.tables import ENGINE, Base, Entry, engine

metadata = MetaData()
for table in (*Base.metadata.sorted_tables, *tables.metadata.sorted_tables):
    table.to_metadata(metadata)


def run_and_close() -> None:
    """As with dbop-runner: a function, and a session that is closed behind it."""
    with atomic(engine) as session:
        session.add_all([Entry(text="one"), Entry(text="two")])
        session.flush()


@atomic(engine, resolve_commit=True, max_attempts=3)
def write(session: Session) -> None:
    """As with DBOS, tenacity, sqlalchemy-cockroachdb and django-pgtransaction: a function that is tried again."""
    session.add_all([Entry(text="one"), Entry(text="two")])


@transaction_required
def note(session: Session, text: str) -> None:
    session.add(Entry(text=text))
    session.flush()


@atomic(engine, resolve_commit=True, max_attempts=3)
def write_in_parts(session: Session) -> None:
    """As with django-subatomic: the parts ask for a transaction."""
    note(session, "one")
    note(session, "two")


async_engine = create_async_engine("sqlite+aiosqlite://")


def charge() -> None:
    """The payment, made by somebody else's server."""


async def add(session: AsyncSession, text: str) -> None:
    session.add(Entry(text=text))
    await session.flush()


@atomic(async_engine)
async def pay(session: AsyncSession) -> None:
    await add(session, "invoice")
    charge()
    await add(session, "receipt")


@atomic(async_engine)
async def order_and_try_to_pay(session: AsyncSession) -> None:
    """As with alchemiq: a unit in a unit fails, and the outer one goes on."""
    await add(session, "order")
    with suppress(Exception):  # the order is kept, it can be paid later
        await pay()


ASYNC_ENGINE = f"{__name__}:async_engine"
closed = Scenario(Operation(run_and_close), metadata=metadata, bind=ENGINE)
resolved = Scenario(Operation(write), metadata=metadata, bind=ENGINE)
required = Scenario(Operation(write_in_parts), metadata=metadata, bind=ENGINE)
caught = Scenario(Operation(order_and_try_to_pay), metadata=metadata, bind=ASYNC_ENGINE, effects=[charge])
# The database alone: a payment inside a transaction is not taken back with it, whoever writes the unit of work.
caught_without_effect = Scenario(Operation(order_and_try_to_pay), metadata=metadata, bind=ASYNC_ENGINE)

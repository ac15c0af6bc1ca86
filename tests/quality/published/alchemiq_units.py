"""alchemiq: a ``UnitOfWork`` inside a ``UnitOfWork`` joins it, also when it fails."""

from __future__ import annotations

from contextlib import suppress

import alchemiq
from alchemiq import Model, Repository, UnitOfWork
from alchemiq.model.registry import metadata
from alchemiq.types import PK

from acidity.prove import Operation, Scenario

alchemiq.configure("postgresql://localhost/shop")


class Line(Model):
    id: PK[int]
    text: str


def charge() -> None:
    """The payment, made by somebody else's server."""


async def pay() -> None:
    async with UnitOfWork():
        await Repository(Line).create(text="invoice")
        charge()
        await Repository(Line).create(text="receipt")


async def order_and_try_to_pay() -> None:
    async with UnitOfWork():
        await Repository(Line).create(text="order")
        with suppress(Exception):  # the order is kept, it can be paid later
            await pay()


async def order_and_pay() -> None:
    async with UnitOfWork():
        await Repository(Line).create(text="order")
        await pay()


ENGINE = "alchemiq.runtime.engine:_engine"
caught = Scenario(Operation(order_and_try_to_pay), metadata=metadata, bind=ENGINE, effects=[charge])
let_through = Scenario(Operation(order_and_pay), metadata=metadata, bind=ENGINE)

"""FastAPI with an AsyncSession on an engine of the module; the endpoint commits twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from acidity.core.cause import CauseKind
from acidity.prove import Operation
from tests.quality.apps.shop import App, Order, Product

engine = create_async_engine("sqlite+aiosqlite:///shop.db")
app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        try:
            yield session
        except BaseException:
            await session.rollback()
            raise


async def take(session: AsyncSession, count: int) -> None:
    (await session.get_one(Product, 1)).stock -= count


@app.post("/twice", status_code=201)
async def order_twice(session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, bool]:
    await take(session, 2)
    await session.commit()  # <- the endpoint commits too early
    session.add(Order(product_id=1, items=2))
    await session.commit()
    return {"ok": True}


@app.post("/once", status_code=201)
async def order_once(session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, bool]:
    await take(session, 2)
    session.add(Order(product_id=1, items=2))
    await session.commit()
    return {"ok": True}


APP = App(
    Operation.asgi(app, "POST", "/twice"),
    Operation.asgi(app, "POST", "/once"),
    CauseKind.SEVERAL_COMMITS,
    "<- the endpoint commits too early",
    ("order_twice",),
    "one-commit",
    {"bind": f"{__name__}:engine"},
    {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg", "mariadb": "mariadb+aiomysql"},
)

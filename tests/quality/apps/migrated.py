"""An engine of the module and tables that Alembic made; what is open is committed in ``finally``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from sqlalchemy import create_engine, insert, update
from sqlalchemy.orm import Session

from acidity.core.cause import CauseKind
from tests.quality.apps.shop import App, Order, Product

engine = create_engine("sqlite:///shop.db")


@contextmanager
def session_scope() -> Iterator[Session]:
    session = Session(engine)
    try:
        yield session
    finally:
        session.commit()  # <- commits in finally
        session.close()


@contextmanager
def careful_scope() -> Iterator[Session]:
    with Session(engine) as session:
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


def buy(count: int) -> None:
    with session_scope() as session:
        session.execute(update(Product).where(Product.id == 1).values(stock=Product.stock - count))
        session.execute(insert(Order).values(id=1, product_id=1, items=count))


def buy_carefully(count: int) -> None:
    with careful_scope() as session:
        session.get_one(Product, 1).stock -= count
        session.add(Order(id=1, product_id=1, items=count))


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return found


def sell() -> None:
    buy(2)


def sell_carefully() -> None:
    buy_carefully(2)


APP = App(
    sell,
    sell_carefully,
    CauseKind.SWALLOWED_ERROR,
    "<- commits in finally",
    ("session_scope", "buy", "sell"),
    "roll-back-on-error",
    {"metadata": None, "schema": config(), "bind": f"{__name__}:engine"},
)

"""A unit of work with repositories, and a service that is given one; the service commits between two of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.core.cause import CauseKind
from acidity.prove import Operation
from tests.quality.apps.shop import App, Order, Product


class Products:
    def __init__(self, session: Session) -> None:
        self.session = session

    def take(self, product: int, count: int) -> None:
        self.session.get_one(Product, product).stock -= count
        self.session.flush()


class Orders:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, product: int, count: int) -> None:
        self.session.add(Order(product_id=product, items=count))
        self.session.flush()


class UnitOfWork:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.products = Products(session)
        self.orders = Orders(session)

    def commit(self) -> None:
        try:
            self.session.commit()
        except BaseException:
            self.session.rollback()
            raise


class Shop:
    def __init__(self, work: UnitOfWork) -> None:
        self.work = work

    def sell(self, product: int, count: int) -> None:
        self.work.products.take(product, count)
        self.work.commit()  # <- the service commits between
        self.work.orders.add(product, count)
        self.work.commit()

    def sell_in_one(self, product: int, count: int) -> None:
        self.work.products.take(product, count)
        self.work.orders.add(product, count)
        self.work.commit()


def handle(session: Session, product: int, count: int) -> None:
    Shop(UnitOfWork(session)).sell(product, count)


def handle_in_one(session: Session, product: int, count: int) -> None:
    Shop(UnitOfWork(session)).sell_in_one(product, count)


APP = App(
    Operation(handle, 1, 2),
    Operation(handle_in_one, 1, 2),
    CauseKind.SEVERAL_COMMITS,
    "<- the service commits between",
    ("commit", "sell", "handle"),
    "one-commit",
)

"""A checkout in nine steps and one transaction: a failure at any of them leaves no trace of the others.

REPEATABLE READ: on PostgreSQL whoever meets another unit is told so (40001), and begins anew; MariaDB lets it wait, and
shows it the newest row. SQLite has no such level: BEGIN IMMEDIATE keeps every other writer out until COMMIT.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite
from examples.checkout import steps
from examples.checkout.models import Customer, Product
from examples.command import RefusedError

LEVEL, ATTEMPTS = "REPEATABLE READ", 4

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


@atomic(Sessions, isolation_level=LEVEL, max_attempts=ATTEMPTS)
def checkout(session: Session, number: str, customer: str, product: str, quantity: int) -> Decimal:
    """Buy pieces of a product: C001 buys 2 of P001.

    Args:
        session: of the unit; `atomic` gives it.
        number: of the order, chosen by the caller, so that asking twice buys once.
        customer: who buys.
        product: what.
        quantity: how many.

    Returns:
        What was paid.

    Raises:
        PaymentFailedError: there is not enough money in the wallet.
        RefusedError: the customer is not active, the product is out of stock, or the order was made already.
        RetriesExhausted: others were in the way each time; nothing was written.
        CommitUnknown: COMMIT was sent, and the database did not answer; ask again, "made already" is a yes.
    """
    return steps.buy(session, number, customer, product, quantity)


@atomic(Sessions, isolation_level=LEVEL, max_attempts=ATTEMPTS)
def deactivate(session: Session, customer: str) -> list[str]:
    """A customer buys no more, and their orders are cancelled in the same unit: pieces and money go back.

    Returns:
        The numbers of those orders.

    Raises:
        RefusedError: there is no such customer.
        RetriesExhausted: as above.
        CommitUnknown: as above; it may be asked for again.
    """
    return steps.deactivate(session, customer)


@atomic(Sessions, isolation_level=LEVEL, max_attempts=ATTEMPTS)
def set_price(session: Session, product: str, price: Decimal) -> None:
    """Change the price of a product, for orders from now on.

    Raises:
        RefusedError: there is no such product.
        RetriesExhausted: as above.
        CommitUnknown: as above.
    """
    steps.locked_product(session, product).price = price


@atomic(Sessions)
def add_customer(session: Session, customer: str, wallet: Decimal) -> None:
    """Note a customer, with money in the wallet.

    Raises:
        RefusedError: there is one already.
    """
    session.add(Customer(id=customer, is_active=True, wallet=wallet))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"there is a customer {customer} already") from error


@atomic(Sessions)
def add_product(session: Session, product: str, price: Decimal, stock: int) -> None:
    """Offer a product.

    Raises:
        RefusedError: there is one already.
    """
    session.add(Product(id=product, price=price, stock=stock, reserved=0))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"there is a product {product} already") from error

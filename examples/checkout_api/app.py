"""A checkout that is paid through a gateway: three steps, and it is known after each of them what is left to do.

No transaction reaches around a charge. So what is to be paid, the *intent*, is committed before the gateway hears of
it, with the pieces held; then the card is charged under the intent's id; then order and items come with the pieces
leaving the stock, or the intent is marked failed and the pieces are free again. Whoever breaks off after the first step
leaves an intent that is pending, and `recover` asks the gateway by its id what became of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import TransactionFailed, configure_sqlite
from examples.checkout_api.gateway import DeclinedError, Folder, Gateway
from examples.checkout_api.models import Intent, Item, Order, Product, Status
from examples.checkout_api.request import Purchase
from examples.command import RefusedError

ATTEMPTS = 4

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)
gateway = Gateway(Folder())
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is told: a status of HTTP, and a body of JSON."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payment:
    """What is to be charged: the intent, as the gateway and `settle` have to know it."""

    intent: str
    product: str
    amount: Decimal


class KeyTakenError(RefusedError):
    """Another request came with this key in the same moment."""


def check_out(key: str, purchase: Purchase) -> Answer:
    """Sell pieces of a product, once for each key.

    Args:
        key: of the client, the same whenever it asks for the same again.
        purchase: what it wants.
    """
    try:
        noted = note_once(key, purchase)
    except (TransactionFailed, DBAPIError):
        logger.exception("an intent could not be committed")
        return refusal(503, "Checkout failed, and nothing was charged; ask again with the same Idempotency-Key")
    if isinstance(noted, Answer):
        return noted
    charged = charge(noted, purchase.card)
    if charged is None:
        return pending(noted.intent)
    try:
        return settle(noted.intent, noted.product, charged=charged)
    except Exception:  # whatever it is, money may have been taken: nobody is told that it was not
        logger.exception("intent %s is left to recover", noted.intent)
        return pending(noted.intent) if charged else answered(Status.FAILED)


def note_once(key: str, purchase: Purchase) -> Payment | Answer:
    """Step 1, or what the client has to be told instead: the answer to a request with the same key among it."""
    try:
        try:
            return note(key, purchase)
        except KeyTakenError:
            return note(key, purchase)  # the other one is committed, and found
    except NotSoldError as error:
        return refusal(error.status, str(error))


class NotSoldError(RefusedError):
    """The product is not there, or too little of it.

    Args:
        status: of HTTP.
        message: for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@atomic(Sessions, max_attempts=ATTEMPTS)
def note(session: Session, key: str, purchase: Purchase) -> Payment | Answer:
    """Step 1: pieces are held, and it is written down what is to be paid for them.

    Two requests for one product wait for each other before they look for their key. Two with the same key for different
    products do not, and the second one cannot write it.

    Raises:
        KeyTakenError: another request has written this key since this one looked.
        NotSoldError: the product is not there, or too little of it.
    """
    product = session.get(Product, purchase.product, with_for_update=True)
    known = session.scalars(select(Intent).where(Intent.key == digest(key))).one_or_none()
    if known is not None:
        return repeated(known, purchase)
    if product is None:
        raise NotSoldError(404, f"there is no product {purchase.product}")
    left = product.stock - product.reserved
    if left < purchase.quantity:
        raise NotSoldError(409, f"product {product.id} is out of stock: {left} left")
    product.reserved += purchase.quantity
    intent = Intent(
        id=str(uuid4()),
        key=digest(key),
        request=digest(purchase.model_dump_json()),
        product_id=product.id,
        quantity=purchase.quantity,
        price=product.price,
        status=Status.PENDING,
    )
    session.add(intent)
    try:
        session.flush()
    except IntegrityError as error:
        raise KeyTakenError(key) from error
    return Payment(intent.id, product.id, product.price * purchase.quantity)


def charge(payment: Payment, card: str) -> bool | None:
    """Step 2: whether the card was charged; None where the gateway does not say. No answer is not a no: it is asked."""
    try:
        gateway.charge(payment.intent, payment.amount, card)
    except DeclinedError:
        return False
    except ConnectionError:
        return asked(payment.intent)
    return True


def asked(intent: str) -> bool | None:
    """Whether the gateway has charged for an intent; None where it does not answer."""
    try:
        return gateway.close(intent)
    except ConnectionError:
        return None


@atomic(Sessions, max_attempts=ATTEMPTS)
def settle(session: Session, intent_id: str, product_id: str, *, charged: bool) -> Answer:
    """Step 3: order and items, and the pieces leave the stock; or the intent failed, and the pieces are free again.

    Whoever settles an intent second finds it settled: both have locked the product first.
    """
    product = session.get_one(Product, product_id, with_for_update=True)
    intent = session.get_one(Intent, intent_id)
    if intent.status == Status.PENDING:
        product.reserved -= intent.quantity
        if charged:
            product.stock -= intent.quantity
            session.add(Order(id=intent.id, total=intent.price * intent.quantity))
            session.flush()
            session.add(Item(order_id=intent.id, product_id=product.id, quantity=intent.quantity, price=intent.price))
        intent.status = Status.SUCCEEDED if charged else Status.FAILED
    return answered(intent.status, intent.id, intent.price * intent.quantity)


def recover(only: Iterable[str] | None = None) -> int:
    """Settle what was left pending, as the gateway says; one that it does not answer for is left for the next time.

    A request that is under way at the same time loses nothing: if it is not charged yet, it will be declined.

    Args:
        only: ids of intents; by default all that are pending.

    Returns:
        How many were settled.
    """
    settled = 0
    for intent, product in left_pending():
        charged = asked(intent) if only is None or intent in only else None
        if charged is not None:
            settle(intent, product, charged=charged)
            settled += 1
    return settled


@atomic(Sessions, read_only=True, max_attempts=ATTEMPTS)
def left_pending(session: Session) -> list[tuple[str, str]]:
    """The intents that nobody has settled, each with its product."""
    rows = session.execute(select(Intent.id, Intent.product_id).where(Intent.status == Status.PENDING))
    return [(row.id, row.product_id) for row in rows.all()]


def repeated(intent: Intent, purchase: Purchase) -> Answer:
    """What a request is told whose key is known."""
    if intent.request != digest(purchase.model_dump_json()):
        return refusal(422, "this Idempotency-Key was used for another request")
    if intent.status == Status.PENDING:
        return refusal(409, "the request with this Idempotency-Key is in progress")
    return answered(intent.status, intent.id, intent.price * intent.quantity)


def answered(status: str, order: str = "", total: Decimal = Decimal(0)) -> Answer:
    """What the client is told when it is known what has become of the payment."""
    if status == Status.FAILED:
        return refusal(402, "Payment failed, and nothing was charged")
    return Answer(201, {"order": order, "total": str(total)})


def pending(intent: str) -> Answer:
    """What the client is told while it is not known whether money was taken."""
    return Answer(202, {"intent": intent, "status": Status.PENDING})


def refusal(status: int, why: str) -> Answer:
    """What the client is told when nothing is sold."""
    return Answer(status, {"detail": why})


def digest(text: str) -> str:
    """A text of any length as 64 characters that every database tells apart."""
    return sha256(text.encode()).hexdigest()


@atomic(Sessions)
def add_product(session: Session, product: str, price: Decimal, stock: int) -> None:
    """Offer a product.

    Raises:
        RefusedError: there is one already.
    """
    if session.get(Product, product) is not None:
        raise RefusedError(f"there is a product {product} already")
    session.add(Product(id=product, price=price, stock=stock, reserved=0))

"""What is to be proved about the checkout, on FastAPI and on Flask: ten pieces of P001 at ₹280, and one of P002."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.core.http import HttpAnswer
from acidity.prove import Effect, Operation, Scenario, Told
from examples.checkout_api import app as shop
from examples.checkout_api import on_fastapi, on_flask
from examples.checkout_api.gateway import DECLINED, LOST, SILENT, Folder
from examples.checkout_api.models import Base, Intent, Item, Order, Product, Status
from examples.checkout_api.request import Purchase

P001, P002, PRICE, STOCK = "P001", "P002", Decimal(280), 11
GOOD = "4242-4242-4242-4242"
KEY, OTHER_KEY = "key-1", "key-2"

charges = Folder()  # of this process and of those that it forks, until it ends
shop.gateway.bank = charges
atexit.register(shutil.rmtree, charges.path, ignore_errors=True)


def seed(session: Session) -> None:
    """Ten pieces of P001, and one of P002."""
    session.add_all(Product(id=name, price=PRICE, stock=pieces, reserved=0) for name, pieces in ((P001, 10), (P002, 1)))


def left(status: Status, name: str = "") -> Callable[[Session], None]:
    """The same after a request with `KEY` has got as far as this; it was charged if it is said to have succeeded."""
    intent = name or f"left-{status}"  # the gateway forgets nothing: each has a key of its own

    def setup(session: Session) -> None:
        seed(session)
        session.flush()
        purchase = Purchase(product=P001, quantity=2, card=GOOD)
        session.add(
            Intent(
                id=intent,
                key=shop.digest(KEY),
                request=shop.digest(purchase.model_dump_json()),
                product_id=P001,
                quantity=2,
                price=PRICE,
                status=status,
            )
        )
        if status is Status.PENDING:
            session.get_one(Product, P001).reserved = 2
        if status is Status.SUCCEEDED:
            charges.charge(intent, 2 * PRICE, GOOD)
            session.get_one(Product, P001).stock -= 2
            session.add(Order(id=intent, total=2 * PRICE))
            session.flush()
            session.add(Item(order_id=intent, product_id=P001, quantity=2, price=PRICE))

    return setup


def left_after_the_charge(session: Session) -> None:
    """The same after the request was charged, and its process was killed."""
    left(Status.PENDING, "charged")(session)
    charges.charge("charged", 2 * PRICE, GOOD)


def totals_are_those_of_the_items(session: Session) -> bool:
    """An order has items, and costs what they cost."""
    return all(
        order.total == session.scalar(select(func.sum(Item.price * Item.quantity)).where(Item.order_id == order.id))
        for order in session.scalars(select(Order))
    )


def what_is_paid_is_ordered(session: Session) -> bool:
    """A payment that succeeded was charged and has its order; one that failed was not charged and has none.

    Only keys that are in the rows are asked for: the gateway also knows what was charged in every run before.
    """
    orders = {order.id: order.total for order in session.scalars(select(Order))}
    for intent in session.scalars(select(Intent)):
        charged = charges.charged(intent.id)
        if intent.status == Status.PENDING:
            fits = intent.id not in orders
        elif intent.status == Status.SUCCEEDED:
            fits = orders.pop(intent.id, None) == (charged or 0)
        else:
            fits = intent.id not in orders and charged is None
        if not fits:
            return False
    return all(charges.charged(order) is not None for order in orders)


def pieces_are_kept(session: Session) -> bool:
    """What left the stock was bought, and what is held is being paid."""
    stock, held = session.execute(select(func.sum(Product.stock), func.sum(Product.reserved))).one()
    bought = session.scalar(select(func.sum(Item.quantity))) or 0
    paying = session.scalar(select(func.sum(Intent.quantity)).where(Intent.status == Status.PENDING)) or 0
    return bool(stock + bought == STOCK and held == paying)


def marked_failed(session: Session) -> bool:
    """An end of its own: the intent says that the payment failed, nothing was bought, and nothing is held."""
    intents = session.scalars(select(Intent)).all()
    orders, items = (session.scalar(select(func.count()).select_from(table)) for table in (Order, Item))
    held = session.scalar(select(func.sum(Product.reserved)))
    return [intent.status for intent in intents] == [Status.FAILED] and not (orders or items or held)


RULES = (totals_are_those_of_the_items, what_is_paid_is_ordered, pieces_are_kept)
EFFECTS = (
    Effect(shop.gateway.charge, key=lambda key, *_: key),
    Effect(shop.gateway.close, counted=False),
)


def told(answer: HttpAnswer) -> bool | Told:
    """What an answer with a good status says; 202 says that nobody knows yet."""
    return Told.UNKNOWN if answer.status == HTTPStatus.ACCEPTED else True


def on(name: str) -> Callable[..., Operation]:
    """Requests to the application on this framework."""

    def post(product: str = P001, quantity: int = 2, card: str = GOOD, key: str = KEY, **options: Any) -> Operation:
        body = {"product": product, "quantity": quantity, "card": card}
        headers = {"Idempotency-Key": key}
        given: dict[str, Any] = {"json": body, "headers": headers, "also": marked_failed, "succeeded": told} | options
        if name == "flask":
            return Operation.wsgi(on_flask.app, "POST", "/checkouts", **given)
        return Operation.asgi(on_fastapi.app, "POST", "/checkouts", **given)

    return post


def asked(*operations: Operation, **more: Any) -> Scenario:
    """A scenario on the rows of this shop."""
    options: dict[str, Any] = {
        "metadata": Base.metadata,
        "setup": seed,
        "invariants": RULES,
        "bind": "examples.checkout_api.app:engine",
        "effects": EFFECTS,
        "commits": "several",
        "recover": shop.recover,
    }
    return Scenario(*operations, **options | more)


fastapi, flask = on("fastapi"), on("flask")
REFUSED: dict[str, Any] = {"refused": True, "also": ()}

bought, bought_on_flask = asked(fastapi()), asked(flask())
answer_lost, answer_lost_on_flask = asked(fastapi(card=LOST)), asked(flask(card=LOST))
declined, declined_on_flask = asked(fastapi(card=DECLINED, refused=True)), asked(flask(card=DECLINED, refused=True))
silent, silent_on_flask = asked(fastapi(card=SILENT, refused=True)), asked(flask(card=SILENT, refused=True))
again, again_on_flask = (asked(post(also=()), setup=left(Status.SUCCEEDED)) for post in (fastapi, flask))
other_request = asked(fastapi(quantity=1, **REFUSED), setup=left(Status.SUCCEEDED))
in_progress = asked(flask(**REFUSED), setup=left(Status.PENDING))
failed_before = asked(flask(**REFUSED), setup=left(Status.FAILED))
sold_out, unknown = asked(fastapi(P002, **REFUSED)), asked(flask("P009", **REFUSED))
last = asked(fastapi(P002, 1), flask(P002, 1, key=OTHER_KEY))  # one piece, and two want it
both = asked(fastapi(P001, 1), flask(P001, 2, key=OTHER_KEY))  # two clients, and enough for both
other_product = asked(fastapi(P001, 1), flask(P002, 1))  # two requests with one key at once
under_way = asked(fastapi(), Operation(shop.recover))  # a recovery beside a request that needs none
recovered = asked(Operation(shop.recover), setup=left_after_the_charge)
recovered_without_a_charge = asked(Operation(shop.recover), setup=left(Status.PENDING))

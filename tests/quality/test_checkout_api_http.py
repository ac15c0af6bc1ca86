"""`examples.checkout_api` as processes: fifty clients at once, and ``kill -9`` in the middle of their requests.

The gateway is in this process, so it outlives the shop, and it is here that the shop is killed: when a charge is made, and
before it is answered. So every kill leaves a card that is charged without an order, and others at every other place.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from examples.checkout_api.__main__ import main
from examples.checkout_api.app import digest
from examples.checkout_api.gateway import Folder
from examples.checkout_api.models import Intent, Item, Order, Product, Status
from examples.checkout_api.remote import Server
from tests.quality.checkout_serving import serving
from tests.systems.places import empty_database

CLIENTS, PIECES, PRICE = 50, 70, Decimal(280)
KILLS = (5, 15)  # when that many charges are made
PATIENCE_S = 300.0  # of everybody; it is only used up where something is broken
FINAL = {201, 402, 422}
CARDS = ("4242", "4242", "lost", "declined", "silent")


class Killing(Folder):
    """A gateway that kills the shop when it has charged that often; the answer never comes.

    Args:
        path: of the charges.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.kills = list(KILLS)
        self.shop: subprocess.Popen[str] | None = None
        self._lock = Lock()

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """Take the money; and then."""
        super().charge(key, amount, card if card != "lost" else "4242")
        with self._lock:
            if self.kills and self.shop is not None and len(self.charges()) >= self.kills[0]:
                del self.kills[0]
                os.kill(self.shop.pid, signal.SIGKILL)
                self.shop = None
        super().charge(key, amount, card)  # the same once more is the same; this time its answer may be lost


@dataclass
class Town:
    """Where the shop is now, as its clients know it."""

    port: int = 0
    changed: Condition = field(default_factory=Condition)

    def moved(self, port: int) -> None:
        with self.changed:
            self.port = port
            self.changed.notify_all()

    def wait_for_another(self, port: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.port != port, timeout=PATIENCE_S)


class Client(Thread):
    """Asks until the answer is final, each time with the same key.

    Args:
        number: which.
        town: where the shop is.
    """

    def __init__(self, number: int, town: Town) -> None:
        super().__init__(daemon=True)
        self.key = f"key-{number}"
        self.purchase = {"product": "P001", "quantity": 1 + number % 3, "card": CARDS[number % len(CARDS)]}
        self.town = town
        self.told: list[tuple[int, Any]] = []
        self.refused = 0

    def run(self) -> None:
        while not self.told or self.told[-1][0] not in FINAL:
            port = self.town.port
            try:
                answer = asked(port, self.key, self.purchase)
            except (OSError, HTTPException):
                self.refused += 1
                self.town.wait_for_another(port)
                continue
            self.told.append(answer)
            if "out of stock" in str(answer[1]):
                return
            if answer[0] not in FINAL:
                Event().wait(0.1)  # as a client pauses before it asks again
            assert len(self.told) < PATIENCE_S / 0.1

    @property
    def last(self) -> tuple[int, Any]:
        return self.told[-1]


def asked(port: int, key: str, purchase: dict[str, Any]) -> tuple[int, Any]:
    """One request; OSError or HTTPException where nobody answers it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/checkouts", json.dumps(purchase), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@contextmanager
def gateway(bank: Killing) -> Iterator[str]:
    with Server(bank) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def database(db: str, folder: Path) -> Iterator[str]:
    if db == "sqlite":
        yield f"sqlite:///{folder / 'shop.db'}"
    else:
        with empty_database(db) as url:
            yield url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "db"), [("fastapi", "sqlite"), ("flask", "sqlite"), ("fastapi", "postgresql"), ("flask", "mariadb")]
)
def test_fifty_clients_and_a_shop_that_is_killed(framework: str, db: str, tmp_path: Path) -> None:
    bank, town = Killing(tmp_path / "charges"), Town()
    clients = [Client(number, town) for number in range(CLIENTS)]
    with database(db, tmp_path) as url, gateway(bank) as place:
        where = ["--db", url, "--gateway", place]
        assert main(["add-product", "P001", str(PRICE), str(PIECES), *where]) == 0
        arguments = ["--framework", framework, *where]
        for life in range(len(KILLS) + 1):
            with serving(arguments, tmp_path / "log") as (process, port):
                bank.shop = process
                town.moved(port)
                if not life:
                    for client in clients:
                        client.start()
                if life < len(KILLS):
                    assert process.wait(PATIENCE_S) == -signal.SIGKILL
                    continue
                for client in clients:
                    client.join(PATIENCE_S)
                    assert not client.is_alive()
                for client in clients:
                    if client.last[0] in FINAL:  # who was turned away while pieces were held may buy now
                        assert asked(port, client.key, client.purchase) == client.last
        holds(clients, bank, url)
    assert sum(client.refused for client in clients) > 0, "nobody was in the middle of a request"


def holds(clients: list[Client], bank: Folder, url: str) -> None:
    """Each charge has its order, each order its charge; stock and money add up; and all clients know."""
    engine = create_engine(url)
    with Session(engine) as session:
        orders = {order.id: order.total for order in session.scalars(select(Order))}
        intents = {intent.key: intent for intent in session.scalars(select(Intent))}
        pieces = session.scalar(select(func.sum(Item.quantity))) or 0
        product = session.get_one(Product, "P001")
        assert orders == bank.charges()
        assert {intent.status for intent in intents.values()} <= {Status.SUCCEEDED, Status.FAILED}
        assert (product.stock, product.reserved) == (PIECES - pieces, 0)
        assert sum(orders.values()) == pieces * PRICE
        for client in clients:
            status, body = client.last
            intent = intents.get(digest(client.key))
            if status == 201:
                assert intent is not None
                assert (body["order"], Decimal(body["total"])) == (intent.id, client.purchase["quantity"] * PRICE)
                assert orders.pop(intent.id) == Decimal(body["total"])
            elif status == 402:
                assert intent is not None
                assert intent.status == Status.FAILED
            else:
                assert status == 409
                assert intent is None
        assert not orders, "an order of which nobody was told"
    engine.dispose()

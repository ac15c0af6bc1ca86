"""The checkout over HTTP as a person uses it, and its two web layers side by side."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from examples.checkout_api import app as shop
from examples.checkout_api import on_fastapi, on_flask
from examples.checkout_api.__main__ import main
from examples.checkout_api.gateway import DeclinedError, Folder, NoAnswerError
from examples.checkout_api.models import Base
from examples.checkout_api.remote import Remote, Server
from examples.opening import open_database
from tests.systems.asking import asgi, wsgi
from tests.systems.places import ROOT
from tests.systems.said import refused

FRAMEWORKS = {"fastapi": (asgi, on_fastapi.app), "flask": (wsgi, on_flask.app)}
PURCHASE = {"product": "P001", "quantity": 2, "card": "4242"}


@pytest.fixture
def bought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("add-product P001 280 10", "buy key-1 P001 2 4242"):
        assert main(command.split()) == 0


@pytest.mark.usefixtures("bought")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("buy key-1 P001 1 4242", 1, "422 this Idempotency-Key was used for another request"),
        ("buy key-2 P009 1 4242", 1, "404 there is no product P009"),
        ("buy key-2 P001 9 4242", 1, "409 product P001 is out of stock: 8 left"),
        ("buy key-2 P001 0 4242", 2, "above zero"),
        ("buy key-2 P001 -1 4242", 2, "above zero"),
        ("buy key-2 P001 99999 4242", 2, "at most 10,000"),
        ("buy key-2 P001 1 ₹", 2, "is not a card"),
        (f"buy {'k' * 65} P001 1 4242", 2, "1 to 64 characters"),
        ("buy key\0 P001 1 4242", 2, "cannot be read"),
        ("add-product P001 5 5", 1, "there is a product P001 already"),
        ("add-product P0_1 5 5", 2, "is not a product"),
        ("add-product P002 0.001 5", 2, "paisa"),
        ("serve --framework django", 2, "invalid choice"),
        ("serve --port 70000", 2, "at most 65,535"),
        ("serve --recover-every 0", 2, "above zero"),
        ("show --db nonsense", 2, "is not the URL of a database"),
        ("show --gateway checkout_api.db", 2, "is a file, and no folder"),
        ("show --gateway https://x", 2, "is no address like"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command)
    assert (ended, error in err) == (code, True), err


@pytest.mark.usefixtures("bought")
@pytest.mark.parametrize("what", ["serve", "gateway"])
def test_a_port_that_is_not_free(capsys: pytest.CaptureFixture[str], what: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main([what, "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot be listened at" in capsys.readouterr().err


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Folder]:
    """A shop with ten pieces of P001, where the module of the shop looks for it."""
    engine = open_database(f"sqlite:///{tmp_path / 'shop.db'}", "checkout_api", Base.metadata, threads=2)
    before, shop.gateway.bank = shop.gateway.bank, Folder(tmp_path / "gateway")
    shop.Sessions.configure(bind=engine)
    try:
        shop.add_product("P001", Decimal(280), 10)
        yield shop.gateway.bank
    finally:
        shop.Sessions.configure(bind=shop.engine)
        shop.gateway.bank = before
        engine.dispose()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_client_is_told(bank: Folder, framework: str) -> None:
    ask, app = FRAMEWORKS[framework]

    def told(key: str, **changed: Any) -> tuple[int, Any]:
        return ask(app, {"Idempotency-Key": key} if key else {}, json.dumps(PURCHASE | changed).encode())

    status, first = told("key-1")
    assert (status, first["total"]) == (201, "560.00")
    assert told("key-1") == (201, first)
    assert told("key-1", quantity=1)[0] == 422
    assert told("key-1", product="P009")[0] == 422, "the key comes before the product"
    assert told("KEY-1", card="declined")[0] == 402, "another key, also to MariaDB"
    assert told("KEY-1", card="declined")[0] == 402
    assert told("key-2", card="lost")[0] == 201
    assert told("key-3", card="silent")[0] == 402
    assert told("key-4", quantity=9) == (409, {"detail": "product P001 is out of stock: 6 left"})
    assert told("key-4", product="P009")[0] == 404
    for wrong in ({"quantity": 0}, {"quantity": "2"}, {"quantity": True}, {"more": 1}, {"card": ""}, {"product": "\0"}):
        assert told("key-5", **wrong)[0] == 422, wrong
    assert told("")[0] == told("k" * 65)[0] == 422
    assert sorted(bank.charges().values()) == [Decimal(560), Decimal(560)]


@pytest.mark.dear
def test_the_gateway_charges_once_under_a_key(tmp_path: Path) -> None:
    """Here, and behind a network: what was charged stays, what was closed is declined, and no answer is no no."""
    folder = Folder(tmp_path)
    with Server(folder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            for name, place in (("here", folder), ("there", Remote(server.url))):
                for _ in range(2):
                    place.charge(f"{name}-charged", Decimal("5.00"), "4242")
                    assert place.close(f"{name}-charged")
                    assert not place.close(f"{name}-closed")
                for key, card, error in (
                    ("closed", "4242", DeclinedError),
                    ("no", "declined", DeclinedError),
                    ("late", "silent", NoAnswerError),
                    ("lost", "lost", NoAnswerError),
                ):
                    with pytest.raises(error):
                        place.charge(f"{name}-{key}", Decimal("5.00"), card)
                assert place.close(f"{name}-lost")
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(NoAnswerError):
        Remote(server.url).close("nobody listens")
    assert set(folder.charges()) == {f"{name}-{key}" for name in ("here", "there") for key in ("charged", "lost")}


@pytest.mark.slow
def test_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.checkout_api", "--help"]
    assert "curl" in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

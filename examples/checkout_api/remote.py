"""The gateway in a process of its own: what it hears and answers over HTTP, at either end. Nothing of acidity."""

from __future__ import annotations

import json
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from examples.checkout_api.gateway import Bank, DeclinedError, NoAnswerError

TIMEOUT_S = 10.0


class Remote:
    """A bank behind a network.

    Args:
        url: where it is, as ``http://127.0.0.1:8100``.
        timeout_s: how long an answer is waited for, in seconds.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.address = urlsplit(url).netloc
        self.timeout_s = timeout_s

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """See `Gateway.charge`."""
        if not self._ask("charge", key, amount=str(amount), card=card):
            raise DeclinedError("the gateway says no")

    def close(self, key: str) -> bool:
        """See `Gateway.close`."""
        return self._ask("close", key)

    def _ask(self, what: str, key: str, **more: str) -> bool:
        connection = HTTPConnection(self.address, timeout=self.timeout_s)
        try:
            connection.request("POST", f"/{what}", json.dumps({"key": key, **more}))
            response = connection.getresponse()
            if response.status != HTTPStatus.OK:
                raise NoAnswerError(f"the gateway answered {response.status}")
            return bool(json.load(response)["charged"])
        except (OSError, HTTPException, ValueError, KeyError) as error:
            raise NoAnswerError(f"the gateway did not answer: {error}") from error
        finally:
            connection.close()


class Server(ThreadingHTTPServer):
    """Makes charges for whoever asks.

    Args:
        bank: where they are made.
        port: of 127.0.0.1; 0 is one that is free.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, bank: Bank, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.bank = bank

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def carry_out(self, what: str, asked: dict[str, str]) -> bool:
        """Whether the money is taken then.

        Raises:
            NoAnswerError: the connection is to be closed without an answer.
        """
        if what == "/close":
            return self.bank.close(asked["key"])
        try:
            self.bank.charge(asked["key"], Decimal(asked["amount"]), asked["card"])
        except DeclinedError:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        """Answer, or close the connection."""
        asked: dict[str, str] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            charged = self.server.carry_out(self.path, asked)
        except NoAnswerError:
            self.close_connection = True
            return
        body = json.dumps({"charged": charged}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the standard library
        """Say nothing."""

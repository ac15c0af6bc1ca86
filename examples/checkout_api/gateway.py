"""A payment gateway that can be made to fail, to time out, or to charge and lose its answer. Nothing of acidity.

It keeps one file for each key in a folder, so it outlives every process of the shop. A file is there with its content,
or not at all, and the first one under a key stays: a charge that is asked for twice is made once.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Protocol
from uuid import uuid4

DECLINED, SILENT, LOST = "declined", "silent", "lost"  # cards that behave so; every other one is charged
CLOSED = "closed"


class DeclinedError(Exception):
    """The gateway says no: nothing was charged under this key, and nothing will be."""


class NoAnswerError(ConnectionError):
    """The gateway did not answer: it may have charged, or not."""


class Bank(Protocol):
    """Where charges are made: in a folder here, or behind a network."""

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """See `Gateway.charge`."""

    def close(self, key: str) -> bool:
        """See `Gateway.close`."""


class Gateway:
    """What the shop calls.

    Args:
        bank: where charges are made.
    """

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """Take money from a card, once under this key.

        Raises:
            DeclinedError: nothing was charged.
            NoAnswerError: nobody knows.
        """
        self.bank.charge(key, amount, card)

    def close(self, key: str) -> bool:
        """Whether money was taken under this key. A no is final: a charge that is still on its way is declined.

        Raises:
            NoAnswerError: nobody knows, and it is to be asked again.
        """
        return self.bank.close(key)


class Folder:
    """The charges as files of a folder.

    Args:
        path: it is made if it is not there; by default a new one among the temporary files.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(tempfile.gettempdir()) / f"examples-gateway-{uuid4().hex}"

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """See `Gateway.charge`."""
        if card == DECLINED:
            raise DeclinedError("the card was declined")
        if card == SILENT:
            raise NoAnswerError("timed out")
        if self._first(key, str(amount)) == CLOSED:
            raise DeclinedError("the payment was closed")
        if card == LOST:
            raise NoAnswerError("timed out")

    def close(self, key: str) -> bool:
        """See `Gateway.close`."""
        return self._first(key, CLOSED) != CLOSED

    def charges(self) -> dict[str, Decimal]:
        """What was charged under each key."""
        names = sorted(path.name for path in self.path.glob("*[!~]"))
        return {key: amount for key in names if (amount := self.charged(key)) is not None}

    def charged(self, key: str) -> Decimal | None:
        """What was charged under this key; None: nothing was."""
        place = self.path / key
        text = place.read_text(encoding="utf-8") if place.exists() else CLOSED
        return None if text == CLOSED else Decimal(text)

    def _first(self, key: str, text: str) -> str:
        """Write this under the key, unless there is something; what is there then."""
        self.path.mkdir(parents=True, exist_ok=True)
        place, draft = self.path / key, self.path / f"{uuid4().hex}~"
        draft.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            place.hardlink_to(draft)
        draft.unlink()
        return place.read_text(encoding="utf-8")

"""What the command lines of the examples have in common: how amounts are read and shown, and how a run ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from sqlalchemy.exc import DBAPIError

from acidity.run import CommitUnknown, NotMoney, TransactionFailed
from examples.opening import NotOurDatabaseError

MOST = Decimal(10) ** 15
NUMBER_MAX = 2**31 - 1


class RefusedError(Exception):
    """The request breaks a rule, and nothing was written; the text is for the user."""


def read(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed.

    Raises:
        SystemExit: it is wrong, or has something in it that nobody can read and not every database can store: a zero
            byte, half a character, a change of direction.
    """
    asked = parser.parse_args(arguments)
    for name, value in vars(asked).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isprintable():
                parser.error(f"argument {name}: {text!a} has characters that cannot be read")
    return asked


def number(text: str) -> int:
    """The number of a row.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return whole(text, NUMBER_MAX, "a number")


def whole(text: str, most: int, what: str) -> int:
    """A whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: it is none, or above the most there may be.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
    if not 0 < value <= most:
        raise argparse.ArgumentTypeError(f"{text}: {what} is above zero, and at most {most:,}")
    return value


def rupees(text: str) -> Decimal:
    """An amount that is above zero and has at most two decimals, as ``500``, ``1,250.50`` or ``₹500``.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    try:
        amount = Decimal(text.removeprefix("₹").replace(",", ""))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount; write it like 500 or 1250.50") from None
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"{text}: an amount is above zero")
    if amount >= MOST:
        raise argparse.ArgumentTypeError(f"{text}: an amount is below ₹{MOST:,}")
    if amount != amount.quantize(Decimal("0.01")):
        raise argparse.ArgumentTypeError(f"{text}: there is nothing smaller than a paisa, ₹0.01")
    return amount


def shown(amount: Decimal) -> str:
    """An amount for people, exactly.

    >>> shown(Decimal("5000.00")), shown(Decimal("0.10")), shown(Decimal("-280.00"))
    ('₹5,000.00', '₹0.10', '-₹280.00')
    """
    return f"{'-' if amount < 0 else ''}₹{abs(amount):,.2f}"


def ended(run: Callable[[], int | None]) -> int:
    """Run a command; the exit code: 0 done, 1 refused by a rule, 2 wrong input, 3 it is not known what was written.

    Nothing that a person can cause ends in a traceback.
    """
    try:
        return run() or 0
    except RefusedError as refusal:
        return _said(f"refused: {refusal}", 1)
    except (NotOurDatabaseError, NotMoney) as error:
        return _said(f"error: {error}", 2)
    except CommitUnknown as error:
        return _said(f"unknown: {error}", 3)
    except TransactionFailed as error:
        return _said(f"refused: {error}", 1)
    except DBAPIError as error:
        return _said(f"error: the database says: {error.orig}", 1)
    except KeyboardInterrupt:
        return _said("stopped", 130)


def _said(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code

"""A bank that moves money between accounts: shipped twice, and undone by a compensating transaction.

`transfer` leaves it to the database to find out that two transfers met (SERIALIZABLE) and is tried again then;
`transfer_locked` takes the rows first, in the order of their keys, so that the second one waits. Both are right; under
contention the second does no work twice, and the first needs nobody to remember the order.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import create_engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite, lock, reversal
from examples.bank.models import Account, Entry
from examples.command import RefusedError

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


def by_request(request: str, *_: object) -> str:
    """The caller's own name of a transfer: asked for again under it, the answer is that of the first time."""
    return request


@atomic(Sessions, isolation_level="SERIALIZABLE", max_attempts=8, idempotency_key=by_request)
def transfer(session: Session, request: str, source: str, target: str, amount: Decimal) -> None:
    """Move an amount from one account to the other: ₹500 leave A and come into B, or neither happens.

    Args:
        session: of the unit; `atomic` gives it.
        request: the caller's name of this transfer.
        source: where the money leaves.
        target: where it comes in.
        amount: above zero, in whole paise.

    Raises:
        RefusedError: an account does not exist, both are the same, the amount is not one, or there is not enough money.
        CommitUnknown: COMMIT was sent, and the database does not answer what became of it; ask again with this request.
    """
    check(source, target, amount)
    check_balances(balances_of(session, source, target), source, target, amount)
    move(session, request, source, target, amount)


@atomic(Sessions, max_attempts=3, idempotency_key=by_request)
def transfer_locked(session: Session, request: str, source: str, target: str, amount: Decimal) -> None:
    """The same at the database's own level: both rows are locked, in the order of their keys, before they are read.

    Raises:
        RefusedError: as above.
        CommitUnknown: as above.
    """
    check(source, target, amount)
    try:
        accounts = lock(session, Account, (source, target))
    except LookupError as error:
        raise RefusedError("there is no such account") from error
    check_balances({each.name: each.balance for each in accounts}, source, target, amount)
    move(session, request, source, target, amount)


@reversal(transfer)
def reverse_transfer(session: Session, _result: None, request: str, source: str, target: str, amount: Decimal) -> None:
    """Undo a committed transfer by the opposite one; what happened stays in the books.

    Raises:
        RefusedError: the money is not there any more.
        NothingToReverse: no such transfer was committed, and none will be under this request.
    """
    check_balances(balances_of(session, source, target), target, source, amount)
    move(session, f"{request} reversed", target, source, amount)


@atomic(Sessions)
def open_account(session: Session, name: str, balance: Decimal) -> None:
    """Open an account with a first deposit.

    Raises:
        RefusedError: it exists already, or its name is none.
    """
    if not name.strip() or len(name) > 20:
        raise RefusedError("the name of an account has 1 to 20 characters")
    session.add(Account(name=name, balance=balance))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"account {name} exists already") from error


@atomic(Sessions, read_only=True)
def balances(session: Session) -> dict[str, Decimal]:
    """What is in each account."""
    return dict(session.execute(select(Account.name, Account.balance).order_by(Account.name)).all())


def balances_of(session: Session, *names: str) -> dict[str, Decimal]:
    """What is in these accounts, of those that exist."""
    return dict(session.execute(select(Account.name, Account.balance).where(Account.name.in_(names))).all())


def check(source: str, target: str, amount: Decimal) -> None:
    """Refuse what no database has to be asked for."""
    if not amount.is_finite() or amount <= 0:
        raise RefusedError("an amount is above zero")
    if source == target:
        raise RefusedError("the accounts must be different")


def check_balances(found: dict[str, Decimal], source: str, target: str, amount: Decimal) -> None:
    """Refuse a transfer between accounts that do not exist, or of money that is not there."""
    for name in (source, target):
        if name not in found:
            raise RefusedError(f"there is no account {name}")
    if found[source] < amount:
        raise RefusedError(f"account {source} has not enough money")


def move(session: Session, request: str, source: str, target: str, amount: Decimal) -> None:
    """Write both sides of a transfer in the order of their keys, so that two from opposite sides wait for each other at
    the first one and not in a circle; and its two entries.
    """
    sides = sorted([(source, -amount), (target, amount)])
    for account, change in sides:
        session.execute(update(Account).where(Account.name == account).values(balance=Account.balance + change))
    session.add_all(Entry(request=request, account=account, amount=change) for account, change in sides)

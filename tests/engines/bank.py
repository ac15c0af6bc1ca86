"""A small bank for the tests of the seam and of the words: tables, rows before, and ways to run an operation once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.adapters.seam import Interceptor, PassThrough, PendingCall
from acidity.core.call import Call, Kind
from acidity.prove import Operation, Scenario
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage

ALICE, BOB = 1, 2


class Base(DeclarativeBase):
    """Declarative base of the bank."""


class Account(Base):
    """Who has how much, in whole euros."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(20))
    balance: Mapped[int]


class Payment(Base):
    """An amount that somebody paid."""

    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]
    note: Mapped[str] = mapped_column(String(40), default="")


def seed(session: Session) -> None:
    """Alice has 100, Bob has nothing; one payment was made."""
    session.add_all([Account(id=ALICE, owner="Alice", balance=100), Account(id=BOB, owner="Bob", balance=0)])
    session.flush()
    session.add(Payment(id=1, account_id=ALICE, amount=7, note="old"))


def move(session: Session, amount: int = 10) -> None:
    """Take it from Alice and give it to Bob, each in a statement of its own; commits nothing."""
    session.get_one(Account, ALICE).balance -= amount
    session.flush()
    session.get_one(Account, BOB).balance += amount
    session.flush()


def total_is_kept(session: Session) -> bool:
    """Moving money neither makes nor loses any."""
    return sum(account.balance for account in session.query(Account)) == 100


def bank(function: Callable[..., Any] | Operation, *arguments: Any, **options: Any) -> Scenario:
    """A Scenario of one operation on the bank; `options` go to `Scenario`."""
    operation = function if isinstance(function, Operation) else Operation(function, *arguments)
    if "schema" not in options:
        options.setdefault("metadata", Base.metadata)
    options.setdefault("setup", seed)
    return Scenario(operation, **options)


@contextmanager
def staged(
    function: Callable[..., Any] | Operation, *arguments: Any, settings: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Stage]:
    """A Stage for one operation; its Sandbox is gone afterwards."""
    with Stage(bank(function, *arguments, **options), "sqlite", settings or {}) as stage:
        yield stage


def run_once(
    function: Callable[..., Any] | Operation,
    *arguments: Any,
    interceptor: Interceptor | None = None,
    settings: Mapping[str, str] | None = None,
    **options: Any,
) -> Run:
    """One run from the rows before; the exceptions of the operation are in ``run.ending``."""
    with staged(function, *arguments, settings=settings, **options) as stage:
        return stage.run(stage.scenario.operations[0], interceptor or PassThrough())


def calls(run: Run) -> list[Call]:
    """What passed the seam, in order."""
    return [event.call for event in run.history]


def kinds(run: Run) -> list[str]:
    """The kinds of Call of a run that ended well, as plain words."""
    assert not run.ending.exception, run.ending
    assert not run.bypasses, run.bypasses
    return [str(event.call.kind) for event in run.history]


def balances(run: Run) -> tuple[int, int]:
    """What Alice and Bob have after the second look."""
    return tuple(balance for _, _, balance in run.second.tables["accounts"].rows)  # type: ignore[return-value]


def line_of(function: Callable[..., Any], marker: str) -> int:
    """The number of the one line of this function that ends in ``# <marker>``."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [number for number, line in enumerate(lines, first) if line.rstrip().endswith(f"# {marker}")]
    return found


def says(call: Call, file: str, line: int) -> bool:
    """Whether the site of the Call is that line."""
    return call.site is not None and Path(call.site.file).name == Path(file).name and call.site.line == line


@dataclass
class StrikeAt(PassThrough):
    """Raises at one Call of a kind, before or after it is made.

    Attributes:
        kind: which kind.
        after: let it take place first.
        struck: the Calls that were struck.
    """

    kind: Kind
    after: bool = False
    struck: list[Call] = field(default_factory=list)

    def intercept(self, pending: PendingCall) -> None:
        if pending.call.kind is not self.kind or self.struck:
            pending.perform()
            return
        self.struck.append(pending.call)
        if self.after:
            pending.perform()
        assert pending.wire is not None
        raise pending.wire.errors.OperationalError("struck")

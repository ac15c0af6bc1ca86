"""Writers that transfer money while connections are cut around COMMIT and the server is killed; and what came of it.

Every transfer writes a row with its name into a ledger whose key is a number, so that a transfer which is made twice is
there twice. A writer notes what it was told of each. Nothing here waits for a time: the server is killed when enough
transfers have been told committed, and the writers stop when it was killed, and connections were cut, often enough.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sqlalchemy import CheckConstraint, String, create_engine, delete, func, select, update
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.engines.proxy import CuttingProxy, When
from acidity.run import CommitUnknown, State, tables
from tests.run.killing import WAYS

ACCOUNTS, EACH, WRITERS = 10, 1000, 8
STUCK_S = 60.0  # nothing was told for so long
TOLD_MAX = 20_000
Told = Literal["committed", "failed", "unknown"]


class Base(DeclarativeBase):
    """Declarative base of the bank."""


class Account(Base):
    """Who has how much."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="not_below_zero"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Base):
    """One transfer; its name is not unique, or the database would forbid what is to be seen."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    transfer: Mapped[str] = mapped_column(String(40))
    source: Mapped[int]
    target: Mapped[int]
    amount: Mapped[int]


class Transfer(NamedTuple):
    """What is asked of a writer's unit of work."""

    name: str
    source: int
    target: int
    amount: int


class Refused(Exception):
    """Not enough money; an answer, not an error."""


def schema(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    tables.metadata.create_all(connection)


def seed(session: Session) -> None:
    session.add_all([Account(id=number, balance=EACH) for number in range(1, ACCOUNTS + 1)])


def forget(url: str) -> None:
    """The rows before."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(delete(Entry))
        connection.execute(delete(tables.marker))
        connection.execute(update(Account).values(balance=EACH))
    engine.dispose()


def move(session: Session, transfer: Transfer) -> None:
    """The unit of work, without its boundary; rows are locked in the order of their keys."""
    both = Account.id.in_((transfer.source, transfer.target))
    accounts = {each.id: each for each in session.scalars(select(Account).where(both).order_by("id").with_for_update())}
    if accounts[transfer.source].balance < transfer.amount:
        raise Refused
    accounts[transfer.source].balance -= transfer.amount
    accounts[transfer.target].balance += transfer.amount
    name, source, target, amount = transfer
    session.add(Entry(transfer=name, source=source, target=target, amount=amount))
    session.flush()


@dataclass
class Book:
    """What writers were told, and when they are to stop.

    Attributes:
        told: of each transfer.
        resolved: what became of units whose COMMIT had no answer.
        errors: kinds of errors that writers saw.
        forked: units of forked workers, and children that were forked inside of units.
        baseless: transfers told unknown although the server was up all the while.
        up: the server is there.
    """

    number: int = 1
    told: dict[str, Told] = field(default_factory=dict)
    resolved: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    forked: Counter[str] = field(default_factory=Counter)
    baseless: list[str] = field(default_factory=list)
    up: threading.Event = field(default_factory=threading.Event)
    done: bool = False

    def __post_init__(self) -> None:
        self.up.set()
        self._news = threading.Condition()
        self._outages = 0
        self._doubted: set[str] = set()

    def transfers(self, writer: int) -> Iterator[Transfer]:
        """What this writer is to do, until the end."""
        chance = random.Random(f"{self.number}.{writer}")
        count = 0
        while not self.done:
            count += 1
            source, target = chance.sample(range(1, ACCOUNTS + 1), 2)
            yield Transfer(f"{writer}.{count}", source, target, chance.randint(1, 50))

    def attempts(self, transfer: Transfer, *, again: bool) -> Iterator[AbstractContextManager[None]]:
        """A block to ask for the transfer in: one, or until the answer is certain."""
        while transfer.name not in self.told:
            yield self._asking(transfer, again=again and not self.done)

    @contextmanager
    def _asking(self, transfer: Transfer, *, again: bool) -> Iterator[None]:
        calm, outages = self.up.is_set(), self._outages
        try:
            yield
        except Refused:
            self._tell(transfer, "failed")
        except CommitUnknown as error:
            if calm and outages == self._outages:
                self.baseless.append(f"{transfer.name}: {error.__cause__}")
            self._tell(transfer, "unknown", error, again=again)
        except Exception as error:
            self._tell(transfer, "failed", error, again=again)
        else:
            self._tell(transfer, "committed")

    def _tell(self, transfer: Transfer, told: Told, error: Exception | None = None, *, again: bool = False) -> None:
        with self._news:
            if error is not None:
                self.errors[_short(error)] += 1
            if told == "unknown":
                self._doubted.add(transfer.name)
            elif told == "failed" and transfer.name in self._doubted:  # this attempt did nothing, but an earlier one?
                told = "unknown"
            if not again:
                self.told[transfer.name] = told
                self._news.notify_all()

    def transition(self, _unit: Any, old: State, new: State) -> None:
        """For `atomic(on_transition=)`."""
        if old is State.UNKNOWN or new is State.UNKNOWN:
            with self._news:
                self.resolved[new.value] += 1

    def count(self, told: Told) -> int:
        return Counter(self.told.values())[told]

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Until it is so; asked whenever a writer was told something."""
        with self._news:
            while not reached():
                known = len(self.told)
                told = self._news.wait_for(lambda known=known: len(self.told) > known, STUCK_S)
                if not told or known > TOLD_MAX:
                    raise AssertionError(f"the writers get nowhere: {self.errors}")

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The server is away; who was told so waits until it is back."""
        self._outages += 1
        self.up.clear()
        try:
            yield
        finally:
            self.up.set()


class Deck:
    """Where to cut: around three of every eight COMMITs, and now and then around another request, in a seeded order.

    Attributes:
        cuts: how often, around COMMIT.
        elsewhere: how often around something else: a statement, the fence, a handshake.
    """

    def __init__(self, number: int) -> None:
        self.cuts: Counter[When] = Counter()
        self.elsewhere: Counter[When] = Counter()
        self._chance = random.Random(number)
        self._piles: dict[bool, list[When | None]] = {True: [], False: []}

    def __call__(self, request: bytes) -> When | None:
        """For `CuttingProxy.decide`."""
        # PostgreSQL's message ends with a zero, and asyncpg's statement with a semicolon; SET AUTOCOMMIT is another one
        is_commit = request.rstrip(b";\0").endswith(b"COMMIT")
        pile = self._piles[is_commit]
        if not pile:
            pile += ["before", "during", "after", *[None] * (5 if is_commit else 297)]
            self._chance.shuffle(pile)
        when = pile.pop()
        if when is not None:
            (self.cuts if is_commit else self.elsewhere)[when] += 1
        return when


@dataclass(frozen=True)
class Verdict:
    """What is wrong, and what was done."""

    wrong: tuple[str, ...]
    counts: str

    def __str__(self) -> str:
        return "\n".join([self.counts, *self.wrong[:20]])


def judge(url: str, book: Book, counts: str) -> Verdict:
    """Compare the rows, over a fresh connection that no proxy is in the way of, with what the writers were told."""
    engine = create_engine(url)
    with engine.connect() as connection:
        there: Counter[str] = Counter(connection.scalars(select(Entry.transfer)))
        balances = {row.id: row.balance for row in connection.execute(select(Account.id, Account.balance))}
        ledger = dict.fromkeys(balances, EACH)
        for side, sign in ((Entry.source, -1), (Entry.target, 1)):
            for account, amount in connection.execute(select(side, func.sum(Entry.amount)).group_by(side)):
                ledger[account] += sign * int(amount)
    engine.dispose()
    allowed: dict[Told, tuple[int, ...]] = {"committed": (1,), "failed": (0,), "unknown": (0, 1)}
    wrong = [
        f"{name} was told {told} and is there {there[name]} times"
        for name, told in book.told.items()
        if there[name] not in allowed[told]
    ]
    wrong += [f"{name} is there, and nobody was told" for name in there if name not in book.told]
    wrong += [f"unknown without need: {each}" for each in book.baseless]
    if sum(balances.values()) != ACCOUNTS * EACH:
        wrong.append(f"the sum is {sum(balances.values())} instead of {ACCOUNTS * EACH}")
    if balances != ledger:
        wrong.append(f"the balances {balances} are not those of the ledger {ledger}")
    return Verdict(tuple(wrong), counts)


def described(book: Book, deck: Deck, kills: Counter[str], seconds: float) -> str:
    """The counts that a report needs."""
    resolved = book.resolved
    parts = [
        f"cut around COMMIT: {', '.join(f'{deck.cuts[when]} {when}' for when in ('before', 'during', 'after'))}",
        f"elsewhere: {deck.elsewhere.total()}",
        f"server: {', '.join(f'{count} × {how}' for how, count in kills.items()) or 'left alone'}",
        f"told: {', '.join(f'{book.count(told)} {told}' for told in ('committed', 'failed', 'unknown'))}",
        f"units without answer: {resolved['unknown']}, then {resolved['committed']} committed",
        f"{resolved['aborted']} aborted",
        f"forked: {dict(book.forked)}",
        f"errors: {dict(book.errors)}",
        f"{seconds:.1f} s",
    ]
    return "; ".join(parts)


def _short(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error.__cause__ or error
    original = getattr(original, "orig", None) or original
    return f"{type(error).__name__}: {str(original).strip().splitlines()[0][:70] if str(original) else ''}"


def suffer(
    sandbox: Any,
    work: Callable[[Book, URL], None],
    *,
    cuts: int,
    kills: Sequence[str] = (),
    number: int,
    driver: str = "",
) -> Verdict:
    """Let writers work until so many connections were cut, and the server was killed in these ways; then judge.

    Args:
        sandbox: a database on a dedicated server.
        work: is given the book and the URL of the proxy, and comes back when all writers have stopped.
        cuts: the least number of cuts around COMMIT.
        kills: names of `killing.WAYS`, in this order.
        number: seed of the transfers and of the cuts.
        driver: that the URL names.
    """
    forget(sandbox.url())
    book, began = Book(number), time.monotonic()
    proxy = CuttingProxy(sandbox.server.host, sandbox.server.port)
    proxy.decide = deck = Deck(number)
    url = make_url(sandbox.url_of(sandbox.database, driver)).set(port=proxy.port)
    with ThreadPoolExecutor(1) as beside:
        disturbed = beside.submit(_disturb, sandbox, book, deck, cuts, kills)
        try:
            work(book, url)
        finally:
            book.done = True
        disturbed.result()
    proxy.close()
    sandbox.reconnect()
    sandbox.settle([])  # a COMMIT whose connection was cut may still be under way
    return judge(sandbox.url(), book, described(book, deck, Counter(kills), time.monotonic() - began))


def _disturb(sandbox: Any, book: Book, deck: Deck, cuts: int, kills: Sequence[str]) -> None:
    chance = random.Random(book.number)
    try:
        for way in kills:
            enough = book.count("committed") + chance.randint(5, 25)
            book.wait_for(lambda enough=enough: book.count("committed") >= enough)
            with book.outage():
                WAYS[way](sandbox)
        book.wait_for(lambda: deck.cuts.total() >= cuts)
    finally:
        book.done = True

"""Every fault breaks the operation that it should break, and leaves its twin alone."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Kind
from acidity.errors import UsageError
from acidity.prove import Operation, Replay
from acidity.prove.faults import FAULTS
from tests.engines.bank import ALICE, BOB, Account, Payment, bank, calls, line_of, run_once, says
from tests.quality import operations as ops

RR = "REPEATABLE READ"
WAL = {"journal_mode": "wal"}
OWN = {"acidity.server": "dedicated"}
ADD, TAKE = Account.balance + 10, Account.balance - 10


def in_two_commits(engine: Engine) -> None:
    """The second half can fail when the first is there for good."""
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
    with engine.begin() as connection:
        connection.scalar(select(Account.balance).where(Account.id == BOB))
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck


def in_one_commit(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
        connection.scalar(select(Account.balance).where(Account.id == BOB))
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck


def in_one_commit_from_the_first(engine: Engine) -> None:
    """Struck before it holds a lock."""
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))  # struck
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))


def reading_first_in_two_commits(engine: Engine) -> None:
    """The second half begins with a read, and has no lock yet when it writes."""
    with begun(engine) as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
        connection.commit()
    with begun(engine) as connection:
        connection.scalar(select(Account.balance).where(Account.id == BOB))
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck
        connection.commit()


def reading_first_in_one_commit(engine: Engine) -> None:
    with begun(engine) as connection:
        connection.scalar(select(Account.balance).where(Account.id == BOB))
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
        connection.commit()


def begun(engine: Engine) -> Connection:
    """A connection in a transaction, also where the driver begins none before a read."""
    connection = engine.connect()
    if engine.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    return connection


async def in_two_async_commits(async_engine: Any) -> None:
    async with async_engine.begin() as connection:
        await connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
    async with async_engine.begin() as connection:
        await connection.scalar(select(Account.balance).where(Account.id == BOB))
        await connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck


async def in_one_async_commit(async_engine: Any) -> None:
    async with async_engine.begin() as connection:
        await connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
        await connection.scalar(select(Account.balance).where(Account.id == BOB))
        await connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))  # struck


async def in_one_async_commit_in_time(async_engine: Any) -> None:
    async with asyncio.timeout(10):
        await in_one_async_commit(async_engine)


async def in_three_attempts_in_time(async_engine: Any) -> None:
    for _ in range(3):
        try:
            return await in_one_async_commit_in_time(async_engine)
        except TimeoutError:
            continue
    raise RuntimeError("three attempts")


def refusal_of_commit_ignored(engine: Engine) -> str:
    ops.commit_failure_ignored(engine)
    return "done"


class Till:
    """A card terminal: money is taken when it is told so, whatever becomes of the rows."""

    def charge(self, amount: int) -> str:
        return f"charged {amount}"


TILL = Till()


def charged_between(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=TAKE))
    TILL.charge(10)  # struck
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == BOB).values(balance=ADD))


def charged_before(engine: Engine) -> None:
    """When it fails without effect, nothing has happened."""
    TILL.charge(10)  # struck
    ops.session_begin(engine)


def charged_last(engine: Engine) -> None:
    """When its answer is lost everything is there; the caller is warned."""
    ops.session_begin(engine)
    TILL.charge(10)  # struck


@dataclass(frozen=True)
class Pair:
    """What a fault breaks, and what it does not.

    Attributes:
        broken: the operation, struck at the line that says so, else at its last Call of `kind`.
        word: what is said of it.
        twin: the operation that survives, struck likewise.
        kind: of the Call that is struck.
        db: the engine.
        settings: of it.
        isolation_level: of it.
    """

    broken: Callable[..., Any] = in_two_commits
    word: str = "torn"
    twin: Callable[..., Any] = in_one_commit
    kind: Kind = Kind.STATEMENT
    db: str = "sqlite"
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation_level: str | None = None


AT_COMMIT = Pair(ops.retried, "doubled", ops.session_begin, Kind.COMMIT)
ON_A_SERVER = Pair(db="postgresql", isolation_level=RR)
AT_COMMIT_ON_A_SERVER = Pair(refusal_of_commit_ignored, "false success", ops.session_begin, Kind.COMMIT, "postgresql")
PAIRS: dict[str, Pair] = {
    "error-before": Pair(),
    "error-after": Pair(),
    "connection-lost": Pair(),
    "too-many-connections": ON_A_SERVER,
    "commit-refused": Pair(refusal_of_commit_ignored, "false success", ops.session_begin, Kind.COMMIT),
    "commit-left-open": Pair(ops.session_stock, "false failure by a stranger's commit", ops.session_begin, Kind.COMMIT),
    "answer-lost": AT_COMMIT,
    "request-lost": AT_COMMIT_ON_A_SERVER,
    "disk-full": Pair(),
    "disk-full-at-commit": AT_COMMIT_ON_A_SERVER,
    "constraint": Pair(),
    "busy": Pair(twin=in_one_commit_from_the_first),
    "busy-snapshot": Pair(reading_first_in_two_commits, "torn", reading_first_in_one_commit, settings=WAL),
    "serialization": ON_A_SERVER,
    "serialization-at-commit": replace(AT_COMMIT_ON_A_SERVER, isolation_level="SERIALIZABLE"),
    "deadlock": ON_A_SERVER,
    "statement-timeout": ON_A_SERVER,
    "idle-timeout": ON_A_SERVER,
    "server-restarted": Pair(db="postgresql", settings=OWN, isolation_level=RR),
    "read-only": Pair(),
    "interrupt": Pair(),
    "keyboard-interrupt": Pair(),
    "cancelled": Pair(in_two_async_commits, "torn", in_one_async_commit),
    "client-timeout": Pair(in_three_attempts_in_time, "doubled", in_one_async_commit_in_time, Kind.COMMIT),
    "memory-error": Pair(),
    "effect-before": Pair(charged_between, "torn", charged_before, Kind.EFFECT),
    "effect-after": Pair(charged_between, "torn", charged_last, Kind.EFFECT),
    "kill-before": Pair(),
    "kill-after": Pair(),
}
needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")


def replayed(fault: str, pair: Pair, function: Callable[..., Any]) -> Replay:
    """A run with the Call struck that the pair means."""
    effects = [TILL.charge] if pair.kind is Kind.EFFECT else []
    fitting = [call for call in calls(run_once(function, effects=effects)) if call.kind is pair.kind]
    if "# struck" in inspect.getsource(function):
        fitting = [call for call in fitting if says(call, __file__, line_of(function, "struck"))]
    index = fitting[-1].index
    return prove.replay(
        bank(Operation(function), effects=effects),
        f"ac1:A{index}!{fault}",
        db=pair.db,
        settings=pair.settings,
        isolation_level=pair.isolation_level,
    )


# A server is restarted in test_fault_cells.py by default.
MARKS = {"cancelled": needs_aiosqlite, "client-timeout": needs_aiosqlite, "server-restarted": pytest.mark.slow}


@pytest.mark.dear
@pytest.mark.parametrize("fault", [pytest.param(name, marks=MARKS.get(name, ())) for name in PAIRS])
@pytest.mark.one_in(3)
def test_it_breaks_what_it_should_and_nothing_else(fault: str) -> None:
    pair = PAIRS[fault]
    broken = replayed(fault, pair, pair.broken)
    assert broken.struck, broken.unknowns
    assert (broken.word, broken.verdict) == (pair.word, "fail")
    spared = replayed(fault, pair, pair.twin)
    assert spared.struck, spared.unknowns
    assert spared.verdict == "pass", spared


def test_every_fault_has_its_pair() -> None:
    assert list(PAIRS) == list(FAULTS)


def paid_in_one_unit(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Account, ALICE).balance -= 1  # it reads first, so there is a snapshot
        key = None if engine.dialect.name == "sqlite" else 100  # the rows before have not moved the sequence
        session.add(Payment(id=key, account_id=ALICE, amount=1))


def in_three_attempts(engine: Engine) -> str:
    for attempt in range(3):
        try:
            TILL.charge(attempt)
            paid_in_one_unit(engine)
        except Exception:
            continue
        return "done"
    raise RuntimeError("three attempts")


def in_three_attempts_and_then_never(engine: Engine) -> None:
    """Whether the last one came through nobody asks."""
    for _ in range(3):
        try:
            paid_in_one_unit(engine)
        except Exception:
            continue
        return


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=MARKS.get(name, ())) for name in FAULTS if FAULTS[name].persistent]
)
def test_a_lasting_fault_strikes_every_later_call_that_it_fits(fault: str) -> None:
    pair, effects = PAIRS[fault], [TILL.charge]
    function: Any = in_three_attempts_in_time if fault == "client-timeout" else in_three_attempts
    options: dict[str, Any] = {"db": pair.db, "settings": pair.settings, "isolation_level": pair.isolation_level}
    clean = calls(run_once(function, effects=effects))
    index = next(it.index for it in clean if it.kind is pair.kind and (it.writes or it.kind is not Kind.STATEMENT))
    once, lasting = (
        prove.replay(bank(function, effects=effects), f"ac1:A{index}!{fault}{star}", **options) for star in ("", "*")
    )
    struck = [[event for event in run.history if event.fault == fault] for run in (once, lasting)]
    assert [len(events) for events in struck] == [1, 3]
    assert (once.ending.exception, lasting.ending.exception) == ("", "RuntimeError")


SNAPSHOT = {"innodb_snapshot_isolation": "ON", "acidity.server": "dedicated"}


def writes_first_in_three_attempts(engine: Engine) -> str:
    for _ in range(3):
        try:
            with Session(engine) as session, session.begin():
                session.execute(update(Account).values(balance=Account.balance - 1))
                session.scalars(select(Account.balance)).all()
                session.execute(update(Account).values(balance=Account.balance - 1))
        except Exception:
            continue
        return "done"
    raise RuntimeError("three attempts")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("db", "level", "struck"),
    [
        ("postgresql", "SERIALIZABLE", [1, 3, 5]),
        ("postgresql", "REPEATABLE READ", [1, 3, 5]),
        ("postgresql", "READ COMMITTED", []),
        ("postgresql", "AUTOCOMMIT", []),
        ("mariadb", "REPEATABLE READ", [3, 7, 11]),  # an UPDATE makes no snapshot
        ("mariadb", "READ COMMITTED", []),
        ("mariadb", "AUTOCOMMIT", []),
    ],
)
def test_serialization_strikes_whatever_has_a_snapshot(db: str, level: str, struck: list[int]) -> None:
    """And the bait stays free: who strikes again does not wait for the transaction that was struck."""
    run = prove.replay(
        bank(writes_first_in_three_attempts),
        "ac1:A1!serialization*" if db == "postgresql" else "ac1:A3!serialization*",
        db=db,
        settings=SNAPSHOT if db == "mariadb" else {},
        isolation_level=level,
    )
    assert [event.call.index for event in run.history if event.fault] == struck
    assert run.ending.exception == ("RuntimeError" if struck else "")


def falls_back(engine: Engine) -> None:
    for level in ("SERIALIZABLE", "READ COMMITTED"):
        try:
            with engine.connect().execution_options(isolation_level=level) as connection, connection.begin():
                connection.execute(update(Account).values(balance=Account.balance - 1))
                connection.execute(update(Account).values(balance=Account.balance - 1))
        except Exception:
            continue
        return


@pytest.mark.dear
def test_serialization_leaves_its_bait_free_at_another_level() -> None:
    """Else whoever strikes again would wait for the transaction that was to be struck."""
    scenario = bank(Operation(falls_back, timeout=5))
    run = prove.replay(scenario, "ac1:A1!serialization*", db="postgresql")
    assert [event.call.index for event in run.history if event.fault] == [1], run.unknowns
    assert not run.unknowns


def there_and_back(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.execute(update(Account).values(balance=Account.balance - 1))
        session.execute(update(Account).values(balance=Account.balance + 1))


def test_what_cannot_be_judged_cannot_be_replayed() -> None:
    with pytest.raises(UsageError, match="changed no row; give it arguments"):
        prove.replay(bank(there_and_back), "ac1:")


LAST: list[tuple[str, Pair]] = [
    *((name, PAIRS[name]) for name in ("serialization", "serialization-at-commit", "deadlock")),
    ("serialization", Pair(db="mariadb", settings=SNAPSHOT)),
    ("deadlock", Pair(db="mariadb")),
]


@pytest.mark.dear
@pytest.mark.parametrize(("fault", "pair"), LAST, ids=[f"{fault}-{pair.db}" for fault, pair in LAST])
@pytest.mark.parametrize(
    ("function", "words"), [(in_three_attempts, set()), (in_three_attempts_and_then_never, {"false success"})]
)
def test_what_comes_of_the_last_attempt_is_seen(
    function: Callable[..., Any], words: set[str], fault: str, pair: Pair
) -> None:
    report = prove.drill(
        bank(function), db=pair.db, isolation_level=pair.isolation_level, settings=pair.settings, faults=[fault]
    )
    assert {found.word for found in report.findings if found.severity == "error"} == words
    assert not report.unknowns, report

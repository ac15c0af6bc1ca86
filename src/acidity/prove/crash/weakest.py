"""The weakest settings of an engine that lose no acknowledged COMMIT, found by trying, and what a COMMIT costs there.

Weaker settings are tried before stronger ones: power cuts on SQLite, killed servers elsewhere. What a kill cannot show,
because the system still has it in memory, counts for nothing: such settings are tried, and what they promise at a power
loss decides. Prices are ratios to the engine's own default: all settings commit in turns, so that whatever else the
machine does meets all of them, and medians are compared.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from acidity.core.options import CheckOptions
from acidity.core.scenario import Operation, Scenario
from acidity.engines import new_sandbox
from acidity.engines.durability import DEFAULTS, Settings, is_kept
from acidity.engines.hosted import HostedSandbox
from acidity.prove.checks import report_of
from acidity.prove.crash.letter import CRASH

Progress = Callable[[int, int, str], None]
Commit = Callable[[], object]

KILLS = 4  # of a server, for each of its settings, alone and under several clients
_TURNS, _COMMITS = 7, 8  # of each setting, and within each turn
_ON_DISK = {"acidity.server": "on-disk"}
_LADDERS: Mapping[str, Sequence[Sequence[Settings]]] = {
    "sqlite": [
        [{"journal_mode": journal, "synchronous": level} for level in ("normal", "full", "extra")]
        for journal in ("delete", "truncate", "persist", "wal")
    ],
    "postgresql": [[{"synchronous_commit": "off"}, {"synchronous_commit": "on"}]],
    "mariadb": [[{"innodb_flush_log_at_trx_commit": level} for level in ("0", "2", "1")]],
}
"""The settings of each engine that trade durability for speed; within a ladder the weaker ones come first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings, and what came of them.

    Attributes:
        settings: what was set; the rest is the engine's own.
        verdict: pass, fail or unknown.
        headline: of the Report.
        kept: they promise that an acknowledged COMMIT is there after a power loss.
        commit_ms: the median of what a COMMIT took, in milliseconds; None where it was not measured.
        price: the median of its ratios to the engine's default, in the same turns.
    """

    settings: Settings
    verdict: str
    headline: str
    kept: bool
    commit_ms: float | None = None
    price: float | None = None

    @property
    def is_durable(self) -> bool:
        """Whether it passed, and no power loss takes what it promises."""
        return self.verdict == "pass" and self.kept


def try_all(engine: str, deadline: float, progress: Progress, found: list[Trial]) -> None:
    """Try the settings of an engine, the weaker ones first, up to the first of each ladder that is durable.

    Args:
        engine: its name.
        deadline: the instant of `time.monotonic` at which no further one is begun.
        progress: told how many were tried, of how many, and which.
        found: gets each Trial as it is over, so that it is there when somebody stops this.

    Raises:
        EngineUnavailable: it cannot be started.
        Interrupted: the user pressed Ctrl-C.
    """
    ladders = _LADDERS[engine]
    total = sum(map(len, ladders)) + 1
    for ladder in ladders:
        for settings in ladder:
            progress(len(found), total, named(settings))
            found.append(_tried(engine, settings, deadline))
            if found[-1].is_durable:
                break
    progress(total - 1, total, "what a COMMIT costs")
    if time.monotonic() < deadline:
        found[:] = _priced(engine, found)
    progress(total, total, "")


def weakest(tried: Sequence[Trial]) -> Trial | None:
    """The cheapest one that is durable; of those that were not measured the first."""
    durable = [trial for trial in tried if trial.is_durable]
    return min(durable, key=lambda trial: trial.price or 0.0, default=None)


def named(settings: Settings) -> str:
    """As they are printed.

    >>> named({"synchronous": "full", "journal_mode": "wal"})
    'journal_mode=wal, synchronous=full'
    """
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _tried(engine: str, settings: Settings, deadline: float) -> Trial:
    kept = is_kept(engine, settings)
    left = deadline - time.monotonic()
    if left <= 0:
        return Trial(settings, "unknown", "not tried: the time was up", kept)
    kills = None if engine == "sqlite" else KILLS
    asked = CheckOptions(db=engine, settings=settings, budget=left, runs_max=kills, remedies=False, target="doctor")
    report = report_of(CRASH, _program(), asked)
    return Trial(settings, report.verdict, report.headline, kept)


# The program that is tried: one transaction of two writes


def _program() -> Scenario:
    return Scenario(Operation(_move), schema=_schema, setup=_fill)


def _schema(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"))


def _fill(session: Session) -> None:
    session.execute(text("INSERT INTO accounts (id, balance) VALUES (1, 5000), (2, 2000)"))


def _move(connection: Connection) -> None:
    connection.execute(text("UPDATE accounts SET balance = balance - 500 WHERE id = 1"))
    connection.execute(text("UPDATE accounts SET balance = balance + 500 WHERE id = 2"))
    connection.commit()


# What a COMMIT costs


def _priced(engine: str, tried: Sequence[Trial]) -> list[Trial]:
    default = {name: value for name, value in DEFAULTS[engine].items() if any(name in it.settings for it in tried)}
    others = [it.settings for it in tried if it.settings != default]
    with _committing(engine, [default, *others]) as commits:
        took = in_turns(commits)
    costs = {named(settings): each for settings, each in zip([default, *others], took, strict=True)}
    return [
        replace(
            it,
            commit_ms=median(cost) * 1e3,
            price=median(one / normal for one, normal in zip(cost, took[0], strict=True)),
        )
        for it in tried
        for cost in [costs[named(it.settings)]]
    ]


def in_turns(commits: Sequence[Commit], turns: int = _TURNS) -> list[list[float]]:
    """What each takes in every turn, in seconds; all are called in each turn, so that none is alone in its luck."""
    took: list[list[float]] = [[] for _ in commits]
    for commit in commits:  # opens what is opened once
        commit()
    for _ in range(turns):
        for place, commit in enumerate(commits):
            began = time.perf_counter()
            for _ in range(_COMMITS):
                commit()
            took[place].append((time.perf_counter() - began) / _COMMITS)
    return took


@contextmanager
def _committing(engine: str, settings: Sequence[Settings]) -> Iterator[list[Commit]]:
    """For each of these a function that commits one change, on a disk."""
    with ExitStack() as stack:
        if engine == "sqlite":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acidity-price-")))
            yield [_of_a_file(stack, folder / f"{place}.db", each) for place, each in enumerate(settings)]
            return
        sandbox = new_sandbox(engine, {**_ON_DISK, **({"fsync": "on"} if engine == "postgresql" else {})})
        stack.callback(sandbox.close)
        assert isinstance(sandbox, HostedSandbox)
        sandbox.ask("CREATE TABLE prices (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
        sandbox.ask("INSERT INTO prices VALUES (1, 0)")
        yield [_of_a_server(sandbox, each) for each in settings]


def _of_a_file(stack: ExitStack, path: Path, settings: Settings) -> Commit:
    connection = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    connection.execute("CREATE TABLE prices (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    connection.execute("INSERT INTO prices VALUES (1, 0)")
    return lambda: connection.execute("UPDATE prices SET n = n + 1 WHERE id = 1")


def _of_a_server(sandbox: HostedSandbox, settings: Settings) -> Commit:
    scope = "GLOBAL " if sandbox.engine_name == "mariadb" else ""

    def commit() -> None:
        for name, value in settings.items():
            sandbox.ask(f"SET {scope}{name} = {value}")  # no write: it costs the same with every value
        sandbox.ask("UPDATE prices SET n = n + 1 WHERE id = 1")

    return commit

"""Which fault strikes how, on which engine and through which driver: what the committed table in docs/faults.md says.

Write the table anew with ``python -m tests.quality.fault_cells`` after a change that is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from acidity.core.call import Call, Kind
from acidity.core.misfit import Misfit, Mode
from acidity.core.options import CheckOptions
from acidity.prove import Operation, Scenario
from acidity.prove.drill import examine
from acidity.prove.drill.drill import Drilled, run_drill
from acidity.prove.faults import FAULTS

DEAR = "server-restarted"
TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
metadata = MetaData()
rows = Table(
    "rows", metadata, Column("id", Integer, primary_key=True), Column("n", Integer, nullable=False), Column("t", Text)
)


@dataclass(frozen=True)
class Place:
    """One column of the table: an engine, a driver, and settings under which its faults can show."""

    title: str
    db: str
    asynchronous: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    isolation_level: str | None = None
    mysqlclient: bool = False


_LEVEL = "SERIALIZABLE"
_SNAPSHOT = {"innodb_snapshot_isolation": "ON", "acidity.server": "dedicated"}
_OWN = {"acidity.server": "dedicated"}
PLACES = (
    Place("sqlite3", "sqlite"),
    Place("sqlite3, WAL", "sqlite", settings={"journal_mode": "wal"}),
    Place("aiosqlite", "sqlite", asynchronous=True),
    Place("psycopg", "postgresql", settings=_OWN, isolation_level=_LEVEL),
    Place("psycopg2", "postgresql+psycopg2", settings=_OWN, isolation_level=_LEVEL),
    Place("psycopg async", "postgresql", asynchronous=True, settings=_OWN, isolation_level=_LEVEL),
    Place("asyncpg", "postgresql+asyncpg", asynchronous=True, settings=_OWN, isolation_level=_LEVEL),
    Place("PyMySQL", "mariadb", settings=_SNAPSHOT),
    Place("mysqlclient", "mariadb+mysqldb", settings=_SNAPSHOT, mysqlclient=True),
    Place("aiomysql", "mariadb", asynchronous=True, settings=_SNAPSHOT),
)


# A parameter of the tests of a table: by default one Call of a kind is struck, slow is every Call.
WHOLLY = pytest.mark.parametrize(
    "wholly", [pytest.param(False, id="sparsely"), pytest.param(True, id="wholly", marks=pytest.mark.slow)]
)


def seed(session: Session) -> None:
    """One row."""
    session.execute(insert(rows), [{"n": 0}])


class Undo(Exception):
    """Ends a savepoint."""


def notify() -> None:
    """An effect outside the database."""


def everything(connection: Connection) -> None:
    """Every kind of Call: read, write, savepoint, release, rollback-to, commit, rollback, effect."""
    connection.execute(select(rows))
    connection.execute(insert(rows), [{"n": 1, "t": "x" * 20_000}])  # it needs new pages
    with connection.begin_nested():
        connection.execute(insert(rows), [{"n": 2}])
    with suppress(Undo), connection.begin_nested():
        connection.execute(insert(rows), [{"n": 3}])
        raise Undo
    notify()
    connection.commit()
    connection.execute(insert(rows), [{"n": 4}])
    connection.rollback()


def on_engine(engine: Engine) -> None:
    """On a connection that the program opens; with BEGIN sent as text where the driver sends none before a read."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        everything(connection)


async def on_async_engine(async_engine: Any) -> None:
    """The same on an async engine, and within a time limit."""
    async with asyncio.timeout(600), async_engine.connect() as connection:
        if async_engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN")
        await connection.run_sync(everything)


@cache
def drilled(place: Place, *, wholly: bool = False) -> Drilled:
    """What a drill of `everything` ran there; the tables that are written from it are compared with one drill.

    Args:
        place: where.
        wholly: strike every Call, once and persistently, and not only one of each kind once.
    """
    operation = Operation(on_async_engine if place.asynchronous else on_engine)
    scenario = Scenario(operation, metadata=metadata, setup=seed, effects=[f"{__name__}:notify"])
    with pytest.MonkeyPatch.context() as patch:
        if not wholly:
            patch.setattr(examine, "plan", partial(_planned_sparsely, examine.plan))
        options = CheckOptions(place.db, place.settings, place.isolation_level, remedies=wholly)
        return run_drill(scenario, options)


def _planned_sparsely(plan: Callable[..., Any], stage: Any, operation: Any, calls: list[Call], *more: Any) -> Any:
    """Of all strikes the first of a fault at a kind of Call, once, and of those at statements, which may read, the last.

    A restart of the server takes as long as all others together: the last alone.
    """
    strikes, seen = plan(stage, operation, calls, *more)
    kinds = {call.index: call.kind for call in calls}
    once = [strike for strike in strikes if not strike.persistent]
    first = {(strike.fault.name, kinds[strike.index]): strike for strike in reversed(once) if strike.fault.name != DEAR}
    last = {strike.fault.name: strike for strike in once if kinds[strike.index] == Kind.STATEMENT}
    kept = set(map(id, (*first.values(), *last.values())))
    return [strike for strike in strikes if id(strike) in kept], seen


def cells(place: Place, *, wholly: bool = False) -> dict[str, str]:
    """Fault → real, simulated, both, or why it is not applicable."""
    seen: dict[str, set[Mode | Misfit]] = {}
    for (fault, _), modes in drilled(place, wholly=wholly).cells.items():
        seen.setdefault(fault, set()).update(modes)
    return {fault: _cell(fault, seen.get(fault, set())) for fault in FAULTS}


def _cell(fault: str, modes: set[Mode | Misfit]) -> str:
    ran = [mode for mode in ("real", "simulated") if mode in modes]
    if ran:
        return " and ".join(ran)
    misfits = [mode for mode in modes if isinstance(mode, Misfit)]
    reasons = [misfit for misfit in misfits if not misfit.dull] or misfits
    return min(map(str, reasons)) if reasons else "not applicable: nothing to strike"


def rendered(columns: Mapping[str, Mapping[str, str]]) -> str:
    """The table as Markdown; reasons below it, by number."""
    reasons: dict[str, int] = {}

    def short(text: str) -> str:
        if not text.startswith("not applicable"):
            return text
        return f"– [{reasons.setdefault(text.removeprefix('not applicable: '), len(reasons) + 1)}]"

    lines = ["| fault | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {fault} | " + " | ".join(short(each[fault]) for each in columns.values()) + " |" for fault in FAULTS]
    lines += ["", *(f"{number}. {reason}" for reason, number in reasons.items())]
    return "\n".join(lines) + "\n"


def read() -> dict[str, dict[str, str]]:
    """The committed table, column by column."""
    text = TABLE.read_text(encoding="utf-8")
    body = [line for line in text.splitlines() if line.startswith("| ")]
    titles = [cell.strip() for cell in body[0].strip("|").split("|")][1:]
    reasons = {f"– [{line.split('.')[0]}]": line.split(". ", 1)[1] for line in text.splitlines() if line[:1].isdigit()}
    table: dict[str, dict[str, str]] = {title: {} for title in titles}
    for line in body[1:]:
        fault, *row = (cell.strip() for cell in line.strip("|").split("|"))
        for title, cell in zip(titles, row, strict=True):
            table[title][fault] = f"not applicable: {reasons[cell]}" if cell in reasons else cell
    return table


def sentences() -> Iterator[str]:
    """What each fault does, for readers."""
    for fault in FAULTS:
        once = "once and persistently" if FAULTS[fault].persistent else "once"
        yield f"- **{fault}** ({once}): {FAULTS[fault].sentence.format(call='the Call')}"


HEAD = """# Faults

Every fault is tried at every database call that it fits. *Real*: the engine, the wire or the process does it.
*Simulated*: it is raised at the call. The table is produced by running every kind of call on every engine and driver,
and a test compares it with what ran: a real fault that becomes simulated, or one that no longer runs, turns it red.
Isolation level SERIALIZABLE on PostgreSQL and `innodb_snapshot_isolation` on MariaDB, so that serialization failures
exist; a dedicated server, so that it may be restarted.

"""


def main() -> None:
    """Write docs/faults.md from what runs."""
    columns = {place.title: cells(place, wholly=True) for place in PLACES}
    TABLE.write_text(HEAD + rendered(columns) + "\n" + "\n".join(sentences()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

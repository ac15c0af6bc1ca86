"""Letter D names what a program sets by itself and what gives durability up, and tries to leave it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario

DURABLE = {"journal_mode": "wal", "synchronous": "full"}
SCHEMA = "CREATE TABLE items (id INT PRIMARY KEY, stock INT NOT NULL); CREATE TABLE sold (id INT PRIMARY KEY);"
OWN = ""  # what the hook of the engine below sends at each connect

engine: Engine = create_engine("sqlite:///app.db")


@event.listens_for(engine, "connect")
def _sends_its_own(connection: Any, _record: Any) -> None:
    if OWN:
        connection.execute(OWN)


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO items VALUES (1, 10)"))


def sell(connection: Connection) -> None:
    connection.execute(text("UPDATE items SET stock = stock - 1"))
    connection.execute(text("INSERT INTO sold VALUES (1)"))
    connection.commit()


def sell_with(session: Session, own: str) -> None:
    session.execute(text(own))  # <- sets
    sell(session.connection())


def sell_at_once(connection: Connection, own: str) -> None:
    connection.exec_driver_sql(own)  # <- sets
    sell(connection)


def sell_over_the_engine() -> None:
    with engine.connect() as connection:
        sell(connection)


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    return str(path)


def changes(report: Report) -> list[tuple[str, str]]:
    meant = [each for each in report.findings if each.code in {"ACI401", "ACI402", "ACI404"} and each.remedies]
    assert meant, str(report)
    return [(remedy.name, str(remedy.result)) for remedy in meant[0].remedies]


@pytest.mark.parametrize(
    ("own", "setting"),
    [
        ("PRAGMA synchronous = OFF", "synchronous=OFF"),
        ("pragma main.synchronous = 0", "synchronous=OFF"),
        ("PRAGMA synchronous(normal)", "synchronous=NORMAL"),
        ("PRAGMA journal_mode = MEMORY", "journal_mode=MEMORY"),
    ],
)
def test_what_an_operation_sets_is_named_with_its_line_and_left_out(schema: str, own: str, setting: str) -> None:
    operation = Operation(sell_at_once, own, inject="connection")
    report = prove.crash(Scenario(operation, schema=schema, setup=fill), settings=DURABLE)
    (name, result), *others = changes(report)
    assert name.startswith(f"leave out {setting} at ")
    assert (result, others) == ("passed", []), str(report)
    found = report.findings[0]
    assert found.cause.split(":")[0].endswith("test_crash_own_settings.py")
    assert f" sets {setting}: " in found.cause
    assert ("no journal is on the disk" in found.cause) is ("journal" in own)
    assert ("nothing is synced" in found.cause) is setting.endswith("OFF")


def sets_and_reads(connection: Connection, weak: str, asked: str, strong: str) -> None:
    connection.exec_driver_sql(asked)
    connection.exec_driver_sql(weak)  # <- sets
    connection.exec_driver_sql(asked)
    sell(connection)
    connection.exec_driver_sql(asked)
    connection.exec_driver_sql(strong)


LINE = sets_and_reads.__code__.co_firstlineno + 2


@pytest.mark.dear
def test_a_line_that_only_reads_it_or_sets_it_back_is_not_named(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma = "PRAGMA synchronous"
    operation = Operation(sets_and_reads, f"{pragma}=OFF", pragma, f"{pragma}=FULL", inject="connection")
    report = prove.crash(Scenario(operation, schema=schema, setup=fill), settings=DURABLE)
    (name, result), *_ = changes(report)
    assert (name.startswith("leave out synchronous=OFF at "), name.endswith(f":{LINE}"), result) == (
        True,
        True,
        "passed",
    )
    right = Operation(sets_and_reads, f"{pragma}=EXTRA", pragma, f"{pragma}=FULL", inject="connection")
    assert prove.crash(Scenario(right, schema=schema, setup=fill), settings=DURABLE).verdict == "pass"
    monkeypatch.setitem(globals(), "OWN", f"{pragma}=OFF")
    scenario = Scenario(Operation(reads_it_alone), schema=schema, setup=fill, bind=f"{__name__}:engine")
    assert (
        changes(prove.crash(scenario, settings=DURABLE))[0][0]
        == "leave out synchronous=OFF, which is set at the connect"
    )


def reads_it_alone() -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous")
        sell(connection)


@pytest.mark.dear
def test_the_same_on_a_server(schema: str) -> None:
    own = "SET synchronous_commit = off", "SHOW synchronous_commit", "SET synchronous_commit = on"
    scenario = Scenario(Operation(sets_and_reads, *own, inject="connection"), schema=schema, setup=fill)
    settings = {"wal_writer_delay": "10s"}
    report = prove.crash(scenario, db="postgresql", settings=settings, runs_max=1, remedies=False)
    assert report.findings
    assert all(f":{LINE} sets synchronous_commit=OFF: " in found.cause for found in report.findings), str(report)


def test_a_change_of_the_database_is_tried_with_it_left_out(schema: str) -> None:
    """With the journal deleted at COMMIT, as by default, the least is EXTRA."""
    operation = Operation(sell_at_once, "PRAGMA synchronous=OFF", inject="connection")
    report = prove.crash(Scenario(operation, schema=schema, setup=fill))
    (_, first), (name, second) = changes(report)
    assert name.startswith("PRAGMA synchronous=EXTRA, and leave out synchronous=OFF at ")
    assert (first, second) == ("did not end it", "passed"), str(report)


def test_what_a_hook_sets_at_the_connect_is_named(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "OWN", "PRAGMA synchronous = OFF")
    scenario = Scenario(Operation(sell_over_the_engine), schema=schema, setup=fill, bind=f"{__name__}:engine")
    report = prove.crash(scenario, settings=DURABLE)
    assert changes(report) == [("leave out synchronous=OFF, which is set at the connect", "passed")]
    assert all("synchronous=OFF holds, which is set at the connect: " in each.cause for each in report.findings)


@pytest.mark.parametrize("own", ["", "PRAGMA synchronous = EXTRA", "PRAGMA cache_size = 100"])
def test_what_gives_nothing_up_is_not_named(schema: str, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.setitem(globals(), "OWN", own)
    scenario = Scenario(Operation(sell_over_the_engine), schema=schema, setup=fill, bind=f"{__name__}:engine")
    report = prove.crash(scenario, settings=DURABLE)
    assert report.verdict == "pass", str(report)
    assert not any("synchronous=" in note for note in report.notes)


def test_it_is_said_where_nothing_is_found(schema: str) -> None:
    """One page is written whole, so that no power cut shows what was given up."""

    def take(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA journal_mode = MEMORY")
        connection.execute(text("UPDATE items SET stock = stock - 1"))
        connection.commit()

    report = prove.crash(Scenario(Operation(take, inject="connection"), schema=schema, setup=fill))
    assert report.verdict == "pass", str(report)
    assert any(note.endswith(" sets journal_mode=MEMORY") for note in report.notes)


@pytest.mark.dear
@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize(
    "own", ["SET LOCAL synchronous_commit TO off", "SELECT set_config('synchronous_commit', 'off', false)"]
)
def test_what_an_operation_sets_on_a_server_is_left_out(schema: str, driver: str, own: str) -> None:
    async def sell_later(session: Any) -> None:
        await session.execute(text(own))  # <- sets
        await session.execute(text("UPDATE items SET stock = stock - 1"))
        await session.commit()

    operation = Operation(sell_later) if driver == "asyncpg" else Operation(sell_with, own)
    scenario = Scenario(operation, schema=schema, setup=fill)
    report = prove.crash(scenario, db=f"postgresql+{driver}", settings={"wal_writer_delay": "10s"}, runs_max=1)
    (name, result), *others = changes(report)
    assert name.startswith("leave out synchronous_commit=OFF at ")
    assert all(" sets synchronous_commit=OFF: COMMIT is answered" in found.cause for found in report.findings)
    assert (result, others) == ("passed", []), str(report)

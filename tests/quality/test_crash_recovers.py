"""Letter D on servers: what `recover` and `settle` make anew, and effects, which no rows tell of."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario
from tests.quality.test_crash import wrong
from tests.quality.test_crash_servers import LOSSY
from tests.tiers import SERVERS

AFTER = "ac1:A2!server-killed-after"


def sell_out(session: Session) -> None:
    """As a relay: whoever runs it next finds nothing to do, or does all of it."""
    session.execute(update(Item).where(Item.stock > 0).values(stock=0))
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("step", ["recover", "settle"])
@pytest.mark.one_server
def test_who_is_recovered_by_itself_has_lost_nothing(db: str, step: str) -> None:
    steps: Any = {step: sell_out}
    report = prove.crash(Scenario(Operation(sell_out), **SHOP, **steps), db=db, runs_max=3, remedies=False)
    assert (report.verdict, report.findings) == ("pass", ()), str(report)


def sells_or_takes_it_back(engine: Engine) -> None:
    """In two transactions; where the second one fails, the first one is undone by a third."""
    one_less = update(Item).where(Item.id == 1).values(stock=Item.stock - 1)
    with Session(engine) as session, session.begin():
        session.execute(one_less)
    try:
        with Session(engine) as session, session.begin():
            session.execute(update(Item).where(Item.id == 2).values(stock=0))
    except DBAPIError:
        with Session(engine) as session, session.begin():
            session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock + 1))
        raise


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_what_the_program_takes_back_itself_is_not_lost(db: str) -> None:
    scenario = Scenario(Operation(sells_or_takes_it_back), **SHOP)
    report = prove.replay_crash(scenario, AFTER, db=db)
    assert not report.findings, str(report)


PREPARED = "sale"


def sells_in_two_phases(engine: Engine, *, first_of_all: bool = False) -> None:
    """Prepares the whole change, or only the second half of it, and decides over another connection."""
    both = ("UPDATE items SET stock = 0 WHERE id = 1", "INSERT INTO orders VALUES (1, 1, 10, 'done')")
    with engine.connect() as connection:
        connection.execute(text(both[0]))
        if first_of_all:
            connection.commit()
        connection.execute(text(both[1]))
        connection.execute(text(f"PREPARE TRANSACTION '{PREPARED}'"))
        connection.commit()
    decides(engine)


def decides(engine: Engine) -> None:
    """What a restarted process does, too."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = connection.execute(text("SELECT gid FROM pg_prepared_xacts WHERE gid = :gid"), {"gid": PREPARED}).all()
        for _ in found:
            connection.execute(text(f"COMMIT PREPARED '{PREPARED}'"))


@pytest.mark.dear
def test_what_is_prepared_and_was_not_decided_is_not_lost() -> None:
    right = Scenario(Operation(sells_in_two_phases), **SHOP, recover=decides)
    report = prove.replay_crash(right, "ac1:A6!server-killed-before", db="postgresql")
    assert (report.verdict, report.findings) == ("pass", ()), str(report)
    wrong_twin = Scenario(Operation(sells_in_two_phases, first_of_all=True), **SHOP)
    report = prove.replay_crash(wrong_twin, "ac1:A7!server-killed-before", db="postgresql")
    assert [found.word for found in report.findings] == ["torn by a kill"], str(report)


def ship(pieces: int) -> None:
    """Outside the database."""


def ships_last(session: Session) -> None:
    stock = session.get_one(Item, 1).stock
    sell_out(session)
    if stock:
        ship(stock)


def ships_first(session: Session) -> None:
    ship(session.get_one(Item, 1).stock)
    sell_out(session)


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_an_effect_that_does_not_fit_the_rows_is_named(db: str) -> None:
    early: Any = Scenario(Operation(ships_first), **SHOP, effects=[ship])
    server = prove.replay_crash(early, "ac1:A4!server-killed-before", db=db)
    late: Any = Scenario(Operation(ships_last), **SHOP, effects=[ship], recover=ships_last)
    program = prove.replay_crash(late, "ac1:A3!client-killed-after", db=db)
    found = [(each.word, each.kind, each.title) for report in (server, program) for each in report.findings]
    torn = "is killed, and only a part of the change is there: ship"
    assert found == [
        (
            "torn by a kill",
            CauseKind.EFFECT,
            f"the server {torn} took place 1×, and no row was changed; the clean run writes 1 row of items",
        ),
        (
            "torn by a kill",
            CauseKind.LOST_EFFECT,
            f"the program {torn} did not take place (1× in the clean run), and 10 of stock left items id=1",
        ),
    ], found


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_what_was_lost_is_told_though_it_was_made_anew(db: str) -> None:
    scenario = Scenario(Operation(sell_out), **SHOP, recover=sell_out)
    report = prove.crash(scenario, db=db, settings=LOSSY[db], runs_max=1, remedies=False)
    assert (wrong(report), str(report.findings[0].schedule)) == ({"lost"}, AFTER), str(report)
    finding = report.findings[0]
    assert "was acknowledged, and its change is gone" in finding.title
    assert finding.diff == (), "the rows that came back are those before"
    assert "then recover (sell_out) ran" in " ".join(finding.explanation)

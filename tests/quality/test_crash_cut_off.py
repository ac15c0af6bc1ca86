"""Letter D on servers: a client that is cut off has used up the number that it took, which the rows of another one tell."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from acidity.adapters.seam import Actor, Layer, PassThrough, PendingCall
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.options import CheckOptions
from acidity.core.schedule import Schedule
from acidity.explained.programs.shop import SHOP, Order
from acidity.prove import Operation, Scenario
from acidity.prove.crash.cut_off import CutOff, places_of
from acidity.prove.crash.judge import Word
from acidity.prove.crash.killed import OWN_SERVER
from acidity.prove.crash.together import Clients
from acidity.prove.runs import Runs
from acidity.prove.stage.call import Player
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from tests.tiers import SERVERS

BEFORE_COMMIT = "ac1:A3!server-killed-before.B"
WAIT_S_MAX = 10


def places_an_order(session: Session) -> None:
    """The text of the message names the order, as a payload does."""
    with session.begin():
        number = session.execute(insert(Order).values(item_id=1, pieces=1)).inserted_primary_key
        assert number is not None
        session.execute(
            text("INSERT INTO orders (item_id, pieces, state) VALUES (1, 2, :it)"), {"it": f"of {number[0]}"}
        )


@dataclass(slots=True)
class InTurn(Layer):
    """A takes its numbers first, and B commits before A does; once that was so, nobody waits any more."""

    taken: threading.Event
    committed: threading.Event

    def intercept(self, pending: PendingCall) -> None:
        call = pending.call
        if call.actor == "B":
            self.taken.wait(WAIT_S_MAX)
        self.inner.intercept(pending)
        if call.actor == "A" and call.index == 2:
            self.taken.set()
            self.committed.wait(WAIT_S_MAX)
        if call.actor == "B" and call.kind is Kind.COMMIT:
            self.committed.set()


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_who_comes_after_one_that_is_cut_off_has_the_next_numbers(db: str) -> None:
    taken, committed = threading.Event(), threading.Event()
    operation = Operation(places_an_order)
    scenario: Any = Scenario(operation, **SHOP)
    with Stage(scenario, db, OWN_SERVER[db]) as stage, quiet():
        runs = Runs(stage, CheckOptions(db=db), lambda: InTurn(taken, committed, inner=PassThrough()))
        taken.set()
        committed.set()
        clients = Clients(runs, (operation, operation))
        taken.clear()
        committed.clear()
        found = clients.round(clients.meant(Schedule.parse(BEFORE_COMMIT), 0))
        assert found is not None
        assert [row[-1] for row in found.state.tables["orders"].rows] == ["done", "of 3"], "B came second"
        assert found.word is Word.OK


def takes_a_free_job(session: Session) -> None:
    """Skips what another client has taken, and is still at."""
    with session.begin():
        free = "SELECT id FROM orders WHERE state = 'free' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        number = session.execute(text(free)).scalar_one()
        session.execute(text("UPDATE orders SET state = 'taken' WHERE id = :it"), {"it": number})


def with_free_jobs(session: Session) -> None:
    SHOP["setup"](session)
    session.flush()
    session.execute(text("INSERT INTO orders (id, item_id, pieces, state) VALUES (5, 1, 1, 'free'), (6, 1, 1, 'free')"))


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_who_has_skipped_what_a_client_had_locked_that_is_cut_off_has_lost_nothing(db: str) -> None:
    taken, committed = threading.Event(), threading.Event()
    operation = Operation(takes_a_free_job)
    scenario: Any = Scenario(operation, **{**SHOP, "setup": with_free_jobs})
    with Stage(scenario, db, OWN_SERVER[db]) as stage, quiet():
        runs = Runs(stage, CheckOptions(db=db), lambda: InTurn(taken, committed, inner=PassThrough()))
        taken.set()
        committed.set()
        clients = Clients(runs, (operation, operation))
        assert clients.are_isolated()
        taken.clear()
        committed.clear()
        found = clients.round(clients.meant(Schedule.parse(BEFORE_COMMIT), 0))
        assert found is not None
        assert [row[-1] for row in found.state.tables["orders"].rows] == ["free", "taken"], "B has skipped the first"
        assert found.word is Word.OK


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_who_comes_by_one_that_stands_before_its_commit_does_so_while_it_stands(db: str) -> None:
    """And who waits for its lock comes by once it has gone on: two that read first lose a change."""

    def takes_two(session: Session) -> None:
        pieces = session.execute(text("SELECT pieces FROM orders WHERE id = 5")).scalar_one()
        session.execute(text("UPDATE orders SET pieces = :left WHERE id = 5"), {"left": pieces + 2})
        session.commit()

    for operation, expected in ((Operation(takes_a_free_job), "taken taken"), (Operation(takes_two), 3)):
        with Stage(Scenario(operation, **{**SHOP, "setup": with_free_jobs}), db, OWN_SERVER[db]) as stage, quiet():  # type: ignore[arg-type]
            alone = stage.run(operation, PassThrough()).history
            cut_off = CutOff(stage, {"A": operation, "B": operation}, {"A": alone, "B": alone}, PassThrough)
            players = [Player(operation, Actor(name, PassThrough())) for name in "AB"]
            rows = cut_off.come_by(players, ["A"]).tables["orders"].rows
            assert expected in (" ".join(str(row[-1]) for row in rows), rows[0][2]), rows


@pytest.mark.dear
def test_who_leaves_rows_behind_is_no_client_that_was_cut_off() -> None:
    """What is there in part is not explained by running it in part."""

    def schema(connection: Any) -> None:
        columns = "id INT AUTO_INCREMENT PRIMARY KEY, item_id INT, pieces INT, state VARCHAR(10) DEFAULT 'done'"
        connection.exec_driver_sql(f"CREATE TABLE orders ({columns}) ENGINE=MyISAM")

    operation = Operation(places_an_order)
    with Stage(Scenario(operation, schema=schema), "mariadb", OWN_SERVER["mariadb"]) as stage, quiet():
        alone = stage.run(operation, PassThrough()).history
        cut_off = CutOff(stage, {"A": operation, "B": operation}, {"A": alone, "B": alone}, PassThrough)
        assert list(cut_off.states(("B",))) == []
        assert list(cut_off.states_past(("B",))) == []


def test_who_has_written_may_be_cut_off_before_any_later_call() -> None:
    kinds = [Kind.BEGIN, Kind.STATEMENT, Kind.STATEMENT, Kind.STATEMENT, Kind.COMMIT, Kind.STATEMENT]
    writes = [Writes.NO, Writes.NO, Writes.YES, Writes.NO, Writes.NO, Writes.YES]
    calls = [Call("A", at, kind, writes=it) for at, (kind, it) in enumerate(zip(kinds, writes, strict=True), start=1)]
    assert places_of(tuple(Event(call, Reply("ok")) for call in calls)) == [5, 4]
    assert places_of(()) == []

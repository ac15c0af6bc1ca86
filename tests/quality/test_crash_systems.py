"""The programs of the text and the outbox of RUN under power cuts and on a bad disk, on every durable setting."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, insert
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, prove
from acidity.core.report import Report
from acidity.prove import Scenario
from acidity.prove.crash.disk import Cut, Disk
from acidity.prove.crash.judge import Word
from acidity.prove.crash.recorder import Recorder
from acidity.prove.crash.recovery import Recovery
from acidity.prove.crash.states import states
from acidity.run import configure_sqlite, tables
from examples.bank import app
from examples.bank import scenarios as bank
from examples.budget import scenarios as budget
from examples.checkout import scenarios, steps
from examples.checkout.models import Base
from tests.quality.test_crash import MATRIX, wrong
from tests.run.bank import ALICE, Account
from tests.run.outbox.test_drill import ordering, relaying, with_message
from tests.run.outbox.test_drill import scenario as of_outbox
from tests.tiers import mostly_slow

DURABLE = [setting for setting, words in MATRIX.items() if not words]
SETTINGS = pytest.mark.parametrize("setting", mostly_slow(("wal", "full"), of=DURABLE), ids="+".join)
LOSSY = ("wal", "normal")
OUTBOX = {"emit": of_outbox(ordering), "relay": of_outbox(relaying, with_message)}

# On the engines of the examples `configure_sqlite` sets the write-ahead log itself. This one is set by the check alone.
plain = create_engine("sqlite:///:memory:")
PLAIN: dict[str, Any] = {"bind": f"{__name__}:plain", "settings": {}}
transfer = atomic(sessionmaker(plain), isolation_level="SERIALIZABLE", max_attempts=8, idempotency_key=app.by_request)(
    app.transfer.__wrapped__
)
SYSTEMS = {
    "bank": bank.asked(transfer, ("r-1", bank.A, bank.B, bank.MOVED), **PLAIN),
    "budget": budget.transfer,
    "emit": OUTBOX["emit"],
    "relay": OUTBOX["relay"],
}


def crashed(scenario: Scenario, setting: tuple[str, str]) -> Report:
    """Power cuts and a bad disk."""
    journal, synchronous = setting
    return prove.crash(scenario, settings={"journal_mode": journal, "synchronous": synchronous}, remedies=False)


@pytest.mark.slow
@pytest.mark.parametrize("setting", DURABLE, ids="+".join)
@pytest.mark.parametrize("name", SYSTEMS)
def test_bank_budget_and_outbox_on_every_durable_setting(name: str, setting: tuple[str, str]) -> None:
    report = crashed(SYSTEMS[name], setting)
    assert (report.verdict, wrong(report)) == ("pass", set()), str(report)
    assert report.engine.settings["journal_mode"] == setting[0], "the program has set another one"
    assert report.bounds[1].covered == report.bounds[1].total > 10


@pytest.mark.slow
def test_the_checkout_as_it_is_shipped() -> None:
    report = crashed(scenarios.one, ("delete", "extra"))
    assert (report.verdict, report.engine.settings["journal_mode"]) == ("pass", "wal"), "configure_sqlite sets that"


@pytest.mark.slow
@pytest.mark.parametrize("form", OUTBOX)
def test_the_outbox_on_a_lossy_setting_loses_and_does_not_tear(form: str) -> None:
    assert wrong(crashed(OUTBOX[form], LOSSY)) == {Word.LOST.value}


def emits_afterwards(engine: Engine) -> dict[str, bool]:
    """The wrong twin: the message is written in a transaction of its own."""
    with Session(engine) as session, session.begin():
        session.get_one(Account, ALICE).balance -= 10
    with Session(engine) as session, session.begin():
        session.execute(
            insert(tables.outbox).values(
                id="0" * 32, topic="paid", body="{}", state="ready", attempts=0, created_at=tables.now()
            )
        )
    return {"success": True}


@pytest.mark.dear
@SETTINGS
def test_a_message_in_another_transaction_is_torn_from_its_change(setting: tuple[str, str]) -> None:
    assert Word.TORN.value in wrong(crashed(of_outbox(emits_afterwards), setting))


# The crash points of the checkout, by name

BEFORE, AFTER = (1000, 10, None, None), (440, 8, "confirmed", "captured")
POINTS = {
    "after step 7 of the checkout": "INSERT INTO payments",
    "after step 6 of the checkout": "UPDATE customers",
    "after step 3 of the checkout": "INSERT INTO reservations",
}


@pytest.mark.dear
def test_the_crash_points_of_the_checkout(tmp_path: Path) -> None:
    """Whatever was done before COMMIT is gone, and 1 ms after it all nine steps are there."""
    path, points = tmp_path / "shop.db", dict[str, int]()
    engine = create_engine(f"sqlite:///{path}")
    configure_sqlite(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        scenarios.seed(session)
    engine.dispose()
    with Recorder(path) as recorder:

        @event.listens_for(engine, "after_cursor_execute")
        def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
            points.update({name: len(recorder.log.entries) for name, start in POINTS.items() if sql.startswith(start)})

        atomic(sessionmaker(engine))(steps.buy)("O-1", scenarios.C001, scenarios.P001, 2)
        points["1 ms after COMMIT"] = len(recorder.log.entries)
        engine.dispose()
    log = recorder.log
    with closing(Recovery("shop.db")) as recovery:
        left = {name: shop_after(Disk(log).at(op), recovery) for name, op in points.items()}
        everywhere = {shop for cut in Disk(log).cuts() for shop in shop_after(cut, recovery)}
    assert left == {**{name: {BEFORE} for name in POINTS}, "1 ms after COMMIT": {AFTER}}
    assert everywhere == {BEFORE, AFTER}


def shop_after(cut: Cut, recovery: Recovery) -> set[tuple[Any, ...]]:
    """Wallet, stock, order and payment that there may be when the power goes off here."""
    found = set()
    for loss in states(cut, seed=0):
        state = recovery.of(loss.files).state
        assert state is not None
        found.add(
            (
                cell(state, "customers", "wallet", id=scenarios.C001) / 100,  # it is kept in paise
                cell(state, "products", "stock", id=scenarios.P001),
                cell(state, "orders", "status"),
                cell(state, "payments", "status"),
            )
        )
    return found


def cell(state: Any, name: str, column: str, **key: str) -> Any:
    """The value in the row of this key, or in the only one; None where there is none."""
    table = state.tables[name]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    found = [row[column] for row in rows if all(row[name] == value for name, value in key.items())]
    return found[0] if found else None

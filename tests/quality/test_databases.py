"""Operations that write to two databases, judged on the rows of both: the anti-pattern fails, one database passes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.adapters.seam import PassThrough
from acidity.core.cause import CauseKind
from acidity.core.outcome import Rows
from acidity.engines import new_sandbox, several
from acidity.engines.several import Several
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove import Database, Operation, Scenario
from acidity.prove.drill.examine import Examiner
from acidity.prove.drill.plan import plan
from acidity.prove.drill.striker import Strike, struck_run
from acidity.prove.faults import FAULTS
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.stage import Stage
from tests.quality import two_databases as shops
from tests.quality.controls import codes, said
from tests.quality.drilled import drill
from tests.quality.two_databases import BIND, HERE, shop
from tests.tiers import FEW, mostly_slow

FILES, MIXED = ("sqlite",), ("sqlite", "postgresql", "mariadb")
ALIKE = [pytest.param((name,), marks=pytest.mark.slow) for name in ("postgresql", "mariadb")]
SERVERS = [MIXED, *ALIKE]
TOGETHER = [FILES, *SERVERS]


def ids(value: Any) -> str:
    return "+".join(value[-2:]) if isinstance(value, tuple) else getattr(value, "__name__", str(value))


def drilled(
    function: Any, where: tuple[str, ...], *, faults: tuple[str, ...] | None = None, remedies: bool = False, **more: Any
) -> Any:
    db, *own = where
    return drill(shop(function, *own, **more), db=db, faults=faults, remedies=remedies)


# The anti-pattern, and its twin that writes to one


@pytest.mark.dear
@pytest.mark.parametrize("where", TOGETHER, ids=ids)
@pytest.mark.one_in(3)
def test_a_commit_in_each_is_torn(where: tuple[str, ...]) -> None:
    faults = ("answer-lost", "kill-before", "error-before", "deadlock")
    report = drilled(shops.commit_each, where, faults=faults, remedies=True)
    assert {"torn", "inconsistent"} <= said(report), str(report)
    assert not report.unknowns
    assert report.classifier == "2 writes in 2 databases, each committed for itself: unprotected"
    torn = next(found for found in report.findings if found.code == "ACI201")
    assert {change.table for change in torn.diff} == {"orders.orders"}
    assert torn.kind is CauseKind.SEVERAL_COMMITS
    assert "(stock: COMMIT)" in torn.explanation[0]
    assert [event.call.database for event in torn.history][:3] == ["stock", "orders", "orders"]
    assert "two-phase commit" in torn.remedies[0].note


@pytest.mark.dear
@pytest.mark.parametrize("where", TOGETHER, ids=ids)
def test_one_that_writes_to_one_of_them_passes(where: tuple[str, ...]) -> None:
    report = drilled(shops.only_takes, where, faults=FEW)
    assert report.verdict == "pass", str(report)
    assert "names" not in report.classifier
    assert {"orders", "stock"} <= report.engine.settings.keys()


@pytest.mark.slow
def test_with_every_fault() -> None:
    report = drilled(shops.in_blocks, ("sqlite",))
    assert "torn" in said(report), str(report)
    assert not report.unknowns
    assert drilled(shops.attached, ("sqlite",)).verdict == "pass"
    for (where,) in [each.values for each in ALIKE] + [(MIXED,)]:
        assert drilled(shops.only_takes, where).verdict == "pass"


@pytest.mark.parametrize("where", [FILES, pytest.param(MIXED, marks=pytest.mark.slow)], ids=ids)
@pytest.mark.slow
def test_async(where: tuple[str, ...]) -> None:
    faults = ("kill-before", "cancelled")
    assert "torn" in said(drilled(shops.commit_each_async, where, faults=faults))
    assert drilled(shops.only_takes_async, where, faults=faults).verdict == "pass"


@pytest.mark.dear
@pytest.mark.parametrize("where", mostly_slow(FILES, of=[FILES, MIXED]), ids=ids)
def test_without_sqlalchemy(where: tuple[str, ...]) -> None:
    report = drilled(shops.with_drivers, where, faults=("kill-before", "answer-lost"))
    assert said(report) == {"torn", "inconsistent"}, str(report)
    assert not report.unknowns
    assert [event.call.database for event in report.findings[0].history][:2] == ["orders", "stock"]


def test_twice_is_doubled() -> None:
    report = drilled(shops.tried_again, ("sqlite",), faults=("answer-lost", "commit-refused"))
    assert {"torn", "doubled"} <= said(report), str(report)


@pytest.mark.dear
def test_one_commit_over_two_attached_files_passes() -> None:
    report = drilled(shops.attached, ("sqlite",), faults=FEW)
    assert report.verdict == "pass", str(report)
    assert report.classifier == "2 writes in 1 commit: protected"


# Module-level engines


@pytest.mark.parametrize("where", [FILES, pytest.param(MIXED, marks=pytest.mark.slow)], ids=ids)
@pytest.mark.slow
def test_bound_engines(where: tuple[str, ...]) -> None:
    faults = ("kill-before",)
    assert "torn" in said(drilled(shops.with_engines_of_its_own, where, bind=BIND, faults=faults))
    assert drilled(shops.only_takes_with_engines_of_its_own, where, bind=BIND, faults=faults).verdict == "pass"


@pytest.mark.dear
@pytest.mark.parametrize("where", TOGETHER, ids=ids)
@pytest.mark.parametrize("function", [shops.with_engines_of_its_own, shops.only_takes_with_engines_of_its_own], ids=ids)
@pytest.mark.one_in(2)
def test_the_second_database_forgotten_is_never_a_pass(function: Any, where: tuple[str, ...]) -> None:
    """Somebody's real database would be written to by every run; and its rows would not be judged."""
    db, *own = where
    theirs = new_sandbox(own[-1] if own else db, {})
    try:
        theirs.create(shops.Stock.metadata.create_all, shops.fill)
        real = create_engine(theirs.url())
        before = theirs.look().state.fingerprint
        shops.stock_engine, kept = real, shops.stock_engine
        try:
            scenario = Scenario(function, metadata=shops.Orders.metadata, bind=f"{HERE}:orders_engine")
            with pytest.raises(ForeignDatabase, match="a database that acidity did not create"):
                drill(scenario, db=own[0] if own else db)
            extra = Database(schema=lambda connection: connection.execute(text("CREATE TABLE t (id INTEGER)")))
            named = {"orders": Database(metadata=shops.Orders.metadata), "other": extra}
            scenario = Scenario(function, databases=named, bind={"orders": f"{HERE}:orders_engine"})
            with pytest.raises(ForeignDatabase):
                drill(scenario, db=own[0] if own else db)
        finally:
            shops.stock_engine = kept
            real.dispose()
        assert theirs.look().state.fingerprint == before
    finally:
        theirs.close()


# Two-phase commit


ONE_LEFT = "1 prepared transaction is left in doubt in (orders|stock)"  # a Session prepares in the order of a set
BOTH_LEFT = "2 prepared transactions are left in doubt in orders and stock"
IN_DOUBT = {shops.two_phases: ONE_LEFT, shops.two_phase_commit: BOTH_LEFT}


@pytest.mark.parametrize("where", SERVERS, ids=ids)
@pytest.mark.parametrize("function", mostly_slow(shops.two_phase_commit, of=IN_DOUBT), ids=ids)
@pytest.mark.slow
def test_two_phases_without_recovery_fail(function: Any, where: tuple[str, ...]) -> None:
    report = drilled(function, where, faults=("kill-after", "kill-before", "commit-refused"))
    assert said(report) >= {"torn", "left in doubt"}, str(report)
    assert not report.unknowns
    assert "ACI209" in codes(report)
    assert report.classifier.endswith("writes in 2 databases, all prepared: two-phase commit")
    assert {found.kind for found in report.findings} == {CauseKind.IN_DOUBT}
    (found,) = (found for found in report.findings if found.code == "ACI209")
    doubt = ONE_LEFT if where == ("mariadb",) else IN_DOUBT[function]  # no COMMIT can be refused there, only killed
    assert re.match(f"{doubt}, with locks that stay until somebody commits or rolls back; ", found.title), found.title
    assert "torn" in {each.name for each in found.also}


@pytest.mark.parametrize("where", SERVERS, ids=ids)
@pytest.mark.slow
def test_two_phases_with_recovery_end_before_or_after(where: tuple[str, ...]) -> None:
    """Killed at every Call; recovery finds what was left, and nothing of it reaches the next run."""
    db, *own = where
    scenario = shop(shops.two_phase_commit, *own)
    (operation,), recovery = scenario.operations, Operation(shops.recover)
    with Stage(scenario, db, {}) as stage:
        baseline = Examiner(Runs(stage), operation, Inspector(stage)).examine([]).baseline
        ended = []
        for call in baseline.clean[0].history:
            for fault in ("kill-before", "kill-after"):
                strike = Strike(FAULTS[fault], call.call.index)
                killed = struck_run(stage, operation, strike)
                recovered = stage.run(recovery, PassThrough(), reset=False)
                assert killed.ending.killed
                assert (recovered.ending.exception, recovered.in_doubt) == ("", ())
                ended.append((len(killed.in_doubt), baseline.rows_of(recovered.second, {})))
    assert {rows for _, rows in ended} == {Rows.BEFORE, Rows.AFTER}
    assert {in_doubt for in_doubt, _ in ended} == {0, 1, 2}
    assert sorted(ended, key=lambda each: each[1] is Rows.AFTER) == ended  # once decided, always committed


# What a fault strikes


def test_an_outage_is_one_databases() -> None:
    """The other one works on, which is what makes half a unit of work."""
    with Stage(shop(shops.takes_if_it_can), "sqlite", {}) as stage:
        (operation,) = stage.scenario.operations
        clean = stage.run(operation, PassThrough())
        (commit,) = [e.call.index for e in clean.history if (e.call.database, e.call.commits) == ("stock", True)]
        strike = Strike(FAULTS["commit-refused"], commit, persistent=True)
        run = struck_run(stage, operation, strike)
    assert [event.call.database for event in run.history if event.fault] == ["stock"]
    assert len(run.second.tables["orders.orders"].rows) == 1


@pytest.mark.dear
def test_faults_of_a_server_are_those_of_the_struck_call() -> None:
    """PostgreSQL ends an idle transaction, MariaDB does not; SQLite has no proxy, and PostgreSQL has."""
    with Stage(shop(shops.commit_each, "postgresql", "mariadb"), "sqlite", {}) as stage:
        (operation,) = stage.scenario.operations
        clean = stage.run(operation, PassThrough())
        strikes, _ = plan(stage, operation, [event.call for event in clean.history], ("idle-timeout", "answer-lost"))
    databases = {event.call.index: event.call.database for event in clean.history}
    struck = {(strike.fault.name, databases[strike.index]) for strike in strikes}
    assert struck == {("idle-timeout", "orders"), ("answer-lost", "orders"), ("answer-lost", "stock")}


# Rows that refer from one database to another


class Reserved(shops.Stock):
    __tablename__ = "reserved"
    id: shops.Mapped[int] = shops.mapped_column(primary_key=True)
    order_id: shops.Mapped[int]


def reserves_after_a_retry(databases: shops.Engines) -> None:
    """A first try that is rolled back has used a number of the sequence, and what is written of it is a copy of a key."""
    for _ in range(2):
        try:
            with Session(databases["orders"]) as orders, orders.begin():
                orders.add(made := shops.order())
                orders.flush()
                number = made.id
        except Exception:
            continue
        with Session(databases["stock"]) as stock, stock.begin():
            stock.add(Reserved(order_id=number))
        return


@pytest.mark.dear
@pytest.mark.parametrize("said_so", [True, False])
def test_keys_of_another_database(*, said_so: bool) -> None:
    references = {"reserved.order_id": "orders.orders.id"} if said_so else {}
    databases = {
        "orders": Database(metadata=shops.Orders.metadata),
        "stock": Database(metadata=shops.Stock.metadata, references=references),
    }
    report = drill(
        Scenario(reserves_after_a_retry, databases=databases),
        db="postgresql",
        faults=("commit-refused",),
        remedies=False,
    )
    retried = [found for found in report.findings if str(found.schedule) == "ac1:A2!commit-refused"]
    assert not retried, str(report)


# Invariants


def test_invariants_look_into_all_databases() -> None:
    seen: list[Any] = []

    def looks(sessions: Mapping[str, Session], run: Any) -> bool:
        now = sessions["stock"].scalar(shops.select(shops.Item.stock))
        seen.append((run.before["stock"].scalar(shops.select(shops.Item.stock)), now, run.ended[0].told))
        return True

    scenario = shop(shops.only_takes)
    scenario = Scenario(*scenario.operations, databases=scenario.databases, invariants=[looks])
    assert drill(scenario, db="sqlite").verdict == "pass"
    assert {(before, now) for before, now, _ in seen} == {(10, 10)}


# Mistakes


ONE = Database(metadata=shops.Orders.metadata)
TWO = {"orders": ONE, "stock": Database(metadata=shops.Stock.metadata)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"databases": {"orders": ONE}}, "two databases or more"),
        ({"databases": {"orders": ONE, "a.b": ONE}}, "identifiers"),
        ({"databases": {"orders": ONE, "stock": shops.Stock.metadata}}, "takes a Database, not MetaData"),
        ({"databases": TWO, "metadata": shops.Orders.metadata}, "each Database has its own metadata="),
        ({"databases": TWO, "setup": shops.fill}, "each Database has its own"),
        ({"databases": TWO, "bind": f"{HERE}:orders_engine"}, "maps their names to engines"),
        ({"databases": TWO, "bind": {"order": f"{HERE}:orders_engine"}}, "maps their names to engines"),
        ({"databases": TWO, "ignore": ["items.stock"]}, "database.table.column"),
        ({"metadata": shops.Orders.metadata, "bind": {"orders": "a:b"}}, "only in a Scenario with databases="),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scenario(shops.commit_each, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of metadata= and schema="),
        ({"metadata": shops.Orders.metadata, "settings": {"a": "b"}}, "needs its db="),
        ({"metadata": shops.Orders.metadata, "references": {"orders.id": "orders.id"}}, "database.table.column"),
    ],
)
def test_what_does_not_fit_a_database_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Database(**options)


def takes_a_session(session: Session) -> None:
    """It cannot know of which database."""


def test_what_an_operation_asks_for_has_to_be_there() -> None:
    with pytest.raises(UsageError, match="let it take `databases`"):
        drill(shop(takes_a_session), db="sqlite")
    with pytest.raises(UsageError, match="has one database"):
        drill(Scenario(shops.commit_each, metadata=shops.Orders.metadata), db="sqlite")


def test_a_setup_writes_to_its_own_database() -> None:
    databases = {
        "orders": Database(metadata=shops.Orders.metadata, bind=f"{HERE}:orders_engine"),
        "stock": Database(metadata=shops.Stock.metadata, setup=lambda _: order_of_somebody()),
    }
    with pytest.raises(UsageError, match="writes to another"):
        drill(Scenario(shops.only_takes, databases=databases), db="sqlite")


def order_of_somebody() -> None:
    with Session(shops.orders_engine) as session, session.begin():
        session.add(shops.order())


def test_references_name_columns() -> None:
    wrong = Database(metadata=shops.Stock.metadata, references={"items.stock": "orders.orders.number"})
    with pytest.raises(UsageError, match=r"orders\.orders\.number, which is no column"):
        drill(Scenario(shops.only_takes, databases={"orders": ONE, "stock": wrong}), db="sqlite")


# A checker that lies is caught


def only_the_first(truth: Any) -> Any:
    """The second database is not looked at."""

    def together(self: Several, states: Any) -> Any:
        return truth(self, dict(list(states.items())[:1]))

    return together


def told_nothing_in_doubt(_: Any) -> Any:
    return lambda self: ()


def reset_of_the_first_only(_: Any) -> Any:
    return lambda self: next(iter(self.parts.values())).reset()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("name", "lie", "function", "schedule", "where"),
    [
        ("together", only_the_first, shops.commit_each, "ac1:A3!kill-after", FILES),
        ("reset", reset_of_the_first_only, shops.commit_each, "ac1:A3!kill-after", FILES),
        ("in_doubt", told_nothing_in_doubt, shops.two_phase_commit, "ac1:A5!kill-after", MIXED),
    ],
    ids=ids,
)
@pytest.mark.one_in(3)
def test_a_lie_is_seen(
    name: str, lie: Any, function: Any, schedule: str, where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, *own = where

    def word() -> str:
        return prove.replay(shop(function, *own), schedule, db=db).word

    assert word() == ("left in doubt" if name == "in_doubt" else "torn")
    monkeypatch.setattr(several.Several, name, lie(getattr(several.Several, name)))
    if name == "reset":
        with pytest.raises(UsageError, match="not deterministic"):
            word()
    else:
        assert word() == "right"

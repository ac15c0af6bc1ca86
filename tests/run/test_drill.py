"""The product's own proof: what is written with `atomic` passes every fault; what others write does not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from tenacity import Retrying, stop_after_attempt

from acidity import atomic, prove
from acidity.core.outcome import Rows, Told
from acidity.core.schedule import Schedule
from examples.budget import app
from examples.budget.models import Base
from examples.budget.rules import Answer, RefusedError, check_transfer, owned_categories, transfer_entries
from examples.budget.scenarios import ALICE, AMOUNT, FOOD, TRAVEL
from tests.run import bank
from tests.run.conftest import ENGINES

RECOGNISED = [{"resolve_commit": True, "max_attempts": 3}, {"idempotency_key": "request", "max_attempts": 3}]
STRICT = {"isolation_level": "SERIALIZABLE", "max_attempts": 3, "resolve_commit": True}
WAYS = [{}, *RECOGNISED, STRICT]
FORMS = [bank.transferring, bank.transferring_async]


def ids(value: Any) -> str:
    return "+".join(value) or "plain" if isinstance(value, dict) else getattr(value, "__name__", str(value))


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("form", FORMS, ids=ids)
@pytest.mark.parametrize("options", WAYS, ids=ids)
def test_a_transfer_passes_every_fault(options: dict[str, Any], form: Any, db: str) -> None:
    prove.drill(bank.scenario(form(**options)), db=db).raise_for_findings()


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("function", [bank.locking, bank.locking_async], ids=ids)
def test_a_block_with_locks_and_invariants_passes_every_fault(function: Any, db: str) -> None:
    prove.drill(bank.scenario(function), db=db).raise_for_findings()


@pytest.mark.parametrize("db", ["postgresql+psycopg2", "postgresql+asyncpg"])
def test_other_drivers(db: str) -> None:
    form = bank.transferring_async if "asyncpg" in db else bank.transferring
    prove.drill(bank.scenario(form(resolve_commit=True, max_attempts=3)), db=db).raise_for_findings()


@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
def test_a_server_that_restarts(db: str) -> None:
    scenario = bank.scenario(bank.transferring(resolve_commit=True, max_attempts=3))
    prove.drill(scenario, db=db, settings={"acidity.server": "dedicated"}).raise_for_findings()


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("form", FORMS, ids=ids)
def test_money_that_is_not_there_is_refused(form: Any, db: str) -> None:
    from sqlalchemy.exc import DBAPIError

    function = form(max_attempts=3)
    report = prove.drill(bank.scenario(function, 1000, raises=DBAPIError), db=db)
    assert not report.findings, str(report)  # a process cannot be killed after a statement that is always refused


def budget(user_id: int, from_id: int, to_id: int, amount: Any) -> Answer:
    """`examples.budget.app.transfer_budget`, with `atomic` in place of its own unit of work."""

    @atomic(app.engine, max_attempts=3)
    def unit(session: Session) -> None:
        owned = session.scalars(owned_categories(user_id, from_id, to_id)).all()
        check_transfer(owned, from_id, to_id, amount)
        for entry in transfer_entries(user_id, from_id, to_id, amount):
            session.add(entry)
            session.flush()

    try:
        unit()
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


@pytest.mark.parametrize("db", ENGINES)
def test_the_budget_transfer_passes_every_fault(db: str) -> None:
    from examples.budget.scenarios import transfers

    assert Base.metadata.tables
    prove.drill(transfers(budget, ALICE, FOOD, TRAVEL, AMOUNT), db=db).raise_for_findings()
    prove.drill(transfers(budget, ALICE, FOOD, TRAVEL, -AMOUNT, refused=True), db=db).raise_for_findings()


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("form", FORMS, ids=ids)
@pytest.mark.parametrize("options", RECOGNISED, ids=ids)
def test_a_lost_answer_is_found_out(options: dict[str, Any], form: Any, db: str) -> None:
    scenario = bank.scenario(form(**options))
    clean = prove.replay(scenario, Schedule(), db=db)
    (commit,) = [event.call.index for event in clean.history if str(event.call.kind) == "commit"]
    struck = prove.replay(scenario, f"ac1:A{commit}!answer-lost", db=db)
    assert struck.struck
    assert (struck.told, struck.rows, struck.word) == (Told.OK, Rows.AFTER, "right"), struck


@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.parametrize("form", FORMS, ids=ids)
def test_a_lost_request_is_made_again(form: Any, db: str) -> None:
    scenario = bank.scenario(form(resolve_commit=True, max_attempts=2))
    clean = prove.replay(scenario, Schedule(), db=db)
    (commit,) = [event.call.index for event in clean.history if str(event.call.kind) == "commit"]
    struck = prove.replay(scenario, f"ac1:A{commit}!request-lost", db=db)
    assert struck.struck
    assert (struck.told, struck.rows) == (Told.OK, Rows.AFTER), struck


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("form", FORMS, ids=ids)
def test_without_a_marker_it_is_unknown(form: Any, db: str) -> None:
    scenario = bank.scenario(form(max_attempts=3))
    clean = prove.replay(scenario, Schedule(), db=db)
    (commit,) = [event.call.index for event in clean.history if str(event.call.kind) == "commit"]
    struck = prove.replay(scenario, f"ac1:A{commit}!answer-lost", db=db)
    assert (struck.told, struck.rows) == (Told.UNKNOWN, Rows.AFTER), struck
    assert struck.ending.exception == "CommitUnknown"


# What others write


def plain(engine: Engine, amount: int) -> dict[str, bool]:
    with Session(engine) as session:
        answer = bank.move(session, amount)
        session.commit()
    return answer


def naive_retry(engine: Engine, amount: int) -> dict[str, bool]:
    try:
        return plain(engine, amount)
    except Exception:
        return plain(engine, amount)


def with_tenacity(engine: Engine, amount: int) -> dict[str, bool]:
    return Retrying(stop=stop_after_attempt(3), reraise=True)(plain, engine, amount)


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("function", [naive_retry, with_tenacity], ids=ids)
def test_a_blind_retry_doubles(function: Any, db: str) -> None:
    report = prove.drill(bank.scenario(function), db=db)
    assert any("doubled" in found.word for found in report.findings), str(report)


def test_a_plain_commit_is_applied_later() -> None:
    report = prove.drill(bank.scenario(plain), db="sqlite")
    assert any("by a stranger's commit" in found.word for found in report.findings), str(report)

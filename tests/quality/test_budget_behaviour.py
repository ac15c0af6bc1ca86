"""The budget example itself, without the drill: the shipped functions are right, each twin is wrong in its one way."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from acidity.prove import Scenario
from examples.budget import scenarios, twins
from examples.budget.models import Base, Category, Expense
from examples.budget.rules import OutcomeUnknownError
from examples.budget.scenarios import ALICE, AMOUNT, BOBS_RENT, FOOD, NO_SUCH, TRAVEL, seed
from tests.quality.budget_database import Budget

NO_CREDIT = """
    CREATE TRIGGER no_credit BEFORE INSERT ON expenses WHEN NEW.description = 'Budget transfer' AND NEW.amount > 0
    BEGIN SELECT RAISE(ABORT, 'no credit'); END
"""
TRANSFER = (ALICE, FOOD, TRAVEL, AMOUNT)


@pytest.fixture
def budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Budget]:
    path = tmp_path / "budget.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        seed(session)
    engine.dispose()
    yield Budget(path, monkeypatch)
    twins.shared.remove()


@pytest.fixture(params=["app", "aio"])
def shipped(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "aio":
        pytest.importorskip("aiosqlite")
    return import_module(f"examples.budget.{request.param}")


@pytest.fixture(params=["twins", "async_twins"])
def broken(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "async_twins":
        pytest.importorskip("aiosqlite")
    return import_module(f"examples.budget.{request.param}")


def entries(*amounts_by_category: tuple[int, int]) -> list[tuple[int, int, str, int]]:
    """Transfer rows as they are stored: whole cents."""
    return [(ALICE, category, "Budget transfer", cents) for category, cents in amounts_by_category]


ONE_TRANSFER = entries((FOOD, -2510), (TRAVEL, 2510))
HALF = entries((FOOD, -2510))


def added(budget: Budget, before: tuple[list[Any], list[Any]]) -> list[Any]:
    """The expenses after the five of the seed; the others must be as they were."""
    after = budget.rows()[0]
    assert after[:5] == before[0]
    return after[5:]


class TestShipped:
    def test_transfer_writes_two_entries(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        assert budget.run(shipped.transfer_budget, *TRANSFER) == {"success": True}
        assert added(budget, before) == ONE_TRANSFER

    def test_merge_moves_expenses_and_deletes_the_category(self, budget: Budget, shipped: ModuleType) -> None:
        expenses, categories = budget.rows()
        assert budget.run(shipped.merge_category, ALICE, FOOD, TRAVEL) == {"success": True}
        moved = [(user, TRAVEL if category == FOOD else category, *rest) for user, category, *rest in expenses]
        assert budget.rows() == (moved, [row for row in categories if row[0] != FOOD])

    def test_summary_is_exact(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        summary = budget.run(shipped.monthly_summary, ALICE, 2025, 3)
        assert summary == {"Food": Decimal("100.30"), "Travel": Decimal("49.99")}
        assert budget.run(shipped.monthly_summary, ALICE, 2025, 4) == {"Travel": Decimal("2.80")}
        assert budget.run(shipped.monthly_summary, ALICE, 2025, 12) == {}
        assert budget.rows() == before

    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            ((FOOD, TRAVEL, "0.00"), "Amount must be positive"),
            ((FOOD, TRAVEL, "-1.00"), "Amount must be positive"),
            ((FOOD, TRAVEL, "NaN"), "Amount must be positive"),
            ((FOOD, TRAVEL, "Infinity"), "Amount must be positive"),
            ((FOOD, TRAVEL, "0.005"), "Amount must be below 100,000,000 and have at most two decimals"),
            ((FOOD, TRAVEL, "1E+30"), "Amount must be below 100,000,000 and have at most two decimals"),
            ((FOOD, FOOD, "1.00"), "Categories must be different"),
            ((NO_SUCH, TRAVEL, "1.00"), "Category not found"),
            ((FOOD, NO_SUCH, "1.00"), "Category not found"),
            ((BOBS_RENT, TRAVEL, "1.00"), "Category not found"),
            ((FOOD, BOBS_RENT, "1.00"), "Category not found"),
        ],
    )
    def test_refusals_say_why(
        self, budget: Budget, shipped: ModuleType, asked: tuple[int, int, str], error: str
    ) -> None:
        before = budget.rows()
        from_id, to_id, amount = asked
        answer = budget.run(shipped.transfer_budget, ALICE, from_id, to_id, Decimal(amount))
        assert answer == {"success": False, "error": error}
        assert budget.rows() == before

    @pytest.mark.parametrize(
        ("arguments", "most"),
        [((FOOD, TRAVEL, Decimal("99999999.99")), 9999999999), ((FOOD, TRAVEL, Decimal("0.01")), 1)],
    )
    def test_limits_are_allowed(self, budget: Budget, shipped: ModuleType, arguments: Any, most: int) -> None:
        before = budget.rows()
        assert budget.run(shipped.transfer_budget, ALICE, *arguments) == {"success": True}
        assert added(budget, before) == entries((FOOD, -most), (TRAVEL, most))

    def test_an_error_between_debit_and_credit_leaves_nothing(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        budget.script(NO_CREDIT)
        assert isinstance(budget.run(shipped.transfer_budget, *TRANSFER), IntegrityError)
        assert budget.rows() == before

    def test_an_error_between_the_steps_of_a_merge_leaves_nothing(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        budget.script("CREATE TRIGGER kept BEFORE DELETE ON categories BEGIN SELECT RAISE(ABORT, 'kept'); END")
        assert isinstance(budget.run(shipped.merge_category, ALICE, FOOD, TRAVEL), IntegrityError)
        assert budget.rows() == before

    def test_a_refused_commit_is_not_left_for_a_stranger(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        for function, arguments in [(shipped.transfer_budget, TRANSFER), (shipped.merge_category, (ALICE, 1, 2))]:
            assert isinstance(budget.run(function, *arguments, refuse=True), OutcomeUnknownError)
            assert budget.rows() == before

    def test_a_lost_answer_is_not_called_a_failure(self, budget: Budget, shipped: ModuleType) -> None:
        before = budget.rows()
        assert isinstance(budget.run(shipped.transfer_budget, *TRANSFER, lose_answer=True), OutcomeUnknownError)
        assert added(budget, before) == ONE_TRANSFER


class TestScenarios:
    """Every scenario, run once as it stands: refusals refuse and write nothing, the rest succeeds."""

    @pytest.mark.parametrize("module", ["examples.budget", "examples.budget.async_scenarios"])
    def test_clean_run(self, budget: Budget, module: str) -> None:
        if "async" in module:
            pytest.importorskip("aiosqlite")
        found = {name: value for name, value in vars(import_module(module)).items() if isinstance(value, Scenario)}
        assert found.keys() <= vars(scenarios).keys(), "sync and async prove the same"
        assert len(found) == 20
        for scenario in found.values():
            (operation,) = scenario.operations
            if operation.refused:
                before = budget.rows()
                answer = budget.run(operation.function, *operation.arguments)
                assert answer["success"] is False
                assert answer["error"]
                assert budget.rows() == before
            elif operation.name != "merge_category":
                ended = budget.run(operation.function, *operation.arguments)
                assert not isinstance(ended, Exception)


class TestTwins:
    def test_clean_runs_are_right(self, budget: Budget, broken: ModuleType) -> None:
        for name in [
            "two_sessions",
            "commit_between",
            "caught_without_rollback",
            "as_in_the_text",
            "stock_session_commit",
            "flushed_at_once",
        ]:
            (operation,) = getattr(broken, name).operations
            before = len(budget.rows()[0])
            assert budget.run(operation.function, *operation.arguments) == {"success": True}
            assert budget.rows()[0][before:] == ONE_TRANSFER, name

    @pytest.mark.parametrize("name", ["two_sessions", "commit_between", "caught_without_rollback", "flushed_at_once"])
    def test_torn(self, budget: Budget, broken: ModuleType, name: str) -> None:
        before = budget.rows()
        budget.script(NO_CREDIT)
        (operation,) = getattr(broken, name).operations
        ended = budget.run(operation.function, *operation.arguments)
        assert isinstance(ended, IntegrityError) or ended["success"] is False
        assert added(budget, before) == HALF

    @pytest.mark.parametrize("name", ["helper_commits", "savepoint_release_commits"])
    def test_torn_sync(self, budget: Budget, name: str) -> None:
        before = budget.rows()
        budget.script(NO_CREDIT)
        (operation,) = getattr(twins, name).operations
        assert isinstance(budget.run(operation.function, *operation.arguments), IntegrityError)
        assert added(budget, before) == HALF

    def test_false_success(self, budget: Budget, broken: ModuleType) -> None:
        before = budget.rows()
        assert budget.run(broken.transfer_without_commit, *TRANSFER) == {"success": True}
        assert budget.rows() == before

    def test_false_failure_as_in_the_text(self, budget: Budget, broken: ModuleType) -> None:
        before = budget.rows()
        answer = budget.run(broken.transfer_as_in_the_text, *TRANSFER, lose_answer=True)
        assert answer["success"] is False
        assert added(budget, before) == ONE_TRANSFER

    def test_the_text_is_right_before_commit_is_applied(self, budget: Budget, broken: ModuleType) -> None:
        before = budget.rows()
        assert budget.run(broken.transfer_as_in_the_text, *TRANSFER, refuse=True)["success"] is False
        budget.script(NO_CREDIT)
        assert budget.run(broken.transfer_as_in_the_text, *TRANSFER)["success"] is False
        assert budget.rows() == before

    def test_false_failure_by_a_strangers_commit(self, budget: Budget, broken: ModuleType) -> None:
        before = budget.rows()
        ended = budget.run(broken.transfer_with_stock_commit, *TRANSFER, refuse=True)
        assert "database is locked" in str(ended)
        assert added(budget, before) == ONE_TRANSFER

    def test_doubled(self, budget: Budget) -> None:
        before = budget.rows()
        assert budget.run(twins.transfer_retried_on_any_error, *TRANSFER, lose_answer=True) == {"success": True}
        assert added(budget, before) == ONE_TRANSFER + ONE_TRANSFER

    @pytest.mark.parametrize("name", ["no_amount_check", "no_same_category_check", "no_owner_check"])
    def test_not_refused(self, budget: Budget, name: str) -> None:
        before = budget.rows()
        (operation,) = getattr(twins, name).operations
        assert operation.refused
        assert budget.run(operation.function, *operation.arguments) == {"success": True}
        assert len(added(budget, before)) == 2


class TestMoney:
    def test_sums_are_exact_in_the_database(self, budget: Budget) -> None:
        engine = create_engine(f"sqlite:///{budget.path}")
        with Session(engine) as session, session.begin():
            session.add(Category(id=50, user_id=ALICE, name="Cents"))
            session.flush()
            session.add_all(
                Expense(user_id=ALICE, category_id=50, description="x", amount=Decimal("0.10")) for _ in range(1000)
            )
        with Session(engine) as session:
            amounts = session.scalars(select(Expense.amount).where(Expense.category_id == 50)).all()
            assert sum(amounts) == Decimal("100.00")
            assert session.scalar(
                text(
                    "SELECT sum(amount) = 10000 AND typeof(sum(amount)) = 'integer' FROM expenses WHERE category_id = 50"
                )
            )
        engine.dispose()

    @pytest.mark.parametrize("amount", ["0.001", "100000000.00", "-100000000.00"])
    def test_what_does_not_fit_is_an_error(self, budget: Budget, amount: str) -> None:
        engine = create_engine(f"sqlite:///{budget.path}")
        with Session(engine) as session:
            session.add(Expense(user_id=ALICE, category_id=FOOD, description="x", amount=Decimal(amount)))
            with pytest.raises(StatementError, match="not an amount of money"):
                session.flush()
        engine.dispose()

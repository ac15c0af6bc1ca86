"""Effects outside the database: found where code calls them, counted, made to fail, and held against the rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Kind
from acidity.core.cause import CauseKind
from acidity.core.outcome import Rows
from acidity.core.report import Report
from acidity.errors import UsageError
from tests.engines.bank import ALICE, Payment, balances, bank, calls, line_of, run_once, says, seed
from tests.quality.controls import said
from tests.quality.drilled import drill

pytestmark = pytest.mark.few_or_all

needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")


class Gateway:
    """Takes money from cards. Each call is a charge, unless the key was seen before."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def charge(self, amount: int, key: str = "") -> str:
        if key and key in self.keys:
            return f"charged {amount} before"
        self.keys.add(key)
        return f"charged {amount}"

    async def charge_async(self, amount: int) -> str:
        return f"charged {amount}"


gateway = Gateway()


def send_mail(text: str) -> str:
    return f"sent {text}"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    gateway.keys.clear()
    yield
    assert "charge" not in vars(gateway), "the method of the class is uncovered again"
    assert send_mail("x") == "sent x"


def note(session: Session) -> None:
    with session.begin():
        session.add(Payment(account_id=ALICE, amount=5))


def charges_first(session: Session) -> None:
    """The classic: charged, and then the row cannot be written."""
    gateway.charge(5)
    note(session)


def charges_last(session: Session) -> None:
    """The other way round: the row is there, and nobody was charged."""
    note(session)
    gateway.charge(5)


def relays(session: Session) -> None:
    """Marks each payment as told, and then tells of it: who dies in between has told nobody."""
    with session.begin():
        told = session.scalars(select(Payment).where(Payment.note == "")).all()
        for payment in told:
            payment.note = "told"
        amounts = [payment.amount for payment in told]
    for amount in amounts:
        gateway.charge(amount)


def owed(session: Session) -> None:
    seed(session)
    session.add(Payment(account_id=ALICE, amount=5))


def charges_inside(session: Session) -> None:
    with session.begin():
        session.add(Payment(account_id=ALICE, amount=5))
        session.flush()
        gateway.charge(5)


def charges_twice_on_error(session: Session) -> None:
    try:
        gateway.charge(5)  # first
    except ConnectionError:
        gateway.charge(5)  # again
    note(session)


def all_again_on_error(engine: Any) -> None:
    for _ in range(2):
        with suppress(Exception), Session(engine) as session:
            charges_first(session)
            return
    raise RuntimeError


def notes_only(session: Session) -> None:
    note(session)


def drilled(function: Callable[..., Any], *effects: Any) -> Report:
    return drill(bank(function, effects=effects or [gateway.charge]))


class TestWords:
    @pytest.mark.parametrize("function", [charges_first, charges_inside], ids=lambda function: function.__name__)
    def test_charged_without_a_row_is_torn(self, function: Callable[..., Any]) -> None:
        report = drilled(function)
        assert "torn" in said(report), report
        assert any("Gateway.charge took place 1×" in found.title for found in report.findings if found.word == "torn")

    def test_a_row_without_a_charge_is_torn(self) -> None:
        report = drilled(charges_last)
        assert "torn" in said(report), report
        lost = next(found for found in report.findings if found.word == "torn")
        assert lost.kind is CauseKind.LOST_EFFECT
        assert lost.title.startswith("Gateway.charge did not take place (1× in the clean run), and 1 row"), lost.title
        assert "nothing sends it later" in lost.cause
        run = prove.replay(bank(charges_last, effects=[gateway.charge]), "ac1:A3!effect-before")
        assert (run.struck, run.word) == (True, "torn")
        assert run.misfit is not None
        assert run.misfit[0] is Rows.AFTER  # all of them are there, and it is told so
        assert run.misfit[1].startswith("Gateway.charge did not take place (1× in the clean run), and 1 row"), run

    def test_an_effect_that_recover_cannot_make_up_for_is_lost_after_commit(self) -> None:
        """Rows before and after are the same once it has run: it was no effect that did not wait for COMMIT."""
        report = drill(bank(relays, effects=[gateway.charge], setup=owed, recover=relays))
        torn = [found for found in report.findings if found.word == "torn"]
        assert {found.kind for found in torn} == {CauseKind.LOST_EFFECT}, report
        assert "nothing sends it later" in torn[0].cause

    def test_a_replay_of_a_charge_without_a_row_says_that_no_row_was_changed(self) -> None:
        gone = next(found for found in drilled(charges_first).findings if found.word == "torn")
        run = prove.replay(bank(charges_first, effects=[gateway.charge]), gone.schedule)
        assert (run.word, run.diff) == ("torn", ())
        assert run.misfit is not None
        assert run.misfit[0] is Rows.BEFORE
        assert gone.title.startswith(run.misfit[1]), run

    def test_charged_twice_for_one_row_is_torn(self) -> None:
        """It is another cause than a charge without a row, and another line: where it is charged again."""
        report = drilled(charges_twice_on_error)
        causes = {found.kind: found for found in report.findings if found.word == "torn"}
        assert {*causes} == {CauseKind.EFFECT, CauseKind.RESEND}, report
        twice, unwritten = causes[CauseKind.RESEND], causes[CauseKind.EFFECT]
        assert twice.title.startswith("Gateway.charge took place 2× (1× in the clean run)"), twice.title
        assert unwritten.title.startswith("Gateway.charge took place 1×, and no row was changed"), unwritten.title
        lines = [line_of(charges_twice_on_error, when) for when in ("first", "again")]
        assert [found.permanent.site.line for found in (unwritten, twice) if found.permanent] == lines
        assert "was called again" in twice.cause

    def test_everything_twice_is_doubled(self) -> None:
        report = drilled(all_again_on_error)
        assert "doubled" in said(report), report

    @pytest.mark.dear
    def test_without_effects_the_same_function_passes(self) -> None:
        for function in (charges_first, charges_last, charges_inside):
            assert drill(bank(function)).verdict == "pass"

    def test_an_effect_that_never_takes_place_changes_nothing(self) -> None:
        assert drilled(notes_only).verdict == "pass"

    def test_an_effect_alone_is_not_read_only(self) -> None:
        """It takes place or not; there is no row that it would have to fit."""

        def operation(session: Session) -> str:
            found = session.get_one(Payment, 1)
            return gateway.charge(found.amount)

        report = drilled(operation)
        assert "torn" not in said(report), report


class TestCalls:
    def test_an_effect_is_a_call_with_its_line(self) -> None:
        run = run_once(charges_first, effects=[gateway.charge])
        effect = calls(run)[0]
        assert (effect.kind, effect.index, effect.sql) == (Kind.EFFECT, 1, "Gateway.charge")
        assert effect.site
        assert effect.site.function == "charges_first"
        assert run.effects == {"Gateway.charge": 1}

    def test_its_answer_and_arguments_pass_through(self) -> None:
        def operation(session: Session) -> list[str]:
            return [gateway.charge(5, key="k"), gateway.charge(amount=5, key="k"), send_mail("hello")]

        run = run_once(operation, effects=[gateway.charge, send_mail])
        assert run.ending.answer == ["charged 5", "charged 5 before", "sent hello"]
        assert run.effects == {"Gateway.charge": 2, "send_mail": 1}

    @pytest.mark.parametrize("effect", [send_mail, f"{__name__}:send_mail"], ids=["function", "text"])
    def test_a_function_of_a_module_is_found_under_every_name(
        self, effect: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = ModuleType("another_module_of_the_user")
        other.__file__ = __file__
        monkeypatch.setitem(sys.modules, other.__name__, other)
        monkeypatch.setattr(other, "notify", send_mail, raising=False)

        def operation(session: Session) -> list[str]:
            return [other.notify("a"), send_mail("b")]

        run = run_once(operation, effects=[effect])
        assert run.effects == {"send_mail": 2}
        assert run.ending.answer == ["sent a", "sent b"]
        assert other.notify is send_mail

    def test_a_method_of_a_class_is_found_by_its_path(self) -> None:
        def operation(session: Session) -> str:
            return gateway.charge(1)

        assert run_once(operation, effects=[f"{__name__}:gateway.charge"]).effects == {"Gateway.charge": 1}

    def test_outside_of_the_operation_nothing_is_counted(self) -> None:
        def setup(session: Session) -> None:
            from tests.engines.bank import seed

            seed(session)
            gateway.charge(1)

        run = run_once(notes_only, effects=[gateway.charge], setup=setup)
        assert run.effects == {}

    def test_an_effect_that_fails_by_itself_did_not_take_place(self) -> None:
        def operation(session: Session) -> None:
            with suppress(TypeError):
                gateway.charge()  # type: ignore[call-arg]
            note(session)

        run = run_once(operation, effects=[gateway.charge])
        assert run.effects == {}
        assert [event.reply.status for event in run.history][:1] == ["error"]

    @pytest.mark.parametrize("effect", ["nowhere:function", f"{__name__}:nothing", 3])
    def test_what_cannot_be_found_is_a_usage_error(self, effect: Any) -> None:
        with pytest.raises(UsageError, match="effect"):
            drilled(notes_only, effect)


async def charges_async_first(async_session: Any) -> str:
    answer = await gateway.charge_async(5)  # charged
    async with async_session.begin():
        async_session.add(Payment(account_id=ALICE, amount=5))
    return answer


@needs_aiosqlite
class TestAsync:
    def test_it_is_a_call_with_its_line_and_answer(self) -> None:
        run = run_once(charges_async_first, effects=[gateway.charge_async])
        effect = calls(run)[0]
        assert (effect.kind, effect.sql) == (Kind.EFFECT, "Gateway.charge_async")
        assert says(effect, __file__, line_of(charges_async_first, "charged"))
        assert run.effects == {"Gateway.charge_async": 1}
        assert run.ending.answer == "charged 5"
        assert balances(run) == (100, 0)

    def test_charged_without_a_row_is_torn(self) -> None:
        report = drilled(charges_async_first, gateway.charge_async)
        assert "torn" in said(report), report
        assert any("Gateway.charge_async took place 1×" in found.title for found in report.findings)

    def test_a_plain_effect_in_a_coroutine(self) -> None:
        async def operation(async_session: Any) -> None:
            await async_session.run_sync(charges_inside)

        assert "torn" in said(drilled(operation))


@pytest.mark.parametrize(
    ("fault", "took_place"), [("effect-before", 0), ("effect-after", 1), ("kill-before", 0), ("kill-after", 1)]
)
def test_what_strikes_an_effect_strikes_before_it_or_after_it(fault: str, took_place: int) -> None:
    run = prove.replay(bank(charges_first, effects=[gateway.charge]), f"ac1:A!{fault}")
    assert run.struck
    assert run.rows == ("torn" if took_place else "before")
    assert run.told == ("unknown" if fault.startswith("kill") else "failed")
    assert run.history[0].fault == fault

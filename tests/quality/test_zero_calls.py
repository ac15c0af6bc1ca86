"""An operation that asks the database nothing: what is said of it is true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Card, Report
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import bank, move

Ask = Callable[[Scenario], Report | Card]
ASKED: dict[str, Ask] = {
    "drill": lambda scenario: prove.drill(scenario, faults=["error-before"], remedies=False),
    "explore": prove.explore,
    "crash": lambda scenario: prove.crash(scenario, runs_max=1),
}


def does_it_once() -> Operation:
    seen: set[str] = set()

    def once(session: Session) -> None:
        if not seen:
            seen.add("this")
            move(session)
            session.commit()

    return Operation(once)


def moves_later(session: Session) -> Iterator[None]:
    move(session)
    session.commit()
    yield


async def moves_later_still(session: AsyncSession | None = None) -> AsyncIterator[None]:
    assert session is None
    yield


def unknowns(answer: Report | Card) -> list[str]:
    rows = answer.letters.values() if isinstance(answer, Card) else [answer]
    return [why for row in rows if isinstance(row, Report) for why in row.unknowns]


@pytest.mark.dear
@pytest.mark.parametrize("asked", ASKED)
def test_what_is_kept_in_memory_outlives_a_run(asked: str) -> None:
    said = unknowns(ASKED[asked](bank(does_it_once())))
    assert any(
        "one run made 5 calls and a later one none, so something in memory outlives a run" in why for why in said
    )
    assert not any("inject=None" in why for why in said)


@pytest.mark.dear
def test_each_letter_of_a_card_says_so() -> None:
    said = unknowns(prove.check(bank(does_it_once()), remedies=False))
    assert said
    assert all("in memory" in why for why in said)


@pytest.mark.parametrize("asked", ASKED)
def test_an_async_generator_function_is_never_iterated(asked: str) -> None:
    said = unknowns(ASKED[asked](bank(Operation(moves_later_still, inject=None))))
    assert any("it is an async generator function, which was never iterated" in why for why in said)


def test_one_that_is_given_a_session_is_told_so() -> None:
    with pytest.raises(UsageError, match="is an async generator function: give a coroutine that iterates it"):
        prove.explore(bank(moves_later_still))


@pytest.mark.dear
@pytest.mark.parametrize("asked", ASKED)
def test_a_generator_function_is(asked: str) -> None:
    """Its calls are made where its answer is read, while its session is open."""
    said = unknowns(ASKED[asked](bank(moves_later)))
    assert not any("zero Calls" in why or "no database call" in why for why in said)


def test_what_was_injected_may_be_why() -> None:
    def nothing(session: Session) -> None:
        del session

    assert unknowns(ASKED["drill"](bank(nothing)))[0].endswith(
        "session was injected: say inject=None if it brings its own"
    )

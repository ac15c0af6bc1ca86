"""What a run without a name has in it is said where it is so, and only there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from acidity.analysis.dependencies import Commit, Dependencies
from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.finding import RowChange
from acidity.core.outcome import Ending, State
from acidity.core.turn import Trace
from acidity.prove.explore.lab import Played
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.unnamed import reasons

CHANGED = (RowChange("t", (("id", 1),), (("v", 1),), (("v", 2),)),)


class Told:
    """Stands for the search, which knows the serial orders."""

    def __init__(self, *, turned_away: bool = False, gives: bool = True) -> None:
        self.turned_away, self._gives = turned_away, gives

    def met_others(self, event: Event) -> bool:
        return self.turned_away and event.reply.status == "error"

    def one_by_one(self) -> Told:
        return self

    def gives(self, events: Sequence[Event]) -> bool:
        assert events
        return self._gives


def statement(sql: str, *, code: str = "") -> tuple[Kind, str, Reply]:
    return Kind.STATEMENT, sql, Reply("error", code=code) if code else Reply("ok")


COMMIT = (Kind.COMMIT, "", Reply("ok"))
READ = statement("SELECT v FROM t")
CLAIM = statement("SELECT v FROM t FOR UPDATE SKIP LOCKED")
REFUSED = statement("UPDATE t SET v = 2", code="40P01")


def said(
    *happened: tuple[str, Any], search: Told, changes: Callable[[int], bool] = lambda _: True, undone: int = 0
) -> list[str]:
    """`undone`: so many of the first Calls went with an error."""
    history, commits, counts = [], [], {"A": 0, "B": 0}
    for order, (actor, (kind, sql, reply)) in enumerate(happened, start=1):
        counts[actor] += 1
        history.append(Event(Call(actor, counts[actor], kind, sql), reply, order=order))
        if kind is Kind.COMMIT:
            number = len(commits) + 1
            commits.append(Commit(history[-1], number, CHANGED if changes(number) else (), ()))
    played = Played(Trace((), ()), {"A": Ending(), "B": Ending()}, tuple(history), State({}), {})
    graph = Dependencies(tuple(commits), (), ())
    lines = Lines(event.call for event in history)
    found = reasons(played, graph, lines, search, lambda _: history[:undone])  # type: ignore[arg-type]
    return [each.text for each in found]


def test_nothing_is_said_of_what_every_order_has() -> None:
    assert said(("A", CLAIM), ("A", COMMIT), ("B", CLAIM), ("B", COMMIT), search=Told()) == []


def test_what_passes_over_a_lock_and_gets_what_no_order_gives() -> None:
    (told,) = said(("A", READ), ("A", CLAIM), ("A", COMMIT), search=Told(gives=False))
    assert told == "A asked SELECT v FROM t FOR UPDATE SKIP LOCKED, which passes over what another caller has locked"


@pytest.mark.parametrize("again", [False, True])
def test_who_was_turned_away_and_did_not_try_again(*, again: bool) -> None:
    more = [("A", statement(REFUSED[1]))] * again
    found = said(("A", REFUSED), ("A", READ), *more, ("A", COMMIT), search=Told(turned_away=True))
    assert found == ([] if again else ["A was turned away with 40P01 at UPDATE t SET v = 2 and went on without it"])


@pytest.mark.parametrize("again", [False, True])
def test_what_went_with_the_error_has_to_be_made_again_too(*, again: bool) -> None:
    first = statement("UPDATE t SET v = 1")
    more = [("A", first)] * again
    happened = [("A", first), ("A", REFUSED), *more, ("A", statement(REFUSED[1])), ("A", COMMIT)]
    told = (
        "A was turned away with 40P01 at UPDATE t SET v = 2, which took back UPDATE t SET v = 1, too, "
        "and went on without it"
    )
    assert said(*happened, search=Told(turned_away=True), undone=1) == ([] if again else [told])


@pytest.mark.parametrize(
    ("happened", "changes", "told"),
    [
        pytest.param(["A", "B", "A"], {1, 2, 3}, "A", id="between"),
        pytest.param(["A", "B", "A"], {1, 3}, None, id="changes nothing"),
        pytest.param(["A", "A", "B"], {1, 2, 3}, None, id="after both"),
        pytest.param(["B", "A", "A"], {1, 2, 3}, None, id="before both"),
    ],
)
def test_who_comes_between_two_transactions(happened: list[str], changes: set[int], told: str | None) -> None:
    steps = [(actor, each) for actor in happened for each in (READ, COMMIT)]
    found = said(*steps, search=Told(), changes=lambda number: number in changes)
    wanted = "A ended a transaction and went on in another one; between them B committed"
    assert found == ([wanted] if told else [])

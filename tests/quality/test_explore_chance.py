"""Where chance would decide how a run of three callers goes on: it is kept from it, or the answer is unknown with the cause."""

from __future__ import annotations

import pytest

from acidity import prove
from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.report import Report
from acidity.core.turn import Trace, Turn
from acidity.prove import Scenario
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.search import Search
from acidity.prove.explore.victims import chosen_by_chance
from tests.quality.random_callers import operations, schema, seed
from tests.quality.random_steps import Program

WAITERS = Program((("drop", 2),)), Program((("add", 2, 5),)), Program((("lock", 2), ("child", 2, 2, 2)))
"""Several wait for one DELETE: what they lock then goes by whether the row is purged yet."""
LEFT_BEHIND = Program((("begin", ""), ("sum", 2))), Program((("lock", 2), ("lock", 1))), Program((("leaf", 3, 1),))
"""The COMMIT of the third, who shares a lock with the first, leaves a circle of two behind."""


def explored(made: tuple[Program, ...], level: str) -> Report:
    scenario = Scenario(*operations(made), schema=schema, setup=seed)
    return prove.explore(scenario, db="mariadb", isolation_level=level)


@pytest.mark.dear
def test_nothing_is_purged_while_callers_run() -> None:
    first, *others = (explored(WAITERS, "REPEATABLE READ") for _ in range(3))
    assert first.verdict == "pass", first
    assert "went another way" not in str(first)
    assert "rows that are purged among the callers" in first.not_covered, "a bound that is not printed is none"
    assert [(each.verdict, each.runs) for each in others] == [(first.verdict, first.runs)] * 2


@pytest.mark.dear
def test_a_victim_that_chance_chooses_makes_it_unknown() -> None:
    for _ in range(2):
        report = explored(LEFT_BEHIND, "SERIALIZABLE")
        assert report.verdict == "unknown"
        (why,) = report.unknowns
        assert "not deterministic: as C ends, A and B are left waiting for each other" in why


@pytest.mark.slow
def test_nor_does_the_second_victim_of_one_call() -> None:
    """Three share a lock, and each wants it alone."""
    for _ in range(2):
        report = explored((Program((("begin", ""), ("read", 1), ("add", 1, 5))),) * 3, "SERIALIZABLE")
        assert report.verdict == "unknown"
        assert "are left waiting for each other" in report.unknowns[0], report


@pytest.mark.dear
def test_who_shares_a_lock_first_has_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the order of locks that are shared tells nothing. Then no class shows the circle."""
    monkeypatch.setattr(Relation, "with_shares_in_order", lambda relation: relation)
    assert explored(LEFT_BEHIND, "SERIALIZABLE").verdict == "pass"


def test_a_run_that_goes_another_way_is_judged_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took place: where it shows something, that is looked at."""
    judged: list[str] = []
    beside = Search.beside
    monkeypatch.setattr(Search, "beside", lambda search, played: (judged.append("one"), beside(search, played))[1])
    run, runs = Lab.run, list[int]()

    def once_with_other_words(lab: Lab, *arguments: object, **keywords: object) -> object:
        runs.append(0)
        played = run(lab, *arguments, **keywords)  # type: ignore[arg-type]
        if len(runs) != 2:
            return played
        first, *more = played.trace.turns
        assert first.call is not None
        other = Turn(first.actor, Call("A", 1, Kind.STATEMENT, "SELECT 'something else'"), first.waits)
        trace = Trace((other, *more), played.trace.enabled)
        return type(played)(trace, played.endings, played.history, played.state, played.effects)

    monkeypatch.setattr(Lab, "run", once_with_other_words)
    made = (Program((("read", 1), ("add", 1, 5))),) * 2
    report = prove.explore(Scenario(*operations(made), schema=schema, setup=seed), db="sqlite")
    assert judged == ["one"]
    assert "1 run went another way than one that began alike, and was made again" in report.bounds[0].note


def turn(actor: str, kind: Kind, *events: tuple[str, str], waits: bool = False) -> Turn:
    answered = tuple(
        Event(Call(name, 1, Kind.STATEMENT, "SELECT 1"), Reply("error" if code else "ok", code=code or None))
        for name, code in events
    )
    woken = tuple(name for name, _ in events if name != actor)
    return Turn(actor, Call(actor, 1, kind, ""), waits, woken, events=answered)


DEADLOCK = "1213"


@pytest.mark.parametrize(
    ("last", "by_chance"),
    [
        (turn("C", Kind.COMMIT, ("C", ""), ("A", DEADLOCK), ("B", "")), True),
        (turn("C", Kind.ROLLBACK, ("C", ""), ("B", DEADLOCK)), True),
        (turn("C", Kind.COMMIT, ("C", ""), ("A", ""), ("B", "")), False),
        (turn("C", Kind.STATEMENT, ("C", ""), ("A", DEADLOCK)), False),
        (turn("C", Kind.STATEMENT, ("C", DEADLOCK), ("A", "")), False),
        (turn("C", Kind.STATEMENT, ("C", DEADLOCK), ("A", DEADLOCK), ("B", "")), True),
    ],
)
def test_who_closes_a_circle_is_no_chance(last: Turn, by_chance: object) -> None:
    waits = turn("A", Kind.STATEMENT, waits=True)
    assert bool(chosen_by_chance(Trace((waits, last), (("A",), ("C",))))) is by_chance

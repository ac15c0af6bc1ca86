"""What an engine took back of a transaction is no part of it any more."""

from __future__ import annotations

import pytest

from acidity.core.call import Call, Event, Kind, Reply
from acidity.engines.speech import speech_of
from acidity.prove.explore.standing import standing

Step = tuple[Kind, str, str]
COMMIT, BACK = (Kind.COMMIT, "COMMIT", ""), (Kind.ROLLBACK_TO, "ROLLBACK TO SAVEPOINT one", "")
SAVE, SAVE_TWO = (Kind.SAVEPOINT, "SAVEPOINT one", ""), (Kind.SAVEPOINT, "SAVEPOINT two", "")
NAMELESS, NAMELESS_BACK = (Kind.SAVEPOINT, "", ""), (Kind.ROLLBACK_TO, "", "")
RELEASE = (Kind.RELEASE, "RELEASE SAVEPOINT one", "")


def write(name: str, code: str = "") -> Step:
    return Kind.STATEMENT, name, code


A, B, C = write("a"), write("b"), write("c")
DEADLOCK = {"mariadb": "1213", "postgresql": "40P01", "sqlite": "SQLITE_BUSY_SNAPSHOT"}
DUPLICATE = {"mariadb": "1062", "postgresql": "23505", "sqlite": "SQLITE_CONSTRAINT_UNIQUE"}


def left(engine: str, *steps: Step) -> str | None:
    """The writes that stand; None where the transaction can only be taken back."""
    events = []
    for number, (kind, sql, code) in enumerate(steps, start=1):
        reply = Reply("error", code=code) if code else Reply("ok")
        events.append((Event(Call("A", number, kind, sql), reply, order=number), 0))
    found = standing(events, speech_of(engine))
    return None if found.failed else "".join(event.call.sql for event, _ in found.calls)


@pytest.mark.parametrize("engine", DEADLOCK)
@pytest.mark.parametrize(
    ("steps", "stands"),
    [
        pytest.param([A, B], "ab", id="all"),
        pytest.param([A, COMMIT, B], "b", id="since a COMMIT"),
        pytest.param([A, SAVE, B, BACK, C], "ac", id="back to a savepoint"),
        pytest.param([SAVE, A, BACK, B, BACK, C], "c", id="twice back to the same"),
        pytest.param([A, SAVE, B, SAVE_TWO, C, BACK], "a", id="past another one"),
        pytest.param([A, SAVE, B, RELEASE, C], "abc", id="released"),
        pytest.param([SAVE, A, SAVE, B, RELEASE, C, BACK], "", id="of one name"),
        pytest.param([NAMELESS, A, NAMELESS, B, NAMELESS_BACK, C, NAMELESS_BACK], "", id="blocks of a driver"),
    ],
)
def test_what_was_taken_back_to_a_savepoint(engine: str, steps: list[Step], stands: str) -> None:
    assert left(engine, *steps) == stands


@pytest.mark.parametrize(
    ("engine", "codes", "stands"),
    [
        ("mariadb", DEADLOCK, "c"),
        ("mariadb", DUPLICATE, "ac"),
        ("postgresql", DEADLOCK, None),
        ("postgresql", DUPLICATE, None),
        ("sqlite", DEADLOCK, "ac"),
        ("sqlite", DUPLICATE, "ac"),
    ],
)
def test_what_was_taken_back_by_an_error(engine: str, codes: dict[str, str], stands: str | None) -> None:
    assert left(engine, A, write("b", codes[engine]), C) == stands


def test_a_savepoint_saves_a_transaction_of_postgresql() -> None:
    assert left("postgresql", A, SAVE, write("b", "40P01"), BACK, C) == "ac"
    assert left("postgresql", A, write("b", "40P01"), (Kind.BEGIN, "BEGIN", ""), C) == "c"


def test_an_error_that_no_database_answered_takes_nothing_back() -> None:
    event = Event(Call("A", 2, Kind.STATEMENT, "b"), Reply("error"), order=2)
    first = Event(Call("A", 1, Kind.STATEMENT, "a"), Reply("ok"), order=1)
    found = standing([(first, 0), (event, 0)], speech_of("postgresql"))
    assert not found.failed
    assert [each.call.sql for each, _ in found.calls] == ["a"]

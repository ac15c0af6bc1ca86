"""Sagas in several hands: at once, carried on by others, begun with other steps, and pruned."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine

from acidity.run import (
    SagaChanged,
    SagaFailed,
    SagaInterrupted,
    tables,
)
from acidity.run.marker import digest
from acidity.run.saga import story
from tests.run import trip
from tests.run.bank import balances
from tests.run.noting import Notes, saga_of
from tests.run.trip import AFTER, GOOD


class Meanwhile:
    """Somebody else comes once, just before this function of the story is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, other: Any) -> None:
        original = getattr(story, name)

        def late(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(story, name, original)
            other()
            return original(*args, **kwargs)

        monkeypatch.setattr(story, name, late)


def test_refused_here_and_done_by_somebody_else(trips: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other has done stands, though this one was about to write down that it was refused."""

    def other() -> None:
        with pytest.raises(KeyboardInterrupt):
            saga_of(notes, trips, "a", "b", ("c", {"fails": 1, "with_": KeyboardInterrupt})).run("1")

    notes = Notes()
    Meanwhile(monkeypatch, "after_failure", other)
    assert list(saga_of(notes, trips, "a", ("b", {"fails": 1}), "c").run("1")) == ["a", "b", "c"]
    assert notes.names == ["a", "b", "b", "c", "c"]


def test_no_step_is_taken_once_somebody_else_compensates(trips: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def other() -> None:
        undo = {"fails": 1, "with_": KeyboardInterrupt}
        with pytest.raises(KeyboardInterrupt):
            saga_of(notes, trips, ("a", {"undo": undo}), ("b", {"fails": 1}), "c").run("1")

    notes = Notes()
    Meanwhile(monkeypatch, "advanced", other)
    with pytest.raises(SagaFailed, match=r"'b' .*; compensated: a"):
        saga_of(notes, trips, "a", "b", "c").run("1")
    assert notes.names == ["a", "b", "-a", "-a"]


def in_threads(count: int, work: Any) -> list[Any]:
    answers: list[Any] = []

    def carry_out() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            answers.append(error)

    threads = [threading.Thread(target=carry_out) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_several_at_once(trips: Engine) -> None:
    answers = in_threads(4, lambda: trip.saga_of(trips).run("order-7", GOOD))
    assert answers == [{"flight": {"paid": 10}, "room": {"paid": 20}, "car": {"paid": 5}}] * 4
    assert balances(trips) == AFTER


def leave_unfinished(engine: Engine, *ids: str) -> None:
    saga = saga_of(Notes(), engine, "a", ("b", {"fails": len(ids), "with_": KeyboardInterrupt}))
    for each in ids:
        with pytest.raises(KeyboardInterrupt):
            saga.run(each)


def test_several_resume_at_once(trips: Engine) -> None:
    ids = [f"order-{number}" for number in range(6)]
    leave_unfinished(trips, *ids)
    notes = Notes()
    saga = saga_of(notes, trips, "a", "b", "c")
    answers = in_threads(3, saga.resume)
    answers.append(saga.resume())  # what one has left to another who then turned to something else
    assert all(isinstance(answer, list) for answer in answers), answers
    assert saga.unfinished() == []
    with trips.connect() as connection:
        rows = connection.execute(select(tables.saga_step.c.saga_hash)).all()
    assert len(rows) == 6 * 3  # each step of each saga once


def test_a_saga_in_other_hands_is_left_to_them(trips: Engine) -> None:
    leave_unfinished(trips, "1", "2")
    saga = saga_of(Notes(), trips, "a", "b")
    one_lock_for_all = trips.dialect.name == "sqlite"  # which would be waited for
    with trips.connect() as other:
        if not one_lock_for_all:
            held = select(tables.saga).where(tables.saga.c.key_hash == digest("trip", "1"))
            other.execute(held.with_for_update()).one()
        assert [status.id for status in saga.resume()] == (["1", "2"] if one_lock_for_all else ["2"])
    assert [status.id for status in saga.resume()] == ([] if one_lock_for_all else ["1"])


def test_a_saga_that_has_begun_with_other_steps(trips: Engine) -> None:
    leave_unfinished(trips, "1")
    with pytest.raises(SagaChanged, match=r"'1'.*\(x, b\): its steps a are done"):
        saga_of(Notes(), trips, "x", "b").run("1")
    saga = saga_of(Notes(), trips, "x", "b")
    with pytest.raises(SagaChanged):
        saga.resume()
    saga.run("2")
    with pytest.raises(SagaFailed):
        saga_of(Notes(), trips, "x", ("b", {"fails": 1})).run("3")
    assert [status.id for status in saga.unfinished()] == ["1"]


def test_one_that_cannot_go_on_does_not_hold_up_the_others(trips: Engine) -> None:
    leave_unfinished(trips, "1", "2", "3")
    saga = saga_of(Notes(), trips, "a", ("b", {"fails": 2, "with_": MemoryError}), max_attempts=1)
    with pytest.raises(SagaInterrupted, match="'1'") as caught:
        saga.resume()
    assert any("'2'" in note for note in caught.value.__notes__)
    assert [status.id for status in saga.unfinished()] == ["1", "2"]


def test_pruning(trips: Engine) -> None:
    saga = saga_of(Notes(), trips, "a", "b")
    saga.run("1")
    leave_unfinished(trips, "2")
    assert saga.prune(older_than=timedelta(days=1)) == 0
    assert saga.prune(older_than=timedelta(seconds=-5)) == 1
    with trips.connect() as connection:
        assert connection.scalars(select(tables.saga.c.saga_id)).all() == ["2"]
        assert len(connection.execute(select(tables.saga_step)).all()) == 1

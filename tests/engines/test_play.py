"""Several callers on one Stage: in threads, as tasks, and both; each with its own History, Ending and Interceptor."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity.adapters.seam import Actor, Layer, PassThrough, PendingCall
from acidity.core.scenario import Operation
from acidity.core.schedule import actor_name
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove.stage.call import Player
from acidity.prove.stage.needs import Needs
from tests.engines.bank import ALICE, BOB, Account, staged


class InTurn(Layer):
    """Lets each actor make its first Call only after the actor before it has ended."""

    def __init__(self, mine: threading.Event, before: threading.Event | None) -> None:
        super().__init__()
        self.mine, self.before = mine, before

    def intercept(self, pending: PendingCall) -> None:
        if self.before is not None:
            assert self.before.wait(30)
        self.inner.intercept(pending)
        if pending.call.commits:
            self.mine.set()


def pays(session: Session, account: int) -> str:
    with session.begin():
        session.execute(update(Account).where(Account.id == account).values(balance=Account.balance - 10))
    return f"paid by {account}"


async def pays_async(async_session: AsyncSession, account: int) -> str:
    async with async_session.begin():
        await async_session.execute(update(Account).where(Account.id == account).values(balance=Account.balance - 10))
    return f"paid by {account}"


def breaks(session: Session) -> None:
    session.execute(select(Account.id))
    raise RuntimeError("no")


def players(*operations: Operation) -> list[Player]:
    made: list[Player] = []
    before: threading.Event | None = None
    for position, operation in enumerate(operations):
        mine = threading.Event()
        made.append(Player(operation, Actor(actor_name(position), InTurn(mine, before))))
        before = mine
    return made


def balances(state: Any) -> list[Any]:
    return [row[-1] for row in state.tables["accounts"].rows]


def test_in_threads_each_has_its_own_history_and_ending() -> None:
    both = players(Operation(pays, ALICE), Operation(pays, BOB))
    with staged(pays, ALICE) as stage:
        before = balances(stage.seed)
        scene = stage.play(both)
    assert [ending.answer for ending in scene.endings] == [f"paid by {ALICE}", f"paid by {BOB}"]
    assert [[(e.call.actor, e.call.index) for e in player.actor.history] for player in both] == [
        [("A", 1), ("A", 2)],
        [("B", 1), ("B", 2)],
    ]
    assert sum(balances(scene.seen.second)) == sum(before) - 20
    assert (scene.seen.encounter.leaks, scene.bypasses) == ((), ())


def test_as_tasks_and_beside_a_thread() -> None:
    pytest.importorskip("aiosqlite")
    plain = [Actor(actor_name(position), PassThrough()) for position in range(3)]
    three = [
        Player(operation, actor)
        for operation, actor in zip(
            (Operation(pays_async, ALICE), Operation(reads_async), Operation(reads)), plain, strict=True
        )
    ]
    with staged(pays_async, ALICE) as stage:
        scene = stage.play(three)
    assert [ending.answered for ending in scene.endings] == [True] * 3, scene.endings
    assert [{event.call.actor for event in player.actor.history} for player in three] == [{"A"}, {"B"}, {"C"}]
    assert scene.bypasses == ()


def reads(session: Session) -> int:
    return len(session.scalars(select(Account.id)).all())


async def reads_async(async_session: AsyncSession) -> int:
    return len((await async_session.scalars(select(Account.id))).all())


def test_one_that_fails_does_not_end_the_other() -> None:
    two = [Player(Operation(breaks), Actor("A", PassThrough())), Player(Operation(reads), Actor("B", PassThrough()))]
    with staged(breaks) as stage:
        broken, right = stage.play(two).endings
    assert (broken.exception, broken.broke_off) == ("RuntimeError", True)
    assert right.answer == 2


def test_ctrl_c_in_one_of_them_gets_out() -> None:
    def stopped(session: Session) -> None:
        session.execute(select(Account.id))
        raise KeyboardInterrupt

    two = [Player(Operation(stopped), Actor("A", PassThrough())), Player(Operation(reads), Actor("B", PassThrough()))]
    with staged(stopped) as stage:
        with pytest.raises(KeyboardInterrupt):
            stage.play(two)
        assert stage.play([two[1]]).endings[0].answered


def test_what_a_run_has_provoked_is_its_own_and_not_ctrl_c() -> None:
    error = KeyboardInterrupt()

    def stopped(session: Session) -> None:
        raise error

    provoked = Needs(provoked=lambda raised: raised is error)
    with staged(stopped) as stage:
        (ending,) = stage.play([Player(Operation(stopped), Actor("A", PassThrough()), provoked)]).endings
    assert (ending.exception, ending.answered) == ("KeyboardInterrupt", False)


def test_a_foreign_database_is_refused_beside_another_caller(tmp_path: Any) -> None:
    from sqlalchemy import create_engine

    def elsewhere(session: Session) -> None:
        create_engine(f"sqlite:///{tmp_path / 'theirs.db'}").connect()

    two = [Player(Operation(reads), Actor("A", PassThrough())), Player(Operation(elsewhere), Actor("B", PassThrough()))]
    with staged(elsewhere) as stage, pytest.raises(ForeignDatabase):
        stage.play(two)
    assert not (tmp_path / "theirs.db").exists()


def test_an_interceptor_belongs_to_one_of_them() -> None:
    class Refuses(Layer):
        def intercept(self, pending: PendingCall) -> None:
            raise OperationalError("refused", None, Exception())

    two = [Player(Operation(reads), Actor("A", Refuses())), Player(Operation(reads), Actor("B", PassThrough()))]
    with staged(reads) as stage:
        refused, right = stage.play(two).endings
    assert (refused.exception, right.answer) == ("OperationalError", 2)


def test_there_are_as_many_callers_as_letters() -> None:
    assert [actor_name(position) for position in (0, 1, 25)] == ["A", "B", "Z"]
    with pytest.raises(UsageError, match="26 letters"):
        actor_name(26)

"""Relays side by side, moved on step by step in random interleavings: no message twice at a time, each key in order."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from acidity.run.outbox import claim
from acidity.run.outbox.record import Patience
from tests.run.outbox.actors import Moved, Writer
from tests.run.outbox.conftest import Clock

KEYS = ["x", "y", None]
MESSAGES = 12


class Refused(Exception):
    """What a broker says now and then."""


class Race:
    """One writer and two relays; everything that must never be is noted in `wrong`."""

    def __init__(self, engine: Engine, writers: Engine, seed: int, clock: Clock, *, deaths: bool) -> None:
        self.engine, self.random, self.clock, self.deaths = engine, random.Random(seed), clock, deaths
        self.writer, self.written, self.open_emits = Writer(writers), 0, []
        self.relays: list[Moved | None] = [None, None]
        self.in_hand: list[list[Any]] = [[], []]  # of each relay's open transaction
        self.committed: dict[Any, list[int]] = {}
        self.published: list[tuple[Any, int]] = []
        self.wrong: list[str] = []

    def publisher(self, number: int) -> Any:
        def publish(message: Any) -> None:
            mine, others = self.in_hand[number], self.in_hand[1 - number]
            if any(each.id == message.id for each in others):
                self.wrong.append(f"{message.payload} is published by two relays at the same time")
            if message.key is not None and any(each.key == message.key for each in others):
                self.wrong.append(f"key {message.key} is in the hands of two relays")
            mine.append(message)
            if self.random.random() < 0.15:
                raise Refused
            self.published.append((message.key, message.payload))

        return publish

    def write(self) -> None:
        if self.writer.block is None:
            with suppress(DBAPIError):  # a relay has SQLite
                self.writer.begin()
        elif self.written < MESSAGES and self.random.random() < 0.7:
            self.written += 1
            key = self.random.choice(KEYS)
            self.writer.emit(self.written, key=key)
            self.open_emits.append((key, self.written))
        else:
            self.writer.commit()
            for key, payload in self.open_emits:
                self.committed.setdefault(key, []).append(payload)
            self.open_emits = []

    def relay(self, number: int) -> None:
        moved = self.relays[number]
        if moved is None:
            self.in_hand[number] = []
            self.relays[number] = Moved(self.engine, self.publisher(number), batch_size=self.random.randint(1, 4))
            return
        moved.step()
        if self.deaths and moved.ended is None and self.random.random() < 0.05:
            moved.die()
            self.end(number)
        elif moved.ended is not None:
            self.end(number)

    def end(self, number: int) -> None:
        self.relays[number], self.in_hand[number] = None, []

    def run(self) -> None:
        while self.written < MESSAGES or self.writer.block is not None:
            self.random.choice([self.write, lambda: self.relay(0), lambda: self.relay(1)])()
            self.clock.pass_by(self.random.choice([0, 0, 1]))
        idle = 0
        while idle < 3:  # until both find nothing more
            self.clock.pass_by(1000)
            before = len(self.published)
            for number in (0, 1):
                while self.relays[number] is not None:
                    self.relay(number)
                self.relay(number)
                while self.relays[number] is not None:
                    self.relay(number)
            idle = 0 if len(self.published) > before else idle + 1

    def judge(self) -> list[str]:
        found = list(self.wrong)
        for key, payloads in self.committed.items():
            told = [payload for of, payload in self.published if of == key]
            first = list(dict.fromkeys(told))
            if sorted(first) != sorted(payloads):
                found.append(f"key {key}: lost or invented: {first}, {payloads}")
            if key is not None and first != payloads:
                found.append(f"key {key}: published {first}, committed {payloads}")
            if not self.deaths and len(told) != len(first):
                found.append(f"key {key}: a message was published twice: {told}")
        return found


def race(engine: Engine, writers: Engine, seed: int, clock: Clock, *, deaths: bool = False) -> list[str]:
    one = Race(engine, writers, seed, clock, deaths=deaths)
    try:
        one.run()
    finally:
        one.writer.abort(Refused())
        for moved in one.relays:
            if moved is not None:
                moved.die()
    return one.judge()


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("deaths", [False, True], ids=["all live", "some die"])
def test_two_relays(shop: Engine, impatient: Engine, clock: Clock, seed: int, deaths: Any) -> None:
    assert race(shop, impatient, seed, clock, deaths=deaths) == []


@pytest.mark.slow
def test_two_relays_in_many_interleavings(shop: Engine, impatient: Engine, clock: Clock) -> None:
    for seed in range(100, 180):
        assert race(shop, impatient, seed, clock, deaths=seed % 2 == 0) == [], seed


def test_without_locks_the_race_is_lost(
    shop: Engine, impatient: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.sql.selectable import GenerativeSelect

    monkeypatch.setattr(GenerativeSelect, "with_for_update", lambda self, **_: self)
    found = (wrong for seed in range(4) for wrong in race(impatient, impatient, seed, clock))
    assert any("same time" in wrong for wrong in found) is (shop.dialect.name != "sqlite")


@pytest.mark.dear
def test_without_heads_the_order_is_lost(
    shop: Engine, impatient: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "not_", lambda _: claim.outbox.c.position > 0)
    found = (wrong for seed in range(20) for wrong in race(shop, impatient, seed, clock))
    assert any(", committed" in wrong or "in the hands" in wrong for wrong in found)


def test_a_failure_that_holds_nothing_back_is_noticed(
    shop: Engine, impatient: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patience, "pause", lambda self, failures: None)  # parked at the first failure: lost to the race
    assert any("lost" in wrong for seed in range(4) for wrong in race(shop, impatient, seed, clock))

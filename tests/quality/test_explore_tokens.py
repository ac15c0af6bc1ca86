"""Random keys are other ones in each run: one run of each class still finds what all schedules find."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.fit import Manner, classes_of
from acidity.prove.explore.classes.keys import Keys
from acidity.prove.explore.every import Chooser, Deviated, Every
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.stage.stage import Stage
from tests.quality.random_callers import LEVELS

Step = tuple[Any, ...]
STATEMENTS = {
    "add": "UPDATE t SET v = v + :d WHERE id = :k",
    "set": "UPDATE t SET v = :d WHERE id = :k",
    "drop": "DELETE FROM t WHERE id = :k",
}
# Found among random programs: A goes on with its row while B, which has found it, goes on with it, too.
MAKER = (("make", 1), ("commit",), ("set", 100), ("commit",), ("add", 1))
FINDER = (("find",), ("get",), ("get",), ("add", 1))
# Its key stands in a column that is none before it is a key, and whoever reads it there may be the first to use it as one.
TELLER = (("intend",), ("commit",), ("ensure",), ("commit",), ("get",), ("put back",))
HEARER = (("look",), ("commit",), ("ensure",), ("commit",), ("add", 1))


def schema(connection: Connection) -> None:
    """Rows with keys that the program makes."""
    connection.execute(text("CREATE TABLE t (id VARCHAR(40) PRIMARY KEY, v INTEGER)"))
    connection.execute(text("CREATE TABLE intents (id INTEGER PRIMARY KEY, token VARCHAR(40))"))


def setup(session: Session) -> None:
    """An intent without a token."""
    session.execute(text("INSERT INTO intents VALUES (1, '')"))


def play(connection: Connection, steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Carry some steps out, and answer with all that was read but the keys."""
    said: list[Any] = []
    key, seen = "", 0
    for name, *given in steps:
        try:
            if name == "commit":
                connection.commit()
            elif name == "make":
                key = str(uuid4())
                insert = text("INSERT INTO t (id, v) VALUES (:k, :v)")
                said.append(connection.execute(insert, {"k": key, "v": given[0]}).rowcount)
            elif name == "intend":
                key = str(uuid4())
                connection.execute(text("UPDATE intents SET token = :token WHERE id = 1"), {"token": key})
            elif name == "look":
                key = connection.execute(text("SELECT token FROM intents")).scalar_one()
            elif name == "ensure":
                connection.execute(text("INSERT INTO t (id, v) VALUES (:k, 0)"), {"k": key})
            elif name == "put back":
                connection.execute(text("UPDATE t SET v = :v WHERE id = :k"), {"k": key, "v": seen})
            elif name == "find":
                row = connection.execute(text("SELECT id, v FROM t ORDER BY v LIMIT 1")).first()
                key = row[0] if row else key
                said.append(row and row[1])
            elif name == "get":
                seen = connection.execute(text("SELECT v FROM t WHERE id = :k"), {"k": key}).scalar()
                said.append(seen)
            else:
                params = {"k": key} | ({"d": given[0]} if given else {})
                said.append(connection.execute(text(STATEMENTS[name]), params).rowcount)
        except DBAPIError as error:
            said.append(type(error).__name__)
            connection.rollback()
    connection.commit()
    return tuple(map(repr, said))


def programs(number: int) -> tuple[tuple[Step, ...], ...]:
    """One makes a row and goes on with it, the other one finds a row and goes on with that."""
    chance = random.Random(number)

    def more() -> list[Step]:
        choice: list[Step] = [("add", 1), ("add", 10), ("get",), ("set", 100), ("set", 200), ("drop",), ("commit",)]
        return [chance.choice(choice) for _ in range(2)]

    return (("make", chance.choice([1, 5])), ("commit",), *more()), (("find",), *more())


BASE = Scenario(Operation(play, (), inject="connection"), schema=schema, setup=setup)


def outcome(played: Played) -> object:
    """Values and answers, without keys."""
    rows = sorted(repr(row[1:]) for name, table in played.state.tables.items() if name == "t" for row in table.rows)
    return tuple(rows), tuple((name, it.exception, repr(it.answer)) for name, it in sorted(played.endings.items()))


@contextmanager
def stage_at(db: str, level: str) -> Iterator[Stage]:
    settings = {"journal_mode": level} if db == "sqlite" else {}
    with Stage(BASE, db, settings, None if db == "sqlite" else level, 60.0) as stage:
        yield stage


def of_every(lab: Lab) -> set[object]:
    every, found = Every(), set()
    while (prefix := every.next()) is not None:
        played = lab.run(Chooser(prefix))
        every.seen(prefix, played.trace)
        found.add(outcome(played))
    return found


def of_classes(stage: Stage, lab: Lab, db: str, level: str) -> tuple[set[object], str]:
    orders = [[lab.serially(order).history for _ in range(2)] for order in permutations(lab.names)]
    tree = classes_of(stage, Manner(db, frozenset({level})), 2, orders, family_of(db, level)).tree
    assert tree is not None
    found = set()
    while tree.has_next():
        if tree.remembers():
            continue
        played = lab.run(tree, tree.after_turn)
        tree.seen()
        found.add(outcome(played))
    return found, tree.unfit


def lab_of(stage: Stage, made: tuple[tuple[Step, ...], ...]) -> Lab:
    return Lab(stage, [Operation(play, each, inject="connection", name=f"p{place}") for place, each in enumerate(made)])


@pytest.mark.slow
@pytest.mark.parametrize(("db", "level"), LEVELS)
def test_random_programs_agree(db: str, level: str) -> None:
    agreed = 0
    with stage_at(db, level) as stage:
        for seed in range(1_000_000, 1_000_008):
            lab = lab_of(stage, programs(seed))
            try:
                found, unfit = of_classes(stage, lab, db, level)
                assert (unfit, of_every(lab) - found) == ("", set()), f"seed {seed}"
            except Deviated:
                continue
            agreed += 1
    assert agreed >= 6


@pytest.mark.slow
def test_a_key_of_another_run_is_not_taken_for_this_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage_at("postgresql", "READ COMMITTED") as stage:
        lab = lab_of(stage, (MAKER, FINDER))
        every = of_every(lab)
        assert of_classes(stage, lab, "postgresql", "READ COMMITTED") == (every, "")
        monkeypatch.setattr(Keys, "of", lambda _self, foot: foot)
        fewer, unfit = of_classes(stage, lab, "postgresql", "READ COMMITTED")
    assert unfit == ""
    assert fewer < every


@pytest.mark.slow
def test_who_draws_a_key_may_write_it_down_before_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage_at("postgresql", "READ COMMITTED") as stage:
        lab = lab_of(stage, (TELLER, HEARER))
        every = of_every(lab)
        assert of_classes(stage, lab, "postgresql", "READ COMMITTED") == (every, "")
        tell = Keys.tell
        monkeypatch.setattr(Keys, "tell", lambda keys, told, name: None if "token" in told else tell(keys, told, name))
        monkeypatch.setattr(Keys, "hear", lambda _keys, _events: None)
        fewer, _ = of_classes(stage, lab, "postgresql", "READ COMMITTED")
    assert fewer < every

"""The random programs of `random_callers`: what each caller does, from a seed.

Chance leans towards what programs meet on: two rows in opposite orders, unique and foreign keys, gaps, savepoints,
triggers, cascades, views, and errors that are swallowed.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

Step = tuple[Any, ...]


class Program(NamedTuple):
    """What one caller does.

    Attributes:
        steps: in their order.
        ends: ``commit``, ``rollback`` or ``none``.
    """

    steps: tuple[Step, ...]
    ends: str = "commit"


def _simple(chance: random.Random) -> Step:
    """One step that asks or changes something."""
    key, g, d = chance.choice([1, 1, 2, 3, 4]), chance.choice([1, 1, 2]), chance.choice([1, 5, 15])
    made: list[tuple[int, Step]] = [
        (4, ("read", key)),
        (2, ("sum", g)),
        (1, ("count", chance.choice(["n", "c", "k", "r"]))),
        (1, ("view",)),
        (1, ("join",)),
        (3, ("lock", key)),
        (2, ("lock_group", g)),
        (1, ("skip", g)),
        (1, ("share", key)),
        (4, ("set", key, d)),
        (3, ("add", key, d)),
        (3, ("take", key, d)),
        (2, ("group", g, d)),
        (2, ("move", key, chance.choice([1, 2]))),
        (2, ("counted", key)),
        (2, ("rekey", chance.choice([1, 5]), chance.choice([1, 2, 3, 5]))),
        (2, ("watched", d)),
        (3, ("row", chance.choice([4, 5]), d, g)),
        (4, ("child", chance.choice([2, 3, 4]), chance.choice([2, 3, 5]), chance.choice([1, 2, 3, 4]))),
        (2, ("leaf", chance.choice([3, 4]), chance.choice([1, 2, 3, 4]))),
        (2, ("made",)),
        (2, ("upsert", chance.choice([1, 4]), d)),
        (2, ("drop", chance.choice([1, 2, 3]))),
        (1, ("drop_group", g)),
        (2, ("drop_child", chance.choice([1, 5]))),
        (1, ("drop_unique", chance.choice([1, 2, 5]))),
    ]
    return chance.choices([step for _, step in made], [weight for weight, _ in made])[0]


def _step(chance: random.Random) -> Step:
    step = _simple(chance)
    kind = chance.random()
    if kind < 0.1:
        return ("inside", step, chance.choice(["keep", "back"]))
    if kind < 0.2:
        return ("tried", step)
    return ("if", chance.choice([0, 10, 25])) if kind < 0.25 else step


def _program(chance: random.Random, least: int, most: int, *, turned: bool) -> Program:
    steps = [_step(chance) for _ in range(chance.randint(least, most))]
    if chance.random() < 0.3 and most > 1:  # two rows, one caller from the first to the second, the next one back
        rows = [chance.choice([("add", 1, 5), ("lock", 1), ("set", 1, 5), ("drop_child", 1), ("child", 2, 2, 1)])]
        rows.append(chance.choice([("add", 2, 5), ("lock", 2), ("take", 2, 5), ("child", 3, 3, 2), ("row", 4, 1, 1)]))
        steps = (rows[::-1] if turned else rows) + steps[: most - 2]
    if chance.random() < 0.2:
        steps.insert(0, ("begin", chance.choice(["", "", "IMMEDIATE"])))
    if chance.random() < 0.15 and len(steps) > 1:
        steps.insert(chance.randint(1, len(steps) - 1), (chance.choice(["commit", "commit", "rollback"]),))
    return Program(tuple(steps), chance.choice(["commit"] * 6 + ["rollback", "none"]))


def alike(number: int, callers: int) -> tuple[Program, ...]:
    """Two callers that do the same; and a third one that does something else, for an odd number the same, too."""
    chance = random.Random(number)
    same = _program(chance, 1, 3 if callers == 2 else 2, turned=False)
    other = same if number % 2 else _program(chance, 1, 1, turned=True)
    return (same, same) if callers == 2 else (same, same, other)


def programs(number: int, callers: int) -> tuple[Program, ...]:
    """The programs that a seed makes."""
    chance = random.Random(number)
    if callers == 2:
        return tuple(_program(chance, 1, 3, turned=bool(place)) for place in range(callers))
    longer = chance.randrange(callers)
    return tuple(_program(chance, 1, 2 if place == longer else 1, turned=bool(place % 2)) for place in range(callers))


def with_effects(number: int, callers: int) -> tuple[Program, ...]:
    """The same, where callers tell somebody outside the database something, or ask him, once or twice.

    Of three callers one does so among its steps, one does nothing else, and one has steps alone.
    """
    chance, made = random.Random(number), []
    kinds = chance.sample(["both", "steps", "effect"], 3) if callers > 2 else ["both", "both"]
    for place, kind in enumerate(kinds):
        program = _program(chance, 1, 1 if callers > 2 else 2, turned=bool(place % 2))
        steps = [] if kind == "effect" else list(program.steps)
        for _ in range(chance.choice([1, 1, 2]) if callers == 2 else kind != "steps"):
            steps.insert(chance.randint(0, len(steps)), (chance.choice(["tell", "tell", "ask"]),))
        made.append(Program(tuple(steps), program.ends))
    return tuple(made)


def with_asides(seed: int, callers: int) -> tuple[Program, ...]:
    """The same with a question to the tables themselves, or a setting, somewhere in each of them."""
    chance, made = random.Random(seed), programs(seed, callers)
    return tuple(
        program._replace(steps=(*program.steps[:place], ("aside", chance.randrange(1000)), *program.steps[place:]))
        for program, place in ((each, chance.randint(0, len(each.steps))) for each in made)
    )

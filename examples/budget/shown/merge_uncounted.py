"""Two merges of one category at once: both look, the first is done, and the second says that it has done it, too."""

from __future__ import annotations

import sys

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from examples.budget.shown.rows import FOOD, TRAVEL, budget, categories, expenses, look


def main(url: str | None = None) -> list[str]:
    """What the two were told."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as first, engine.connect() as second:
            for each in (first, second):
                assert each.scalar(select(categories.c.id).where(categories.c.id == FOOD)) == FOOD
                if engine.dialect.name == "sqlite":
                    each.rollback()  # its read lock would keep the other from committing; what it has seen it knows
            told = [merge(first), merge(second)]
        print(f"told: {' and '.join(told)}; this is wrong because one of the two has merged nothing:")
        look(engine)
    return told


def merge(connection: Connection) -> str:
    """What comes after the look."""
    moved = update(expenses).where(expenses.c.category_id == FOOD).values(category_id=TRAVEL)
    count = connection.execute(moved).rowcount
    connection.execute(delete(categories).where(categories.c.id == FOOD))
    connection.commit()
    return f"success ({count} rows)"


if __name__ == "__main__":
    main(*sys.argv[1:2])

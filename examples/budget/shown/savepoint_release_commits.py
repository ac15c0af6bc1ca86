"""Python's driver of SQLite sends no BEGIN before a SAVEPOINT, so its RELEASE is a COMMIT. For SQLite alone."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as connection, connection.begin() as whole:
            with connection.begin_nested():
                spend(connection, FOOD, -AMOUNT)
            whole.rollback()  # as for a credit that was refused
        print("this is wrong because the debit was rolled back, and is there:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])

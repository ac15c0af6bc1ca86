"""Every exception becomes "failed", also that of a COMMIT which was applied and whose answer was lost."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as connection:
            try:
                spend(connection, FOOD, -AMOUNT)
                spend(connection, TRAVEL, AMOUNT)
                connection.commit()
                lose_the_answer()
            except ConnectionError as error:
                connection.rollback()
                print(f"told: failed: {error}")
        print("this is wrong because the transfer was made:")
        return look(engine)


def lose_the_answer() -> None:
    """What the network makes of it.

    Raises:
        ConnectionError: always.
    """
    raise ConnectionError("server closed the connection unexpectedly")


if __name__ == "__main__":
    main(*sys.argv[1:2])

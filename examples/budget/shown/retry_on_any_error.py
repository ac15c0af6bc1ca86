"""COMMIT is applied and its answer is lost; the transfer is made again, because something went wrong."""

from __future__ import annotations

import sys

from sqlalchemy.engine import Engine

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        try:
            transfer(engine, answer_is_lost=True)
        except ConnectionError:
            transfer(engine, answer_is_lost=False)
        print("this is wrong because ₹25.10 were asked for, and ₹50.20 were moved:")
        return look(engine)


def transfer(engine: Engine, *, answer_is_lost: bool) -> None:
    """One attempt.

    Raises:
        ConnectionError: nothing is known of its COMMIT.
    """
    with engine.begin() as connection:
        spend(connection, FOOD, -AMOUNT)
        spend(connection, TRAVEL, AMOUNT)
    if answer_is_lost:  # the server has committed; the network has not brought it back
        raise ConnectionError("server closed the connection unexpectedly")


if __name__ == "__main__":
    main(*sys.argv[1:2])

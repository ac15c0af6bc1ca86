"""ACI209: a two-phase commit that nobody finishes after the process has died."""

from __future__ import annotations

from sqlalchemy import Engine, text

from acidity.explained.programs.shop import SHOP
from acidity.prove import Operation, Scenario

SELL = (
    text("UPDATE items SET stock = stock - 2 WHERE id = 1"),
    text("INSERT INTO orders (item_id, pieces, state) VALUES (1, 2, 'done')"),
)
PREPARED = text("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")  # others' are listed, too


def sell(engine: Engine) -> None:
    """Prepare and commit; between the two the process may die."""
    with engine.connect() as connection, connection.begin_twophase() as transaction:
        for statement in SELL:
            connection.execute(statement)
        transaction.prepare()


def decide(engine: Engine) -> None:
    """Roll back what is prepared here and was never committed; a restarted process does it first."""
    with engine.connect() as connection:
        for name in connection.scalars(PREPARED).all():
            connection.rollback_prepared(name, recover=True)


wrong = Scenario(Operation(sell), **SHOP)
mended = Scenario(Operation(sell), recover=decide, **SHOP)

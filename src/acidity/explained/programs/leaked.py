"""ACI206: a temporary table belongs to the connection, and the connection goes back to the pool."""

from __future__ import annotations

from sqlalchemy import Engine, text

from acidity.explained.programs.shop import SHOP
from acidity.prove import Operation, Scenario

PICK = text("CREATE TEMPORARY TABLE picked AS SELECT id FROM items WHERE stock > 0")
SELL = text("INSERT INTO orders (item_id, pieces, state) SELECT id, 1, 'done' FROM picked")


def sell_one_of_each(engine: Engine) -> None:
    """Leave the table to the next user of the connection, for whom CREATE then fails."""
    with engine.begin() as connection:
        connection.execute(PICK)
        connection.execute(SELL)


def sell_one_of_each_mended(engine: Engine) -> None:
    """Drop it in the same transaction; after a failure the connection does not go back."""
    with engine.connect() as connection:
        try:
            connection.execute(PICK)
            connection.execute(SELL)
            connection.execute(text("DROP TABLE picked"))
            connection.commit()
        except BaseException:
            connection.invalidate()
            raise


wrong = Scenario(Operation(sell_one_of_each), **SHOP)
mended = Scenario(Operation(sell_one_of_each_mended), **SHOP)

"""ACI401: a COMMIT that is acknowledged before it is on the disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from acidity.explained.programs.shop import SHOP
from acidity.prove import Operation, Scenario


def sell(dsn: str, item: int, pieces: int) -> None:
    """With what SQLite does by default."""
    with closing(sqlite3.connect(dsn)) as connection, connection:
        connection.execute("UPDATE items SET stock = stock - ? WHERE id = ?", (pieces, item))
        connection.execute("INSERT INTO orders (item_id, pieces, state) VALUES (?, ?, 'done')", (item, pieces))


def sell_mended(dsn: str, item: int, pieces: int) -> None:
    """Have the directory synced, too, when the journal is deleted."""
    with closing(sqlite3.connect(dsn)) as connection, connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("UPDATE items SET stock = stock - ? WHERE id = ?", (pieces, item))
        connection.execute("INSERT INTO orders (item_id, pieces, state) VALUES (?, ?, 'done')", (item, pieces))


wrong = Scenario(Operation(sell, 1, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP)

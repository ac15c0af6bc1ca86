"""Short ways to write a State and a History in tests."""

from acidity.core.call import Call, Event, History, Kind, Reply, Writes
from acidity.core.outcome import State, Table


def table(columns, rows, key="id", references=None):
    names = tuple(columns.split())
    return Table(names, tuple(key.split()), references or {}, tuple(rows))


def state(**tables):
    return State(tables)


def history(*texts, defaulted=()):
    calls = [
        Call("A", n, Kind.STATEMENT, sql, defaulted=frozenset(defaulted), writes=Writes.YES)
        for n, sql in enumerate(texts, 1)
    ]
    return tuple(Event(call, Reply("ok")) for call in calls)


def shop(orders=(), items=(), accounts=((1, "ann", 100), (2, "bob", 0))):
    """A small shop: accounts with application-made keys; orders and their items with keys made by the database."""
    return state(
        accounts=table("id name balance", accounts),
        orders=table("id account_id total", [(1, 1, 10), *orders], references={"account_id": ("accounts", "id")}),
        items=table("id order_id sku", [(1, 1, "pen"), *items], references={"order_id": ("orders", "id")}),
    )


SHOP_HISTORY: History = history(
    "INSERT INTO accounts (id, name, balance) VALUES (?, ?, ?)",
    "INSERT INTO orders (account_id, total) VALUES (?, ?)",
    "INSERT INTO items (order_id, sku) VALUES (?, ?)",
)

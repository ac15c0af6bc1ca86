"""A schema, Calls and what they touch, for tests that need no database."""

from __future__ import annotations

from typing import Any

from acidity.core.call import Call, Kind, Writes
from acidity.prove.explore.classes.items import Item, Items, Whole
from acidity.prove.explore.classes.schema import Described, Reference, Schema

SCHEMA = Schema(
    {
        "r": Described(("id",), {"id": "number", "v": "number", "name": "text"}),
        "n": Described(("id",), {"id": "number", "u": "number"}, uniques=(("u",),)),
        "w": Described(("id",), {"id": "number"}, triggers=True),
    },
    (Reference("n", ("r_id",), "r", ("id",)),),
)


def call(sql: str, params: Any = None, actor: str = "A", kind: Kind = Kind.STATEMENT, *, many: bool = False) -> Call:
    writes = Writes.NO if sql.lower().startswith("select") or kind is not Kind.STATEMENT else Writes.YES
    return Call(actor, 1, kind, sql, params, connection=1, writes=writes, many=many)


def items(*pairs: tuple[str, Any]) -> Items:
    return frozenset(Item(table, (key,) if isinstance(key, int | str) else key) for table, key in pairs)


ALL, NEW = Whole.ALL, Whole.NEW

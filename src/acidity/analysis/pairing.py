"""Which row before a row after stems from: the one with the same primary key, or without a key the one equal to it."""

from __future__ import annotations

from acidity.analysis.values import encode, encode_all
from acidity.core.outcome import Row, Table


def origins(before: Table | None, after: Table) -> tuple[list[Row | None], list[Row]]:
    """Pair the rows of one table at two times.

    Args:
        before: the table at the earlier time, or None if it did not exist.
        after: the table at the later time.

    Returns:
        For each row of `after`, in order, the row it stems from or None; and the rows of `before` that are gone.
    """
    if before is None:
        return [None] * len(after.rows), []
    if keyed(before, after):
        old = {key_of(before, row): row for row in before.rows}
        pairs = [old.pop(key_of(after, row), None) for row in after.rows]
        return pairs, list(old.values())
    pool: dict[bytes, list[Row]] = {}
    for row in before.rows:
        pool.setdefault(encode_all(row), []).append(row)
    pairs = [same.pop() if (same := pool.get(encode_all(row))) else None for row in after.rows]
    return pairs, [row for rows in pool.values() for row in rows]


def keyed(before: Table, after: Table) -> bool:
    """Whether both have the same columns and a primary key that tells their rows apart."""
    if not after.key or before.key != after.key or before.columns != after.columns:
        return False
    return all(len({key_of(table, row) for row in table.rows}) == len(table.rows) for table in (before, after))


def key_of(table: Table, row: Row) -> tuple[object, ...]:
    """The values of the primary key in a row; those that cannot be a key in Python (arrays, JSON) as bytes."""
    values = (row[table.columns.index(name)] for name in table.key)
    return tuple(encode(value) if isinstance(value, list | dict) else value for value in values)


def changed_cells(before: Table | None, after: Table) -> dict[str, list[object]]:
    """The values that are new where they stand: every cell of a new row, and the changed cells of an old one.

    Args:
        before: the table at the earlier time, or None if it did not exist.
        after: the table at the later time.

    Returns:
        Column → values, in the order of the rows; columns without a change are present too.
    """
    cells: dict[str, list[object]] = {name: [] for name in after.columns}
    for row, old in zip(after.rows, origins(before, after)[0], strict=True):
        for index, name in enumerate(after.columns):
            if old is None or encode(old[index]) != encode(row[index]):
                cells[name].append(row[index])
    return cells

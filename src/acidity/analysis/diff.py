"""The rows that changed between two States, as `RowChange` values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from acidity.analysis.masks import Column, Masks
from acidity.analysis.moments import Dated, by_column
from acidity.analysis.pairing import key_of, keyed, origins
from acidity.analysis.texts import Texts
from acidity.analysis.values import encode, is_epoch, is_time, order_of
from acidity.analysis.wording import Claim, sentence
from acidity.core.finding import RowChange
from acidity.core.outcome import Row, State, Table

__all__ = ["Claim", "row_changes", "sentence", "telling_changes"]


def row_changes(before: State, after: State) -> tuple[RowChange, ...]:
    """The rows that differ, by primary key, or by whole row where there is no key.

    Args:
        before: the rows at the earlier time.
        after: the rows at the later time.

    Returns:
        One RowChange for each row that was added, removed or changed, sorted by table and key. A changed row lists
        only the columns that changed. A table that was created, dropped or altered is a change of its own, which a
        catalogue of the engine does not tell again; a column that an altered one did not have was NULL in its rows.
    """
    both = {name: (before.tables.get(name), after.tables.get(name)) for name in {*before.tables, *after.tables}}
    schema = {name: found for name, tables in both.items() if (found := _schema_change(name, *tables))}
    found = []
    for name, tables in sorted(both.items()):
        found += schema.get(name, [])
        then, now = (_without(table, schema.keys()) for table in tables)
        if name in schema and then is not None and now is not None:
            then = _altered(then, now)
        found += sorted(_table_changes(name, then, now), key=_order)
    return tuple(found)


def telling_changes(before: State, after: State, masks: Masks) -> tuple[RowChange, ...]:
    """The same without the new values that are not compared literally, wherever a row differs in more than those."""
    changes = row_changes(before, after)
    made = masks.keys | masks.tokens | masks.times | masks.copied  # none at all is another thing than one or another
    texts = Texts(masks.constants, made)
    dated = [Dated(by_column(masks.moments), state.during) for state in (before, after)]
    found = []
    for change in changes:
        if change.before is None or change.after is None:
            found.append(change)
            continue
        nulls = {name for cells in (change.before, change.after) for name, value in cells if value is None}
        hidden = {name for table, name in made if table == change.table and name not in nulls}
        hidden -= {name for name in hidden if _are_two_times((change.table, name), change, dated)}
        hidden -= {
            name for name in hidden if len({texts.shown((change.table, name), it) for it in _two(change, name)}) > 1
        }
        told = {name for name, _ in change.before if name not in hidden and (change.table, name) not in masks.ignored}
        was, is_now = (tuple(cell for cell in each if cell[0] in told) for each in (change.before, change.after))
        if told:
            found.append(replace(change, before=was, after=is_now))
    return tuple(found) or changes


def _are_two_times(column: Column, change: RowChange, dated: Sequence[Dated]) -> bool:
    """Whether a column of a changed row has times at different distances from the present, if it has times at all."""
    was, is_now = _two(change, column[1])
    if not all(is_time(value) or is_epoch(value) for value in (was, is_now)):
        return False
    return dated[0].tell(column, was) != dated[1].tell(column, is_now)


def _two(change: RowChange, name: str) -> list[object]:
    """The values of a column of a changed row, before and after."""
    return [dict(cells or ()).get(name) for cells in (change.before, change.after)]


def _without(table: Table | None, told: Collection[str]) -> Table | None:
    """A catalogue without what is said of these tables."""
    if table is None or not table.describes:
        return table
    name = table.columns.index(table.describes)
    return replace(table, rows=tuple(row for row in table.rows if row[name] not in told))


def _altered(table: Table, now: Table) -> Table:
    """The table with the columns that it has now."""
    places = {name: index for index, name in enumerate(table.columns)}
    kept = [places.get(name) for name in now.columns]
    rows = tuple(tuple(None if at is None else row[at] for at in kept) for row in table.rows)
    key = table.key if {*table.key} <= {*now.columns} else ()
    return replace(table, columns=now.columns, key=key, rows=rows)


def _schema_change(name: str, before: Table | None, after: Table | None) -> list[RowChange]:
    one, other = (", ".join(table.columns) if table else None for table in (before, after))
    if one == other:
        return []
    if one is None or other is None:
        word = ("absent", "present") if one is None else ("present", "absent")
        return [RowChange(name, (), (("table", word[0]),), (("table", word[1]),))]
    return [RowChange(name, (), (("columns", one),), (("columns", other),))]


def _table_changes(name: str, before: Table | None, after: Table | None) -> list[RowChange]:
    if after is None:
        return [RowChange(name, _key(before, row), _cells(before, row), None) for row in before.rows] if before else []
    stems, gone = origins(before, after)
    changes = [RowChange(name, _key(before, row), _cells(before, row), None) for row in gone if before]
    by_key = before is not None and keyed(before, after)
    for row, old in zip(after.rows, stems, strict=True):
        if old is None:
            changes.append(RowChange(name, _key(after, row), None, _cells(after, row)))
        elif by_key:
            changed = [index for index in range(len(row)) if encode(old[index]) != encode(row[index])]
            if changed:
                cells = (tuple((after.columns[index], values[index]) for index in changed) for values in (old, row))
                changes.append(RowChange(name, _key(after, row), *cells))
    return changes


def _key(table: Table | None, row: Row) -> tuple[tuple[str, object], ...]:
    return tuple(zip(table.key, key_of(table, row), strict=True)) if table else ()


def _cells(table: Table | None, row: Row) -> tuple[tuple[str, object], ...]:
    return tuple(zip(table.columns, row, strict=True)) if table else ()


def _order(change: RowChange) -> tuple[object, ...]:
    cells = change.key or (change.after if change.before is None else change.before) or ()
    return (
        tuple(order_of(value) for _, value in cells),
        change.before is not None,
        change.after is not None,
        repr(change),
    )

"""``Operation(partial=("orders",))``: a batch may be done in part, row by row, but each row wholly or not at all; and
what is done wholly with other new rows.

Pure. The tables that are not named are judged by the invariants alone, which are then required.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from acidity.analysis.masks import Masks
from acidity.analysis.pairing import key_of
from acidity.analysis.texts import Texts
from acidity.analysis.values import encode
from acidity.core.outcome import Row, State, Table

_MASKED = b"*"
_Hidden = Mapping[str, Callable[[object], bytes]]  # what is still shown of a masked value
_Holds = Callable[[Table, Table, Table, _Hidden], bool]


def done_in_part(state: State, before: State, after: State, tables: Collection[str], masks: Masks) -> bool:
    """Whether in each of these tables every row is as before or as after.

    Rows are told apart by their primary key. Where the database makes that key they are counted: of each kind there are
    no fewer than before and after have both, and no more than one of them has.

    Args:
        state: the rows to judge.
        before: the rows before.
        after: the rows after the clean run.
        tables: the names of the tables that may be done in part.
        masks: what is not compared literally; a masked value is only compared as being there, and by
            what is literal in it.
    """
    return _in_each(tables, (state, before, after), masks, _one_in_part)


def _in_each(names: Iterable[str], states: tuple[State, State, State], masks: Masks, holds: _Holds) -> bool:
    """Whether something holds of each of these tables: of its rows in the three States, and of what is masked in it."""
    for name in names:
        tables = [each.tables[name] for each in states if name in each.tables]
        if len(tables) < len(states) or len({table.columns for table in tables}) > 1:
            return False
        state, before, after = tables
        if not holds(state, before, after, _hidden(name, masks)):
            return False
    return True


def _one_in_part(state: Table, before: Table, after: Table, hidden: _Hidden) -> bool:
    if state.key and not hidden.keys() & set(state.key):
        now, old, new = (_by_key(table, hidden) for table in (state, before, after))
        return all(now.get(key) in (old.get(key), new.get(key)) for key in {*now, *old, *new})
    kinds, least, most = (Counter(_shown(table, row, hidden) for row in table.rows) for table in (state, before, after))
    return all(
        min(least[kind], most[kind]) <= kinds[kind] <= max(least[kind], most[kind]) for kind in {*kinds, *least, *most}
    )


def _hidden(name: str, masks: Masks) -> _Hidden:
    made = masks.tokens | masks.times
    texts = Texts(masks.constants, made)
    found: dict[str, Callable[[object], bytes]] = {
        column: partial(texts.shown, (table, column)) for table, column in made if table == name
    }
    whole = masks.keys | masks.ignored | masks.documents | masks.copied
    return found | {column: lambda _: _MASKED for table, column in whole if table == name}


def _by_key(table: Table, hidden: _Hidden) -> Mapping[tuple[bytes, ...], tuple[bytes, ...]]:
    return {tuple(map(encode, key_of(table, row))): _shown(table, row, hidden) for row in table.rows}


def _shown(table: Table, row: Row, hidden: _Hidden) -> tuple[bytes, ...]:
    return tuple(
        hidden[column](value) if column in hidden and value is not None else encode(value)
        for column, value in zip(table.columns, row, strict=True)
    )


def other_new_rows(state: State, before: State, after: State, masks: Masks) -> bool:
    """Whether the rows are those after the clean run, but for new ones that are others, and as many, in each table.

    So a program that is told that a name is taken may have written the next one. A table without a key is to be the
    same.

    Args:
        state: the rows to judge.
        before: the rows before.
        after: the rows after the clean run.
        masks: what is not compared literally.
    """
    tables = state.tables.keys() | before.tables.keys() | after.tables.keys()
    return _in_each(tables, (state, before, after), masks, _others_are_new)


def _others_are_new(state: Table, before: Table, after: Table, hidden: _Hidden) -> bool:
    if not state.key:
        counted = (Counter(_shown(table, row, hidden) for row in table.rows) for table in (state, after))
        return next(counted) == next(counted)
    now, old, new = (_by_key(table, hidden) for table in (state, before, after))
    return len(now) == len(new) and all(now.get(key) == new.get(key) for key in old)

"""What a program makes of generated keys in other ways than as copies: a hash, a short link, a shard.

Such a value is no copy that could be renamed with its key, and it differs where the key does. What a key makes is known
from runs in which a row had that key; a value that is known so is as good as its key, and any other one is literal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from acidity.analysis.copies import Apart, with_texts
from acidity.analysis.masks import Column, Masks
from acidity.analysis.pairing import origins
from acidity.analysis.values import encode
from acidity.core.outcome import State, Table

Keys = tuple[tuple[str, int], ...]  # the columns of a row that hold keys of the database, with these
_AS_ITS_KEYS_HAVE_IT = "\0"


class Derived:
    """The values of such columns that are known.

    Args:
        seed: the rows before.
        masks: of clean runs.
        columns: those columns.
    """

    def __init__(self, seed: State, masks: Masks, columns: Iterable[Column]) -> None:
        self._seed, self._masks = seed, masks
        self._columns = set(columns)
        self._copies = {place: domain for place, _, domain in masks.copies}
        self._known: dict[tuple[Column, Keys], bytes] = {}
        self.version = 0

    def learn(self, state: State) -> None:
        """These are the rows after a clean run."""
        for place, keys, value in list(self._cells(state)):
            if (place, keys) not in self._known:
                self._known[place, keys] = encode(value)
            elif self._known[place, keys] != encode(value):
                self._columns.discard(place)  # it is not the key that makes it
            else:
                continue
            self.version += 1

    def rows(self, state: State) -> list[tuple[str, Keys]]:
        """The tables and keys of new rows with such values."""
        return list(dict.fromkeys((place[0], keys) for place, keys, _ in self._cells(state)))

    def unknown(self, state: State) -> list[tuple[str, Keys]]:
        """Those in which one is not known."""
        cells = ((place, keys) for place, keys, _ in self._cells(state))
        return list(dict.fromkeys((place[0], keys) for place, keys in cells if (place, keys) not in self._known))

    def said(self, answer: Any, state: State) -> Any:
        """An answer over these rows, in which a text that is known is compared as its key is."""
        found: dict[str, Apart] = {}
        for place, keys, value in self._cells(state) if self._columns else ():
            if isinstance(value, str):  # one that is not known is in no serial order's rows
                found[value] = Apart.made_of(place, keys[0][1])
        return with_texts(answer, lambda text, _: found.get(text, text)) if found else answer

    def of(self, state: State) -> State:
        """The rows, in which what is known is what its keys make of it."""
        tables = dict(state.tables)
        for name in {name for name, _ in self._columns} & tables.keys():
            tables[name] = replace(tables[name], rows=tuple(self._rows(name, tables[name])))
        return replace(state, tables=tables)

    def _rows(self, name: str, table: Table) -> Iterator[tuple[object, ...]]:
        for row in table.rows:
            keys = self._keys(name, table, row)
            yield tuple(
                _AS_ITS_KEYS_HAVE_IT if self._is_known((name, column), keys, cell) else cell
                for column, cell in zip(table.columns, row, strict=True)
            )

    def _is_known(self, place: Column, keys: Keys, cell: object) -> bool:
        return place in self._columns and self._known.get((place, keys)) == encode(cell)

    def _cells(self, state: State) -> Iterator[tuple[Column, Keys, object]]:
        for name in sorted({name for name, _ in self._columns} & state.tables.keys()):
            table = state.tables[name]
            old = origins(self._seed.tables.get(name), table)[0]
            for row, before in zip(table.rows, old, strict=True):
                keys = self._keys(name, table, row)
                for column, cell in zip(table.columns, row, strict=True):
                    if before is None and keys and (name, column) in self._columns:
                        yield (name, column), keys, cell

    def _keys(self, name: str, table: Table, row: tuple[object, ...]) -> Keys:
        """Those that the row has, and copies of others in columns of their own."""
        cells = zip(table.columns, row, strict=True)
        places = self._masks.keys | self._copies.keys()
        return tuple((column, cell) for column, cell in cells if (name, column) in places and type(cell) is int)

    def domains(self, state: State, name: str, keys: Keys) -> dict[str, int]:
        """The keys of a row by what they are keys of."""
        found: dict[str, int] = {}
        for column, key in keys:
            table, at = name, column
            while refers := state.tables[table].references.get(at):
                table, at = refers
            found[self._copies.get((name, column), f"{table}.{at}")] = key
        return found

"""The rows without what ``ignore=`` leaves out, where they are compared as they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from acidity.analysis.documents import ROOT, document, is_binary, parts, split
from acidity.core.outcome import State, Table


def without(state: State, ignore: Sequence[str]) -> State:
    """The rows without these columns, parts of documents and whole tables.

    Args:
        state: the rows.
        ignore: as ``"table.column"``, ``"table.column.$.path"`` or ``"table.*"``.
    """
    if not ignore:
        return state
    paths: dict[str, set[str]] = {}
    for name in ignore:
        column, path = split(name)
        paths.setdefault(column, set()).add(path)
    kept = {name: _table(name, table, paths) for name, table in state.tables.items() if f"{name}.*" not in paths}
    return replace(state, tables=kept)


def _table(name: str, table: Table, paths: dict[str, set[str]]) -> Table:
    left_out = {column: paths[f"{name}.{column}"] for column in table.columns if f"{name}.{column}" in paths}
    if not left_out:
        return table
    whole = {column for column, inside in left_out.items() if "" in inside}
    columns = tuple(column for column in table.columns if column not in whole)
    rows = [
        tuple(
            _inside(value, left_out.get(column, ()))
            for column, value in zip(table.columns, row, strict=True)
            if column not in whole
        )
        for row in table.rows
    ]
    references = {column: target for column, target in table.references.items() if column not in whole}
    key = () if whole & {*table.key} else table.key
    return replace(table, columns=columns, key=key, references=references, rows=tuple(sorted(rows, key=repr)))


def _inside(value: Any, paths: Collection[str]) -> Any:
    """A document without these parts, as text or bytes; any other value as it is."""
    found = document(value) if paths else None
    if found is None:
        return value
    text = json.dumps(_cut(found, ROOT, paths), sort_keys=True, default=repr)
    return text.encode() if is_binary(value) else text


def _cut(value: Any, path: str, paths: Collection[str]) -> Any:
    if not isinstance(value, dict | list):
        return value
    kept = [(name, _cut(part, inner, paths)) for inner, name, part in parts(value, path) if inner not in paths]
    return dict(kept) if isinstance(value, dict) else [part for _, part in kept]

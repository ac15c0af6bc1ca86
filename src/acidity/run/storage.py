"""Tables of MariaDB that have no transactions: what is written to them stays after ROLLBACK, without a word.

MyISAM, MEMORY, CSV and others; ``information_schema.engines`` says which (mariadb.com/kb/en/rollback: "only
transactional storage engines"). Each table is asked for once in a process: a view for the tables behind it, and all for
what their triggers, and procedures that are called, write to.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Connection

from acidity.engines.mariadb.speech import SPEECH
from acidity.engines.mariadb.storage import procedure_body, trigger_bodies, without_transactions

_NAME = r"(?:`[^`]+`|[\w$]+)"
_QUALIFIED = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
_MODIFIERS = r"(?:low_priority|delayed|high_priority|quick|ignore|history)"
_IS = re.IGNORECASE | re.DOTALL
_STRING = re.compile(r"'(?:\\.|''|[^'\\])*'|\"(?:\\.|\"\"|[^\"\\])*\"", re.DOTALL)
_INNERMOST = re.compile(r"\([^()]*\)")
_ADDS = re.compile(rf"(?:insert|replace)\s+(?:{_MODIFIERS}\s+)*(?:into\s+)?({_QUALIFIED})", _IS)
_LOADS = re.compile(rf"load\s.*?\binto\s+table\s+({_QUALIFIED})", _IS)
_UPDATES = re.compile(rf"update\s+(?:{_MODIFIERS}\s+)*(?P<tables>.*?)\bset\b(?P<assigned>.*)", _IS)
_DELETES = re.compile(rf"delete\s+(?:{_MODIFIERS}\s+)*(?P<named>.*?)\b(?:from|using)\b(?P<tables>.*)", _IS)
_DELETES_USING = re.compile(rf"delete\s+(?:{_MODIFIERS}\s+)*from\s+(?P<named>.*?)\busing\b(?P<tables>.*)", _IS)
_NEXT = re.compile(r",|\b(?:straight_)?join\b", re.IGNORECASE)
_SELECTS = re.compile(r"\b(?:select|values)\b", re.IGNORECASE)
_LISTS = re.compile(r"(?:\b(?:update|from|using|join)|,|\()\s*$", re.IGNORECASE)
_ENDS = re.compile(r"\b(?:where|order\s+by|limit|returning)\b", re.IGNORECASE)
_REFERENCE = re.compile(rf"\s*({_QUALIFIED})(?:\s+(?:as\s+)?({_NAME}))?", re.IGNORECASE)
_NO_ALIAS = frozenset(
    [
        "on",
        "using",
        "left",
        "right",
        "inner",
        "cross",
        "natural",
        "partition",
        "for",
        "force",
        "use",
        "ignore",
        "set",
        "where",
        "limit",
    ]
)
_ASSIGNED = re.compile(rf"(?:^|,)\s*(?:({_QUALIFIED})\s*\.\s*)?{_NAME}\s*=", _IS)
_CALLS = re.compile(rf"\bcall\s+({_QUALIFIED})", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:insert|replace|update|delete|load)\b[^;]*", re.IGNORECASE)
Table = tuple[str | None, str]
_transactional: weakref.WeakKeyDictionary[Any, set[Table]] = weakref.WeakKeyDictionary()
_procedures: weakref.WeakKeyDictionary[Any, set[Table]] = weakref.WeakKeyDictionary()


@lru_cache(maxsize=4096)
def written_tables(sql: str) -> tuple[Table, ...]:
    """The schemas and tables that a statement may write to; none for other statements.

    >>> written_tables("INSERT INTO `shop`.`orders` VALUES (1)"), written_tables("SELECT 1")
    ((('shop', 'orders'),), ())
    >>> written_tables("UPDATE a JOIN b AS c ON a.i = c.i SET c.i = 1")
    ((None, 'b'),)
    """
    if not SPEECH.meaning(sql).writes:
        return ()
    text = _STRING.sub("''", SPEECH.bare(sql))
    if found := _ADDS.match(text) or _LOADS.match(text):
        return (_table(found[1]),)
    text = _without_subqueries(text)
    if found := _UPDATES.match(text):
        assigned: list[str | None] = [each[1] for each in _ASSIGNED.finditer(found["assigned"])]
        return _chosen(_references(found["tables"]), assigned)
    found = _DELETES_USING.match(text) or _DELETES.match(text)
    if found is None:
        return ()
    tables = _references(_ENDS.split(found["tables"])[0])
    named = [each.strip().removesuffix(".*").strip() for each in found["named"].split(",") if each.strip()]
    return _chosen(tables, [*named] or [None])


def _without_subqueries(text: str) -> str:
    """What stands in brackets does so without them, unless it is a query or the arguments of a function."""
    while (bracket := _INNERMOST.search(text)) is not None:
        before, inside, after = text[: bracket.start()], bracket[0][1:-1], text[bracket.end() :]
        tables = _LISTS.search(before) and not _SELECTS.search(inside)
        text = f"{before} {inside if tables else ''} {after}"
    return text


def _references(text: str) -> dict[str, Table]:
    """The tables of a list or join, by the name that they go by in the statement."""
    found: dict[str, Table] = {}
    for piece in _NEXT.split(text):
        reference = _REFERENCE.match(piece)
        if reference is not None:
            table, alias = _table(reference[1]), reference[2]
            found[_bare(alias) if alias and alias.lower() not in _NO_ALIAS else table[1]] = table
    return found


def _chosen(tables: dict[str, Table], named: Sequence[str | None]) -> tuple[Table, ...]:
    """Those that are named; all, where a name leaves out which."""
    if len(tables) == 1 or None in named:
        return tuple(tables.values())
    names = [_table(each)[1] for each in named if each is not None]
    return tuple(dict.fromkeys(tables.get(name, (None, name)) for name in names))


def _table(name: str) -> Table:
    parts = [_bare(each) for each in re.findall(_NAME, name)]
    return (parts[0] if len(parts) > 1 else None, parts[-1])


def _bare(name: str) -> str:
    return name.strip().strip("`")


def untransactional(key: Any, connection: Connection, statement: str) -> str:
    """Why a write is to be refused, because ROLLBACK would leave it behind; empty for all others.

    Args:
        key: of the database.
        connection: of the unit.
        statement: about to be sent.
    """
    written, called = _transactional.setdefault(key, set()), _procedures.setdefault(key, set())
    pooled = connection._dbapi_connection
    tables, procedures = list(written_tables(statement)), _called(statement)
    while tables or procedures:
        if procedures:
            name = procedures.pop()
            body = "" if name in called else procedure_body(pooled, *name)
            called.add(name)
        else:
            name = tables.pop()
            if name in written:
                continue
            engine = without_transactions(pooled, *name)
            if engine is not None:
                return (
                    f"the table {name[1]!r} is of the storage engine {engine}, which has no transactions: what is "
                    f"written to it stays after ROLLBACK. ALTER TABLE … ENGINE=InnoDB, or write to it outside of the "
                    f"unit"
                )
            written.add(name)
            body = trigger_bodies(pooled, *name)
        body = _STRING.sub("''", SPEECH.bare(body))
        for inside in _WRITES.findall(body):
            tables += _in(name[0], written_tables(inside))
        procedures += _in(name[0], _called(body))
    return ""


def _called(text: str) -> list[Table]:
    """The procedures that a statement or the body of another one calls."""
    return [_table(each) for each in _CALLS.findall(text)]


def _in(schema: str | None, names: Sequence[Table]) -> list[Table]:
    """Names in a trigger or procedure are of its own schema, if they name none."""
    return [(own or schema, name) for own, name in names]

"""The lanes of a run: who did what, in executed order, with what was read, who waited, and what each COMMIT changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from acidity.analysis.dependencies import Dependencies
from acidity.analysis.fetched import rows_of
from acidity.core.call import Call, Event, Kind
from acidity.core.lane import Move
from acidity.core.params import text_of
from acidity.core.row import was_asked_for
from acidity.core.turn import Trace
from acidity.prove.explore.lines import Lines

_LONG = 72
_ROWS_MAX = 3
_CAST = re.compile(r"::[A-Za-z]+(?:\(\d+\))?")
_NAMED = re.compile(r"%\((\w+)\)s|(?<![\w:]):(\w+)")
_PLACE = re.compile(r"\?|%s|\$\d+")
_TABLE = re.compile(r"(?:\bFROM|\bUPDATE|\bJOIN|\bINTO)\s+(\w+)", re.IGNORECASE)


def lanes_of(trace: Trace, graph: Dependencies, lines: Lines) -> tuple[Move, ...]:
    """The moves of a run; a Call that waited is there twice, when it was made and when it was answered."""
    committed = {id(commit.event): tuple(map(str, commit.changes)) for commit in graph.commits}
    by_place = {commit.event.order: tuple(map(str, commit.changes)) for commit in graph.commits}
    moves: list[Move] = []
    for turn in trace.turns:
        blocked = tuple(sorted(turn.waiting))
        if turn.call is None and turn.waits:
            moves.append(Move(turn.actor, "begins", None, "waits for another caller", (), blocked))
        elif turn.call is not None and not any(event.call is turn.call for event in turn.events):
            moves.append(
                Move(turn.actor, said(turn.call), lines.of(turn.call), _waits(turn.actor, turn.waiting), (), blocked)
            )
        for event in turn.events:
            late = "" if event.call is turn.call else "now: "
            changes = committed.get(id(event), by_place.get(event.order, ()))
            moves.append(
                Move(
                    event.call.actor, said(event.call), lines.of(event.call), late + result_of(event), changes, blocked
                )
            )
    return tuple(moves)


def _waits(actor: str, waiting: Mapping[str, frozenset[str]]) -> str:
    holders = sorted(name for name in waiting.get(actor, frozenset()) if name.isalpha())
    return f"waits for {' and '.join(holders)}" if holders else "waits"


def said(call: Call) -> str:
    """The Call in short, with its parameters in their places."""
    text = " ".join(call.sql.split()) or call.kind.value.upper()
    return text if call.kind is not Kind.STATEMENT else shortened(_plain(_filled(text, call.params)))


def _filled(text: str, params: object) -> str:
    """The text with the values of its parameters."""
    text = _CAST.sub("", text)
    if isinstance(params, Mapping):
        return _NAMED.sub(lambda name: text_of(params.get(name[1] or name[2], name[0])), text)
    if isinstance(params, Sequence) and not isinstance(params, str | bytes):
        if params and isinstance(params[0], Mapping | list | tuple):
            return f"{text}  × {len(params)}"
        values = iter(params)
        return _PLACE.sub(lambda place: text_of(next(values, place[0])), text)
    return text


def _plain(text: str) -> str:
    """Without what tells nothing: the name of the only table before each column, and long lists of columns."""
    tables = set(_TABLE.findall(text))
    if len(tables) == 1:
        text = re.sub(rf"\b{re.escape(tables.pop())}\.(?=\w)", "", text)
    head, separator, rest = text.partition(" FROM ")
    if separator and head.upper().startswith("SELECT") and len(head) > 24 and "(" not in head:
        return f"SELECT … FROM {rest}"  # noqa: S608 - to be read, not sent
    return text


def result_of(event: Event) -> str:
    """What came of it."""
    reply = event.reply
    if reply.status != "ok":
        return f"error {reply.code}" if reply.code else shortened(reply.error)
    if event.call.kind is not Kind.STATEMENT:
        return "ok"
    if event.call.writes and reply.rowcount is not None and reply.rowcount >= 0:
        return f"{reply.rowcount} row{'' if reply.rowcount == 1 else 's'}"
    if reply.rows is None or (event.call.writes and not was_asked_for(reply.rows)):
        return "ok"
    if not was_asked_for(reply.rows):
        return "no row was fetched"
    rows = [", ".join(map(repr, row)) for row in rows_of(event)[:_ROWS_MAX]]
    more = ", …" if len(reply.rows) > _ROWS_MAX else ""
    return shortened(f"read ({'), ('.join(rows)}){more}") if rows else "read nothing"


def shortened(text: str) -> str:
    """At most one line of it."""
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"

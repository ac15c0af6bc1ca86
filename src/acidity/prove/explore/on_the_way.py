"""Calls that commit on their way, as a procedure with COMMIT between two statements: no other caller is let in between,
and what he would find there is not known. A violation that is found all the same is one.

A procedure that is one transaction, with COMMIT at its end, has nothing in between. On MariaDB, outside a transaction,
each statement of a procedure is one by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from acidity.core.call import Call, Event
from acidity.core.lexis import Lexis
from acidity.engines.base import Sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.engines.speech import speech_of
from acidity.prove.telling.shorten import shorten

_CALLS = re.compile(r"\bcall\s+(?:[\"`]?[\w$]+[\"`]?\s*\.\s*)?[\"`]?([\w$]+)", re.IGNORECASE)
_BLOCK = re.compile(r"\s*do\b.*?\$(\w*)\$(.*)\$\1\$", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(r"\bcommit\b|\brollback\b(?! (?:work |transaction )?to\b)")
_BEGINS = re.compile(r"\bstart transaction\b")
_LOOKS = re.compile(r"\b(?:select|insert|update|delete|replace into|merge|call|execute)\b")
_REPEATS = re.compile(r"(?<!end )\b(?:loop|while|repeat(?! ?\())\b|\bfor\b.* do\b")
_REPEATED = re.compile(r"\bend (?:loop|while|repeat|for)\b")
_ROUTINES = (  # to the standard a database is a catalog; to MariaDB it is a schema
    "SELECT routine_definition FROM information_schema.routines "
    "WHERE lower(routine_name) = lower(%s) AND %s IN (routine_catalog, routine_schema)"
)
_NESTED_MAX = 8


def commits_on_the_way(events: Iterable[Event], parts: Iterable[Sandbox]) -> list[str]:
    """Which of these do, a sentence each.

    Args:
        events: of callers that came one by one.
        parts: the databases.
    """
    servers = {part.name: part for part in parts if isinstance(part, HostedSandbox)}
    opaque: dict[tuple[object, str], Call] = {}
    for event in events:
        call = event.call
        if call.opaque and not call.many and event.reply.status == "ok" and call.database in servers:
            opaque.setdefault((call.site, call.sql), call)
    return [
        f"the database commits inside this call, {shorten(call.label)!r}{f' at {call.site}' if call.site else ''}: no "
        f"other caller is let in between"
        for call in opaque.values()
        if _commits_between(call, servers[call.database])
    ]


def _commits_between(call: Call, server: HostedSandbox) -> bool:
    lexis = speech_of(server.engine_name).lexis
    block = _BLOCK.match(lexis.bare(call.sql))
    texts = _unfolded(lexis, call.sql if block is None else block[2], server, _NESTED_MAX)
    alone = call.autocommit and server.engine_name == "mariadb"
    return is_in_parts([lexis.skeleton(text) for text in texts], alone=alone)


def is_in_parts(texts: Iterable[str], *, alone: bool) -> bool:
    """Whether two statements that look at rows are of two transactions.

    Args:
        texts: what stands between semicolons, in small letters, with the statements of procedures in their place.
        alone: each statement that stands in no transaction is one by itself.

    >>> is_in_parts(["update a set v = 1", "update a set v = 2", "commit"], alone=False)
    False
    >>> is_in_parts(["update a set v = 1", "commit", "update a set v = 2"], alone=False)
    True
    """
    units, depth, again, begun = [0], 0, False, not alone
    for text in texts:
        depth += bool(_REPEATS.search(text)) - bool(_REPEATED.search(text))
        made = len(units)
        if _BEGINS.search(text):
            begun = True
            units.append(0)
        elif _ENDS.search(text):
            begun = not alone
            units.append(0)
        elif _LOOKS.search(text):
            units[-1] += 1
            if not begun:
                units.append(0)
        again = again or (depth > 0 and len(units) > made)
    return sum(map(bool, units)) > 1 or (again and any(units))


def _unfolded(lexis: Lexis, body: str, server: HostedSandbox, left: int) -> list[str]:
    """Its statements, with those of procedures that it calls in their place."""
    found: list[str] = []
    for text in lexis.parts(body):
        called = _CALLS.search(text) if left else None
        rows = [] if called is None else server.ask(_ROUTINES, (called[1], server.database))
        inner = [each for (routine,) in rows for each in _unfolded(lexis, str(routine or ""), server, left - 1)]
        found += inner or [text]
    return found

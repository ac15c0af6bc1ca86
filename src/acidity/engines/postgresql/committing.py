"""How often a Call committed on PostgreSQL: the transactions that the rows name, and those that were begun at all.

Each row names the transaction that wrote it (``xmin``), so two names that are new are two commits, unless a block with
EXCEPTION made a subtransaction. A row that was written twice names only the last one, and one that is deleted none: so
*once* rests on the server's having begun at most one transaction that writes, or on procedures that hold no COMMIT.
"""

from __future__ import annotations

import re
from typing import Any

from acidity.core.call import Call
from acidity.engines.committing import Answer, Commits
from acidity.engines.hosted import HostedSandbox
from acidity.engines.postgresql.speech import SPEECH

_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_CAN_COMMIT = re.compile(r"\b(commit|execute|call|dblink\w*)\b", re.IGNORECASE)
_PROCEDURES = """
SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.prokind = 'p' AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
AND (l.lanname NOT IN ('sql', 'plpgsql') OR p.prosrc ~* '\\m(commit|execute|call|dblink)')
"""


def asking(sandbox: HostedSandbox, connection: Any, call: Call) -> Answer:
    """Note which transaction comes next."""
    if sandbox.in_transaction(connection):
        # CALL and DO may not commit in a transaction block, and an executemany is a part of it.
        inside = Commits.SEVERAL if SPEECH.meaning(call.sql).commits else Commits.ONCE
        return lambda: inside
    following = int(sandbox.ask(_NEXT)[0][0])

    def answer() -> Commits:
        if int(sandbox.ask(_NEXT)[0][0]) - following <= 1 or _cannot_commit(sandbox, call):
            return Commits.ONCE
        if len(_writers(sandbox, following)) > 1:
            return Commits.SEVERAL
        return Commits.ONCE if call.many and _sends_many_at_once(connection) else Commits.UNSURE

    return answer


def _sends_many_at_once(connection: Any) -> bool:
    """Whether the driver's ``executemany`` is one transaction by its documentation: psycopg 3's pipeline, asyncpg's."""
    driver = getattr(connection, "driver_connection", None) or connection
    return type(driver).__module__.partition(".")[0] in {"psycopg", "asyncpg"}


def _cannot_commit(sandbox: HostedSandbox, call: Call) -> bool:
    """Whether it is one statement, and no code that it could run holds a COMMIT of its own."""
    statements = SPEECH.statements(call.sql)
    if call.many or len(statements) != 1 or not statements[0].startswith(("call ", "do ")):
        return False
    if statements[0].startswith("do "):
        return not _CAN_COMMIT.search(call.sql)
    return not sandbox.ask(_PROCEDURES)[0][0]


def _writers(sandbox: HostedSandbox, following: int) -> set[str]:
    """The transactions from `following` on that wrote the rows that are there now."""
    found: set[str] = set()
    for shape in sandbox.shapes.values():
        if shape.derived:
            continue
        ask = f"SELECT DISTINCT xmin::text FROM {shape.place} WHERE xmin::text::bigint >= %s"
        found.update(row[0] for row in sandbox.ask(ask, (following % 2**32,)))
    return found

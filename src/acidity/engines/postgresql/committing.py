"""How often a Call committed on PostgreSQL: the transactions that its session has gone through, and those that wrote.

A session numbers its transactions (the second half of ``virtualtransaction``), so the distance of two numbers tells how
many there were in between, whatever other sessions do. Where there was one, it committed once. Where there were several
(a procedure that ends with COMMIT goes on in another one, which is empty), the next clean run counts by triggers which
of them wrote a row.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from acidity.core.call import Call
from acidity.core.row import cells_of
from acidity.engines.committing import Answer, Commits
from acidity.engines.postgresql.sandbox import PostgresqlSandbox
from acidity.engines.postgresql.session import plain_cursor
from acidity.engines.postgresql.speech import SPEECH
from acidity.engines.postgresql.writers import Writers

_NUMBER = """
SELECT split_part(virtualtransaction, '/', 2)::bigint FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'virtualxid' AND granted
"""


def asking(sandbox: PostgresqlSandbox, connection: Any, call: Call) -> Answer:
    """Note the number of the session's transaction, and count writers where one run has shown several transactions."""
    if sandbox.in_transaction(connection):
        # CALL and DO may not commit in a transaction block, and an executemany is a part of it.
        inside = Commits.SEVERAL if SPEECH.meaning(call.sql).commits else Commits.ONCE
        return lambda: inside
    before = _number(sandbox, connection)
    writers = Writers(sandbox) if call.sql in sandbox.in_several else None

    def answer() -> Commits:
        wrote = writers.count() if writers is not None else None
        is_open = bool(sandbox.in_transaction(connection))
        transactions = _number(sandbox, connection) - before - (not is_open)
        if transactions <= 1:
            return Commits.ONCE
        if is_open:
            return Commits.SEVERAL
        sandbox.in_several.add(call.sql)
        if wrote is None:
            return Commits.UNSURE
        return Commits.ONCE if wrote <= 1 else Commits.SEVERAL

    return answer


def _number(sandbox: PostgresqlSandbox, connection: Any) -> int:
    """The number of the transaction that is open; where none is, of one that is begun for the question."""
    is_open = sandbox.in_transaction(connection)
    cursor = plain_cursor(connection)
    try:
        cursor.execute(_NUMBER)
        row = cursor.fetchone()
    finally:
        with suppress(Exception):
            cursor.close()
        if not is_open and not sandbox.commits_by_itself(connection):
            connection.rollback()
    return int(cells_of(row)[0])

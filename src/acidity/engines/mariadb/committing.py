"""How often a Call committed on MariaDB: the session's own counters of statements, which count inside procedures too.

Nothing names the transaction that wrote a row, but ``Com_commit``, ``Com_update`` and the like tell which statements a
CALL or an EXECUTE has carried out. Outside a transaction each of them commits by itself. In which order they came is
read from the text of the procedure where a START TRANSACTION is among them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from acidity.core.call import Call
from acidity.core.row import cells_of
from acidity.engines.committing import Answer, Commits
from acidity.engines.hosted import HostedSandbox
from acidity.engines.mariadb.speech import SPEECH

_WRITES = {
    "insert",
    "insert_select",
    "update",
    "update_multi",
    "delete",
    "delete_multi",
    "replace",
    "replace_select",
    "load",
}
_NEITHER = re.compile(
    r"(select|call_procedure|set_option|stmt_\w+|execute_\w+|prepare_sql|dealloc_sql|show_\w+|savepoint|rollback\w*"
    r"|release_savepoint|signal|resignal|get_diagnostics|compound_sql|do|\w+_temporary_\w+|multi|empty_query|checksum"
    r"|kill|change_db|help|ha_\w+|explain_\w+|purge\w*)$"
)
_CALLED = re.compile(r"call\s+(?:[`\w$]+\s*\.\s*)?`?([\w$]+)`?", re.IGNORECASE)
_BEGINS = re.compile(r"\bstart transaction\b")
_COMMITS = re.compile(r"\bcommit\b")
# A loop may write in any order, so it has to lie inside the transaction as a write does.
_WRITTEN = re.compile(
    r"\b(insert|update|delete|replace|load data|loop|while|repeat|until|(?<!handler )(?<!cursor )for)\b"
)
_OTHER = re.compile(r"\b(call|execute|create|drop|alter|truncate|rename|lock|grant|autocommit)\b")


@dataclass(frozen=True, slots=True)
class _Carried:
    """Which statements were carried out: commits, beginnings, writes, and those that commit implicitly."""

    commits: int
    begins: int
    writes: int
    ends: int


def asking(sandbox: HostedSandbox, connection: Any, call: Call) -> Answer:
    """Note the counters, and how the transaction stands."""
    was_open, autocommit = sandbox.in_transaction(connection), sandbox.commits_by_itself(connection)
    before = _counters(connection)

    def answer() -> Commits:
        carried = _carried_out(_counters(connection) - before)
        is_open = bool(sandbox.in_transaction(connection))
        once = _is_one(carried, was_open=bool(was_open), autocommit=autocommit, is_open=is_open)
        if once is None:
            once = _is_one_transaction(_body(sandbox, call))
        return Commits.ONCE if once else Commits.SEVERAL

    return answer


def _is_one(carried: _Carried, *, was_open: bool, autocommit: bool, is_open: bool) -> bool | None:
    """Whether at most one commit of changes took place; None where that depends on the order of the statements."""
    if was_open:
        return not (carried.commits or carried.begins or carried.ends)
    if carried.ends or not carried.writes:
        return carried.ends <= (0 if carried.writes else 1)
    if carried.begins:
        return None if (carried.begins, carried.commits, is_open) == (1, 1, False) else False
    if autocommit:
        return carried.writes == 1
    return carried.commits == 0 or (carried.commits == 1 and not is_open)


def _is_one_transaction(body: str) -> bool:
    """Whether START TRANSACTION stands before every write and COMMIT after it, each once."""
    text = SPEECH.lexis.skeleton(body)
    begins, commits = ([found.start() for found in pattern.finditer(text)] for pattern in (_BEGINS, _COMMITS))
    written = [found.start() for found in _WRITTEN.finditer(text)]
    if len(begins) != 1 or len(commits) != 1 or not written or _OTHER.search(text):
        return False
    return begins[0] < written[0] and written[-1] < commits[0]


def _body(sandbox: HostedSandbox, call: Call) -> str:
    """The statements that the Call carries out: those of the procedure, or its own."""
    text = SPEECH.bare(call.sql)
    if called := _CALLED.match(text):
        ask = (
            "SELECT routine_definition FROM information_schema.routines WHERE routine_schema = %s AND routine_name = %s"
        )
        rows = sandbox.ask(ask, (sandbox.database, called[1]))
        return str(rows[0][0]) if rows and rows[0][0] else ""
    return text


def _counters(connection: Any) -> Counter[str]:
    cursor = connection.cursor()
    try:
        cursor.execute(r"SHOW SESSION STATUS LIKE 'Com\_%'")
        rows = [cells_of(row) for row in cursor.fetchall()]
    finally:
        cursor.close()
    return Counter({str(name).removeprefix("Com_").lower(): int(value) for name, value in rows})


def _carried_out(counted: Counter[str]) -> _Carried:
    writes = sum(count for name, count in counted.items() if name in _WRITES)
    commits, begins = counted["commit"] + counted["xa_commit"], counted["begin"] + counted["xa_start"]
    known = _WRITES | {"commit", "xa_commit", "begin", "xa_start"}
    ends = sum(count for name, count in counted.items() if name not in known and not _NEITHER.match(name))
    return _Carried(commits, begins, writes, ends)

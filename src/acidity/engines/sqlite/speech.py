"""What texts and error codes mean to SQLite (sqlite.org/lang.html, sqlite.org/rescode.html)."""

from __future__ import annotations

import re

from acidity.core.call import Kind
from acidity.core.lexis import Lexis
from acidity.engines.speech import MAY_WRITE, READS, WRITES, ErrorClass, Meaning, Speech

_EXPLAIN = re.compile(r"explain\b")
_WRITE = re.compile(r"(insert|update|delete|replace|create|drop|alter)\b")
_OF_THIS_SESSION = re.compile(r"(create|drop)( table if exists)? temp(orary)?\b")
# PRAGMAs that change what the file says; the others set the connection, ask, or keep house, as VACUUM, ANALYZE and
# REINDEX do, which change no row.
_PRAGMA = re.compile(
    r'pragma (?:(?:"\?"|\w+) ?\. ?)?(?:user_version|application_id|schema_version|encoding|auto_vacuum) ?[=(]'
)
_IN_WITH = re.compile(
    r"\b(insert (or \w+ )?into|replace into|delete from)\b|\bupdate (or \w+ )?(\"\?\"|[\w$.]+)[^()]*? set\b"
)


def _statement(text: str) -> Meaning:
    if not text or _EXPLAIN.match(text):  # EXPLAIN carries nothing out
        return READS
    if _OF_THIS_SESSION.match(text) or _PRAGMA.match(text):
        return MAY_WRITE
    if _WRITE.match(text) or (text.startswith("with ") and _IN_WITH.search(text)):
        return WRITES
    return READS  # functions are the program's own Python: what they ask of a database are Calls themselves


SPEECH = Speech(
    engine="sqlite",
    lexis=Lexis(),
    control=(
        (r"begin\b", Kind.BEGIN),
        (r"rollback( transaction)? to\b", Kind.ROLLBACK_TO),
        (r"(commit|end)\b", Kind.COMMIT),
        (r"rollback\b", Kind.ROLLBACK),
        (r"savepoint\b", Kind.SAVEPOINT),
        (r"release\b", Kind.RELEASE),
    ),
    undivided=r"(explain (query plan )?)?create (temp |temporary )?trigger\b",
    statement=_statement,
    begins_by_committing=True,
    savepoint_begins=True,
    errors={
        "SQLITE_BUSY": ErrorClass.BUSY,
        "SQLITE_BUSY_RECOVERY": ErrorClass.BUSY,
        "SQLITE_BUSY_SNAPSHOT": ErrorClass.SERIALIZATION,
        "SQLITE_BUSY_TIMEOUT": ErrorClass.BUSY,
        "SQLITE_CONSTRAINT": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_CHECK": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_DATATYPE": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_FOREIGNKEY": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_NOTNULL": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_PRIMARYKEY": ErrorClass.DUPLICATE,
        "SQLITE_CONSTRAINT_ROWID": ErrorClass.DUPLICATE,
        "SQLITE_CONSTRAINT_TRIGGER": ErrorClass.CONSTRAINT,
        "SQLITE_CONSTRAINT_UNIQUE": ErrorClass.DUPLICATE,
        "SQLITE_INTERRUPT": ErrorClass.CANCELLED,
    },
)

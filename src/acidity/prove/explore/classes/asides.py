"""Texts that ask or set something beside rows: settings of the session, and what SQLite tells of its file."""

from __future__ import annotations

import re

from acidity.core.lexis import Lexis

_LEXIS = Lexis()  # of SQLite
# PostgreSQL takes no snapshot for SHOW or SET, which any SELECT makes it do.
_IDLE = {
    "sqlite": re.compile(
        r"\s*pragma\s+(?:read_uncommitted(?:\s*[=(]\s*(?:0|no|off|false)\s*\)?)?\s*;?\s*$"  # not one that reads so
        r"|busy_timeout\s*[=(]\s*[1-9]\d{0,8}\s*\)?\s*;?\s*$"  # not none, with which nobody waits
        r"|(?:foreign_keys|query_only|legacy_alter_table|cache_size|temp_store|mmap_size"
        r"|synchronous|case_sensitive_like|recursive_triggers|automatic_index|cell_size_check|trusted_schema"
        r"|reverse_unordered_selects|ignore_check_constraints|journal_size_limit|analysis_limit)\b)",
        re.IGNORECASE,
    ),
    "postgresql": re.compile(
        r"\s*(?:show\s+(?:transaction\s+isolation\s+level|[\w.]+)|set\s+transaction\s+read\s+(?:only|write))\s*;?\s*$",
        re.IGNORECASE,
    ),
    "mariadb": re.compile(
        r"\s*(?:show\s+(?:(?:session|global)\s+)?variables\b[^;]*|show\s+warnings"
        r"|set\s+transaction\s+read\s+(?:only|write))\s*;?\s*$",
        re.IGNORECASE,
    ),
}
# Of the tables of SQLite and of the head of its file; as a question to `sqlite_master`.
_OF_THE_FILE = re.compile(
    r"\s*pragma\s+(?:main\s*\.\s*)?(?:(?:table_x?info|index_list|index_x?info|foreign_key_list)\s*\([^()]*\)"
    r"|auto_vacuum|page_size|user_version|application_id|schema_version|encoding|journal_mode)\s*;?\s*$",
    re.IGNORECASE,
)
# These of them may look at no page, so that a transaction does not begin to see rows by them.
_PAST_IT = re.compile(
    r"\s*pragma\s+(?:main\s*\.\s*)?(?:index_x?info|foreign_key_list|auto_vacuum|page_size|encoding|journal_mode)\b",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"pragma\s+(?:main\s*\.\s*)?journal_mode\s*[=(]\s*(?P<quote>['\"]?)(?P<mode>\w+)(?P=quote)\s*\)?\s*;?",
    re.IGNORECASE,
)
_MAKES = re.compile(
    r"create\s+(?:unique\s+)?(?P<kind>table|index|view)\s+if\s+not\s+exists\s+(?:(?:main|\"main\")\s*\.\s*)?"
    r"(?:\"(?P<quoted>[^\"]+)\"|\[(?P<bracketed>[^\]]+)\]|`(?P<ticked>[^`]+)`|(?P<plain>\w+))\s*(?:\(|on\b|as\b)",
    re.IGNORECASE,
)


def is_idle(sql: str, engine: str) -> bool:
    """Whether a text looks at no row, and its transaction does not begin to see rows by it."""
    return _IDLE[engine].match(sql) is not None


def asks_the_file(sql: str, engine: str) -> bool:
    """Whether a text asks what only a change of the schema, or of the file's head, changes."""
    return engine == "sqlite" and _OF_THE_FILE.match(sql) is not None


def may_look_past(sql: str) -> bool:
    """Whether a text that asks the file may be answered by what the connection knows already."""
    return _PAST_IT.match(sql) is not None


def made_unless_there(sql: str, engine: str) -> str:
    """What a text makes in SQLite's file, or sets of it, unless it is so already: ``table q``, ``journal_mode wal``; or
    nothing.

    Where it is there it takes no other lock than to ask for it. It is there all the time where it is before each run:
    whoever may change the schema is not put into classes.

    >>> made_unless_there('CREATE TABLE IF NOT EXISTS "Q" (id INTEGER)', "sqlite")
    'table q'
    """
    if engine != "sqlite" or len(_LEXIS.parts(sql)) != 1:
        return ""
    text = _LEXIS.bare(sql)
    if found := _JOURNAL.fullmatch(text):
        return f"journal_mode {found['mode']}".lower()
    if found := _MAKES.match(text):
        name = found["quoted"] or found["bracketed"] or found["ticked"] or found["plain"]
        return f"{found['kind']} {name}".lower() if name.isascii() else ""  # SQLite knows no other capitals
    return ""

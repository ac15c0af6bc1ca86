"""Texts that ask or set something beside rows: settings of the session, and what SQLite tells of its file."""

from __future__ import annotations

import re

# PostgreSQL takes no snapshot for SHOW or SET, which any SELECT makes it do.
_IDLE = {
    "sqlite": re.compile(
        r"\s*pragma\s+(?:read_uncommitted(?:\s*[=(]\s*(?:0|no|off|false)\s*\)?)?\s*;?\s*$"  # not one that reads so
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


def is_idle(sql: str, engine: str) -> bool:
    """Whether a text looks at no row, and its transaction does not begin to see rows by it."""
    return _IDLE[engine].match(sql) is not None


def asks_the_file(sql: str, engine: str) -> bool:
    """Whether a text asks what only a change of the schema, or of the file's head, changes."""
    return engine == "sqlite" and _OF_THE_FILE.match(sql) is not None

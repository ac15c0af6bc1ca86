"""Tell what a statement means from its first words: transaction control sent as text, a write, or a read."""

from __future__ import annotations

import re
from functools import lru_cache

from acidity.core.call import Kind

_LEADING_COMMENT = re.compile(r"\s*(?:--[^\n]*(?:\n|$)|/\*.*?\*/)", re.DOTALL)
_CONTROL: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"(begin|start\s+transaction|xa\s+(start|begin))\b", Kind.BEGIN),
        (r"rollback\s+(work\s+|transaction\s+)?to\b", Kind.ROLLBACK_TO),
        (r"prepare\s+transaction\b|xa\s+prepare\b", Kind.PREPARE),
        (r"(commit|end)\b|xa\s+commit\b", Kind.COMMIT),
        (r"(rollback|abort)\b|xa\s+rollback\b", Kind.ROLLBACK),
        (r"savepoint\b", Kind.SAVEPOINT),
        (r"release\b", Kind.RELEASE),
    )
)
_WRITE = re.compile(
    r"(insert|update|delete|replace|merge|truncate|create|drop|alter|call|do|load)\b"
    r"|copy\s+[^\s(]+\s*(\([^)]*\)\s*)?from\b",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_WRITE_IN_WITH = re.compile(
    r"\b(insert\s+into|update\s[^()]*?\bset|delete\s+from|replace\s+into|merge\s+into)\b", re.IGNORECASE
)
_OPAQUE = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_ROUTINE = re.compile(r"create\b.*\b(trigger|procedure|function|event)\b", re.IGNORECASE | re.DOTALL)
_DDL = re.compile(r"(create|drop|alter)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def without_comments(sql: str) -> str:
    """The statement from its first word on, leading comments and blanks removed."""
    while match := _LEADING_COMMENT.match(sql):
        sql = sql[match.end() :]
    return sql.lstrip()


@lru_cache(maxsize=4096)
def parts_of(sql: str) -> tuple[str, ...]:
    """The statements of a text that is sent as one request, each from its first word on; at least one.

    >>> parts_of("BEGIN; UPDATE t SET a = ';'; COMMIT;")
    ('BEGIN', "UPDATE t SET a = ';'", 'COMMIT')
    """
    text = without_comments(sql)
    if ";" not in text.rstrip("; \n") or _ROUTINE.match(text):
        return (text,)
    hidden = _OPAQUE.sub(lambda found: "x" * len(found[0]), text)
    ends = [found.start() for found in re.finditer(";", hidden)] + [len(text)]
    starts = [0, *(end + 1 for end in ends)]
    found = [without_comments(text[start:end]).rstrip() for start, end in zip(starts, ends, strict=False)]
    return tuple(filter(None, found)) or (text,)


@lru_cache(maxsize=4096)
def kind_of(sql: str) -> Kind:
    """The kind of Call that this text is; one that holds control and other statements is a statement.

    >>> kind_of("ROLLBACK TO SAVEPOINT a")
    <Kind.ROLLBACK_TO: 'rollback-to'>
    >>> kind_of("select 1")
    <Kind.STATEMENT: 'statement'>
    """
    kinds = [_kind_of_part(part) for part in parts_of(sql)]
    return Kind.STATEMENT if Kind.STATEMENT in kinds else kinds[0]


def _kind_of_part(text: str) -> Kind:
    for pattern, kind in _CONTROL:
        if pattern.match(text):
            return kind
    return Kind.STATEMENT


@lru_cache(maxsize=4096)
def commits_within(sql: str) -> bool:
    """Whether one of the statements of this text is a COMMIT."""
    return any(_kind_of_part(part) is Kind.COMMIT for part in parts_of(sql))


@lru_cache(maxsize=4096)
def is_write(sql: str) -> bool:
    """Whether this text asks the database to change rows or schema."""
    return any(map(_writes, parts_of(sql)))


def _writes(text: str) -> bool:
    if text[:4].lower() == "with":
        return bool(_WRITE_IN_WITH.search(_LITERAL.sub("''", text)))
    return bool(_WRITE.match(text))


@lru_cache(maxsize=4096)
def is_ddl(sql: str) -> bool:
    """Whether this text changes the schema."""
    return bool(_DDL.match(without_comments(sql)))

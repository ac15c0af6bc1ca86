"""What a pool asks of a connection before it gives it out, or when it has it back: settings, and what exists there."""

from __future__ import annotations

import re
from functools import lru_cache

from acidity.core.call import Kind, Writes
from acidity.engines.speech import only_reads, speech_of

_SETS = re.compile(r"(set|show|reset|discard|unlisten|close)\b")
_STORES = re.compile(r"select (?:pg_catalog ?\. ?)?set_config ?\([^()]*\)")
_SOURCES = re.compile(
    r"\b(?:from|join)\b((?:(?!\b(?:where|join|on|using|group|order|having|limit|union|left|right|inner|cross)\b)[^()])*)"
)
_OF_THE_SERVER = re.compile(r"(?:pg_catalog|information_schema)\.\w+|pg_\w+")


@lru_cache(maxsize=256)
def is_housekeeping(engine: str, kind: Kind, sql: str) -> bool:
    """Whether a Call sets its session or asks what the server is and has, so that it concerns no row of the program's.

    >>> is_housekeeping("postgresql", Kind.STATEMENT, "SET search_path TO app; SELECT oid FROM pg_type")
    True
    >>> is_housekeeping("postgresql", Kind.STATEMENT, "SELECT region FROM settings")
    False
    """
    if kind in {Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.PING}:
        return True
    statements = speech_of(engine).statements(sql)
    return kind is Kind.STATEMENT and all(_is_harmless(engine, each) for each in statements)


def _is_harmless(engine: str, statement: str) -> bool:
    speech = speech_of(engine)
    kind = speech.kind(statement)
    if kind is not Kind.STATEMENT:
        return kind in {Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK}
    if _SETS.match(statement) or _STORES.fullmatch(statement):
        return speech.meaning(statement).writes is Writes.NO
    if not only_reads(engine, Kind.STATEMENT, statement):
        return False
    sources = [each.split()[:1] for found in _SOURCES.finditer(statement) for each in found[1].split(",")]
    return all(_OF_THE_SERVER.fullmatch(name) for names in sources for name in names if name != "lateral")

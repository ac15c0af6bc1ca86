"""What can be asked once more in any committed state: the questions of a program, and whether another session may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acidity.core.call import Call

BEFORE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"  # spaces, lines and comments in front of a statement
ASKS = re.compile(rf"{BEFORE}(?:\({BEFORE})*(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|[()]|[\w$]+|\?|%s""")
_LOCKING = re.compile(
    r"\s+(?:for\s+(?:no\s+key\s+|key\s+)?(?:update|share)\b|lock\s+in\s+share\s+mode\b).*$", re.IGNORECASE | re.DOTALL
)
_COMMENT = re.compile(r"--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_STATEMENTS = frozenset({"select", "insert", "update", "delete", "replace", "values", "merge"})
_WRITES = frozenset({"insert", "update", "delete", "merge", "into"})
_CALLED = re.compile(r"([\w$]+)\s*\(")
# What may stand before a bracket in a part of a writing statement that is asked once more; all else may do something.
_WORDS = "select from where and or not in exists on as values by having when then else any all some with over union"
_FUNCTIONS = (
    "count sum min max avg coalesce nullif lower upper trim length abs round cast concat substr substring replace"
)
_HARMLESS = frozenset(f"{_WORDS} {_FUNCTIONS}".split())
_AROUND_LOCKS = re.compile(r"\bskip\s+locked\b[^']*$")
# Functions that take or leave a lock of the session, wait, or speak of the session itself: over another connection they
# would do it again, or wait for the callers, who wait until acidity has asked.
_OF_THE_SESSION = re.compile(
    r"\b(?:pg_(?:try_)?advisory_\w+|get_lock|release_(?:all_)?locks?|is_(?:free|used)_lock|(?:pg_)?sleep\w*|benchmark"
    r"|last_insert_id|lastval|currval|found_rows|row_count|connection_id|pg_backend_pid|changes|total_changes"
    r"|last_insert_rowid|master_pos_wait)\s*\(",
    re.IGNORECASE,
)
_FIRST_FEW = frozenset({"limit", "fetch", "offset"})
_BY_NAME = re.compile(r"%\((\w+)\)s|[:@$](\w+)")
_NUMBERED = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Query:
    """A question that can be asked in any committed state.

    Attributes:
        sql: its text, as the driver of the run took it.
        params: its parameters.
        table: the table whose rows a write touches; empty for a question of the program.
    """

    sql: str
    params: Any
    table: str = ""


def named(call: Call) -> Call:
    """A Call with numbered parameters as one with names, which every driver of that server but asyncpg takes."""
    if not _NUMBERED.search(call.sql) or not isinstance(call.params, Sequence) or isinstance(call.params, str):
        return call
    text = _NUMBERED.sub(r"%(p\1)s", call.sql.replace("%", "%%"))
    every = call.params if call.many else [call.params]
    params = [{f"p{number}": value for number, value in enumerate(each, start=1)} for each in every]
    return replace(call, sql=text, params=params if call.many else params[0])


def question_of(call: Call) -> Query | None:
    """The question that a reading Call asks, without the locks that it takes.

    None for one that is no query of rows, and for one whose answer hangs on who holds a lock and not on what was
    committed until then.
    """
    if call.many or call.writes or not may_be_asked(call.sql) or not ASKS.match(call.sql):
        return None
    return Query(without_locks(call.sql), call.params)


def unlimited(question: Query) -> Query | None:
    """A question that takes the first few of its rows, or those behind them, for all rows; None for any other one."""
    depth = parameters = 0
    for word in _WORD.finditer(question.sql):
        text = word[0].lower()
        depth += (text == "(") - (text == ")")
        if depth == 0 and text in _FIRST_FEW:
            whole, params = question.sql[: word.start()], question.params
            by_position = isinstance(params, Sequence) and not isinstance(params, str)
            return Query(whole, tuple(params[:parameters]) if by_position else parameters_in(whole, params))
        parameters += text in {"?", "%s"}
    return None


def without_locks(sql: str) -> str:
    """A question without the locks that it takes."""
    return _LOCKING.sub("", sql)


def may_be_asked(sql: str) -> bool:
    """Whether another session may ask it while the callers wait, and is answered by what was committed."""
    return not _AROUND_LOCKS.search(sql.lower()) and not _OF_THE_SESSION.search(sql)


def behind_ctes(sql: str) -> tuple[int, int]:
    """Where a statement begins behind its WITH, and how many parameters by position that has; zeros without one."""
    depth = parameters = 0
    for number, word in enumerate(_WORD.finditer(_COMMENT.sub(lambda found: " " * len(found[0]), sql))):
        text = word[0].lower()
        if number == 0 and text != "with":
            return 0, 0
        depth += (text == "(") - (text == ")")
        parameters += text in {"?", "%s"}
        if depth == 0 and text in _STATEMENTS:
            return word.start(), parameters
    return 0, 0


def is_harmless(text: str) -> bool:
    """Whether a part of a statement calls nothing that may do more than answer, and writes nothing itself."""
    words = [word[0].lower() for word in _WORD.finditer(text)]
    return _WRITES.isdisjoint(words) and all(name[1].lower() in _HARMLESS for name in _CALLED.finditer(text))


def parameters_in(text: str, params: Any) -> Any:
    """Those with names that a part of a text has; the others may be times or tokens, other ones in each run."""
    if not isinstance(params, Mapping):
        return params
    names = {name for found in _BY_NAME.finditer(text) for name in found.groups() if name}
    return {name: value for name, value in params.items() if name in names}

"""How a dialect of SQL writes comments, strings and names: what has to be known before a word of a text means anything.

`Lexis` is data; its methods are pure and read a text once from left to right, as the database itself does, so that a
COMMIT in a comment is none, and one after a comment is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

_EDGE = re.compile(r"/\*|\*/")
_EXECUTABLE = re.compile(r"/\*(M?)!(\d{5,6})?")
_NOTHING_HIDDEN = re.compile(r"[^'\"`\[$/#\-]*")
_OF_MYSQL_ONLY = range(50700, 100000)  # versions of MySQL for which MariaDB leaves a comment a comment


class _Token(NamedTuple):
    """A stretch of a text: ``code``, ``comment``, ``string`` or ``name``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Lexis:
    r"""The rules of one dialect.

    Attributes:
        line: a regular expression of what begins a comment that ends with its line.
        nests: a comment may hold comments; else it ends at the first ``*/``.
        executes: the database carries out what stands in ``/*! … */`` and ``/*M! … */``.
        strings: the quotes of strings, one character each.
        names: the opening quotes of names.
        backslashes: in strings a backslash takes the next character with it.
        escapes: only in ``E'…'`` it does.
        dollars: strings may stand between ``$tag$`` and ``$tag$``.
    """

    line: str = "--"
    nests: bool = False
    executes: bool = False
    strings: str = "'"
    names: str = '"`['
    backslashes: bool = False
    escapes: bool = False
    dollars: bool = False

    def bare(self, sql: str) -> str:
        """The text without its comments, from its first word on; strings and names as they were written.

        >>> Lexis(nests=True).bare("/* a /* b */ c */ SELECT 'x' -- y")
        "SELECT 'x'"
        """
        return _bare(self, sql)

    def parts(self, sql: str) -> tuple[str, ...]:
        """What stands between the semicolons of the text, without comments; the body of a trigger is in parts, too.

        >>> Lexis().parts("SELECT ';' /* a; b */; COMMIT;")
        ("SELECT ';'", 'COMMIT')
        """
        return _parts(self, sql)

    def tokens(self, sql: str) -> Iterator[tuple[str, str]]:
        """The text in stretches of ``code``, ``comment``, ``string`` or ``name``, each after its kind."""
        return _tokens(self, sql)

    def skeleton(self, sql: str) -> str:
        """The words of the text in small letters with single blanks; strings and names hold nothing any more.

        >>> Lexis().skeleton("UPDATE  t SET a = 'it''s; COMMIT' -- why")
        "update t set a = ''"
        """
        return _skeleton(self, sql)


@lru_cache(maxsize=4096)
def _bare(lexis: Lexis, sql: str) -> str:
    return "".join(" " if kind == "comment" else text for kind, text in _tokens(lexis, sql)).strip()


@lru_cache(maxsize=4096)
def _parts(lexis: Lexis, sql: str) -> tuple[str, ...]:
    parts = [""]
    for kind, text in _tokens(lexis, sql):
        if kind == "code":
            first, *others = text.split(";")
            parts[-1] += first
            parts.extend(others)
        else:
            parts[-1] += " " if kind == "comment" else text
    return tuple(filter(None, map(str.strip, parts)))


@lru_cache(maxsize=4096)
def _skeleton(lexis: Lexis, sql: str) -> str:
    hollow = {"comment": " ", "string": "''", "name": '"?"'}
    words = "".join(hollow.get(kind, text) for kind, text in _tokens(lexis, sql))
    return " ".join(words.split()).lower()


def _tokens(lexis: Lexis, sql: str) -> Iterator[_Token]:
    position, executing, pattern = 0, 0, _pattern(lexis)
    if _NOTHING_HIDDEN.fullmatch(sql):
        yield _Token("code", sql)
        return
    while found := pattern.search(sql, position):
        kind, start = str(found.lastgroup), found.start()
        yield _Token("code", sql[position:start])
        if kind == "close":
            position = start + 2 if executing else start + 1
            yield _Token("comment", "") if executing else _Token("code", "*")
            executing = max(0, executing - 1)
        elif kind == "block":
            executed = _EXECUTABLE.match(sql, start) if lexis.executes else None
            if executed and _is_carried_out(executed):
                executing += 1
                position = executed.end()
            else:
                position = _end_of_comment(sql, start + 2, nests=lexis.nests)
            yield _Token("comment", sql[start:position])
        else:
            position = found.end()
            yield _Token(kind, found[0])
    yield _Token("code", sql[position:])


def _is_carried_out(executed: re.Match[str]) -> bool:
    of_mariadb, version = executed[1], int(executed[2] or 0)
    return bool(of_mariadb) or version not in _OF_MYSQL_ONLY


def _end_of_comment(sql: str, position: int, *, nests: bool) -> int:
    depth = 1
    for edge in _EDGE.finditer(sql, position):
        if edge[0] == "*/":
            depth -= 1
        elif nests:
            depth += 1
        if depth == 0:
            return edge.end()
    return len(sql)


@cache
def _pattern(lexis: Lexis) -> re.Pattern[str]:
    """What hides words. A quote or comment that is never closed hides the rest of the text."""
    strings = [_quoted(quote, quote, backslashes=lexis.backslashes) for quote in lexis.strings]
    if lexis.escapes:
        strings.insert(0, r"(?<![\w$])[eE]" + _quoted("'", "'", backslashes=True))
    if lexis.dollars:
        strings.append(r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)")
    names = [_quoted(quote, {"[": "]"}.get(quote, quote), backslashes=False) for quote in lexis.names]
    parts = {"comment": rf"(?:{lexis.line})[^\n]*", "block": r"/\*", "close": r"\*/"}
    parts |= {"string": "|".join(strings), "name": "|".join(names)}
    return re.compile("|".join(f"(?P<{name}>{source})" for name, source in parts.items()), re.DOTALL)


def _quoted(opening: str, closing: str, *, backslashes: bool) -> str:
    opening, closing = re.escape(opening), re.escape(closing)
    plain = rf"[^{closing}\\]" if backslashes else rf"[^{closing}]"
    taken = rf"(?:\\.|{closing}{closing})" if backslashes else rf"{closing}{closing}"
    return rf"{opening}{plain}*(?:{taken}{plain}*)*(?:{closing}|\Z)"


NEUTRAL = Lexis()  # for what is the same everywhere

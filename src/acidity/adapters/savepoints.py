"""Savepoints of one connection to SQLite, where the first one may begin a transaction and its RELEASE commit it."""

from __future__ import annotations

import re

from acidity.core.call import Kind

_NAME = re.compile(
    r"""(?:\b(?:savepoint|release|to)\s+)(?!savepoint\b)
    (?:"(?P<double>(?:[^"]|"")*)"|'(?P<single>(?:[^']|'')*)'|`(?P<tick>[^`]*)`|\[(?P<bracket>[^\]]*)\]|(?P<bare>[\w$]+))""",
    re.IGNORECASE | re.VERBOSE,
)
_ENDS = frozenset({Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK})


def name_in(sql: str) -> str:
    """The name of the savepoint that a text is about, in small letters; nothing where there is none."""
    found = _NAME.search(sql)
    return "" if found is None else str(next(filter(None, found.groups()), "")).lower()


class Savepoints:
    """Their names, from the one that began the transaction on; none while BEGIN, or a write, has begun it.

    What was struck and never reached the database may stand here too: it is never the first one.
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: list[str] = []

    def kind_of(self, kind: Kind, sql: str, *, is_open: bool) -> Kind:
        """The kind that a Call of this kind has on this connection, and from now on it counts as made.

        Args:
            kind: by its words.
            sql: its text, without comments.
            is_open: whether a transaction is open before it.
        """
        if kind in _ENDS:
            self._names.clear()
            return kind
        name = name_in(sql)
        if not name:
            return kind
        if kind is Kind.SAVEPOINT:
            if not is_open:
                self._names = [name]
            elif self._names:
                self._names.append(name)
            return kind
        if not is_open or name not in self._names:
            return kind
        position = len(self._names) - 1 - self._names[::-1].index(name)
        del self._names[position + (kind is Kind.ROLLBACK_TO) :]
        return Kind.COMMIT if kind is Kind.RELEASE and position == 0 else kind

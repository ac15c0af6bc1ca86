"""Notice what reaches a SQLite file without passing the seam: bare connections, and statements on a raw one.

Two facts of CPython are used. Every `sqlite3.connect`, however it was imported, raises the audit events
``sqlite3.connect`` (before it opens; an exception there stops it) and ``sqlite3.connect/handle`` (with the connection).
And `Connection.set_trace_callback` is called for every statement. Both run in the thread and the context of whoever
opens or asks, so that they know whether these are acidity's own calls (`engines.own_calls`) whatever other actors do.
An audit hook can never be taken back, so it does nothing while no run is on.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from acidity.engines.audit import hear
from acidity.engines.own_calls import OWN
from acidity.engines.sqlite.speech import SPEECH


class Watch:
    """What bypassed the seam while a run was on, for one database file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on = False
        self._refuse: Callable[[str], None] = lambda _: None
        self._seen: list[str] = []
        self._unclaimed: dict[int, Any] = {}
        self._in_use: set[int] = set()

    @contextmanager
    def running(self, refuse: Callable[[str], None]) -> Iterator[list[str]]:
        """Watch while the context lasts; `refuse` is told where a bare connection elsewhere wanted to go."""
        hear(_heard, ("sqlite3.connect", "sqlite3.connect/handle"))
        self._seen = []
        self._unclaimed.clear()
        self._in_use.clear()
        self._refuse = refuse
        _watches.add(self)
        self.on = True
        try:
            yield self._seen
        finally:
            self.on = False
            _watches.discard(self)
            if self._unclaimed:
                self._seen.append("a driver connection was opened past SQLAlchemy and sqlite3.connect")
                self._unclaimed.clear()

    def claim(self, connection: sqlite3.Connection) -> bool:
        """A Connection of SQLAlchemy uses this one; whether that was news."""
        return self._unclaimed.pop(id(connection), None) is not None

    def in_use(self, connection: sqlite3.Connection, *, in_use: bool) -> None:
        """Statements on this connection count while it is in use; the hooks of a pool run before and after."""
        (self._in_use.add if in_use else self._in_use.discard)(id(connection))

    def traced(self, connection: int, statement: str) -> None:
        """A statement ran on a watched connection."""
        if self.on and connection in self._in_use and not OWN.get() and not asks_for_a_setting(statement):
            self._seen.append(f"a statement was sent on the raw driver connection: {' '.join(statement.split())[:60]}")

    def refuse(self, database: object) -> None:
        """A connection is about to be opened to a file that is nobody's."""
        self._refuse(str(database))

    def opened(self, connection: object) -> None:
        """The program has opened a connection to this file."""
        self._unclaimed[id(connection)] = connection

    def renew(self, connection: object) -> None:
        """A connection was opened, to whatever: CPython may have given it the id of a lost one that was in use."""
        self._in_use.discard(id(connection))


def points_at(database: object, path: Path) -> bool:
    """Whether the argument of `sqlite3.connect` names this file, and nobody has put another one in its place."""
    named = database == str(path) or file_of(database) == os.path.realpath(path)
    return named and not _is_a_link(path)


def _is_a_link(path: Path) -> bool:
    """Whether it stands for a file that is somewhere else, too."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or found.st_nlink > 1


def file_of(database: object) -> str:
    """The real path that the argument of `sqlite3.connect` names; nothing for a database in memory."""
    text = os.fsdecode(database) if isinstance(database, bytes | str | os.PathLike) else ""
    if text.startswith("file:"):
        parts = urlsplit(text)
        text = "" if "mode=memory" in parts.query else unquote(parts.path)
    if not text or text.startswith(":memory:"):
        return ""
    return os.path.realpath(text)


@lru_cache(maxsize=1024)  # asked for every Call
def files_in(sql: str) -> tuple[str, ...]:
    """What the statements of a text that open other files call them: a literal's text, or the expression as it stands.

    >>> files_in("SELECT 1; ATTACH 'a.db' AS a; VACUUM main INTO ?")
    ('a.db', '?')
    """
    text = sql.lower()
    if "attach" not in text and "vacuum" not in text:
        return ()
    found = (_OPENS.match(part) for part in SPEECH.lexis.parts(sql))
    return tuple((each["literal"] or each["expression"]).replace("''", "'") for each in found if each is not None)


# Each is a flag or number that the connection itself holds: asking for it reads no file and takes no lock.
_SETTINGS = (
    "analysis_limit automatic_index busy_timeout cell_size_check checkpoint_fullfsync defer_foreign_keys foreign_keys"
    " fullfsync ignore_check_constraints legacy_alter_table query_only read_uncommitted recursive_triggers"
    " reverse_unordered_selects temp_store trusted_schema writable_schema"
)
_ASKS = re.compile(rf'pragma (?:(?:"\?"|\w+) ?\. ?)?(?:{"|".join(_SETTINGS.split())}) ?;?')


def asks_for_a_setting(statement: str) -> bool:
    """Whether it only asks how a connection is set, which no other caller and no fault can change.

    >>> [asks_for_a_setting(each) for each in ("PRAGMA main.foreign_keys;", "PRAGMA foreign_keys = ON")]
    [True, False]
    """
    return _ASKS.fullmatch(SPEECH.lexis.skeleton(statement)) is not None


_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
_OPENS = re.compile(
    rf"(?:attach\b(?:\s*database\b)?|vacuum\b\s*(?:{_QUOTED}|[\w$]+(?<!\binto))?\s*into\b)"
    r"\s*(?:'(?P<literal>(?:[^']|'')*)'|(?P<expression>\S*))",
    re.IGNORECASE,
)
_watches: set[Watch] = set()
_last = threading.local()  # the watch of the file that this thread opens: of the two events, only the first names it


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches:
        return
    watches = list(_watches)
    if event == "sqlite3.connect/handle":
        for watch in watches:
            watch.renew(arguments[0])
    if OWN.get():
        return
    if event == "sqlite3.connect":
        _last.watch = next((watch for watch in watches if points_at(arguments[0], watch.path)), None)
        if _last.watch is None:
            watches[0].refuse(arguments[0])
    elif event == "sqlite3.connect/handle" and getattr(_last, "watch", None) in watches:
        _last.watch.opened(arguments[0])

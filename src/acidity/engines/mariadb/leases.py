"""Databases of a MariaDB server that a Scenario's schema makes under names of its own, as ``CREATE DATABASE audit``.

The name belongs to the program, so two checks on one server may want the same one: a lock of the server's makes the
second one wait. Each such database carries the name of its Sandbox as its comment from the very statement that makes
it, so that one without it is known not to be acidity's, and is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from acidity.engines.orphans import PREFIX, owner_is_gone, owner_of
from acidity.errors import UsageError

WAIT_S = 60  # a check that takes longer than this under the same name is not waited for
_CREATES = re.compile(
    r"(?P<what>(?:\A|;|\n)\s*create\s+(?:or\s+replace\s+)?(?:database|schema)\s+(?:if\s+not\s+exists\s+)?)"
    r"(?P<name>`(?:[^`]|``)+`|[\w$]+)(?P<rest>[^;]*)",
    re.IGNORECASE,
)
_LOCKED = 1205
_held: set[tuple[str, int, str]] = set()  # by this process


class Leases:
    """The databases that one Sandbox has besides its own.

    Args:
        ask: sends a statement as the administrator.
        owner: the name of the Sandbox's database, which tells whose they are.
        user: who may do everything in them.
        server: host and port.
    """

    def __init__(self, ask: Callable[..., Any], owner: str, user: str, server: tuple[str, int]) -> None:
        self.names: list[str] = []
        self._ask = ask
        self._owner = owner
        self._user = user
        self._server = server

    @contextmanager
    def admitting(self) -> Iterator[None]:
        """What a schema makes through SQLAlchemy in this context, it may make."""

        def admit(conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:  # noqa: FBT001
            ours = conn.engine.url.database == self._owner
            return (self.admitted(statement) if ours else statement), parameters

        event.listen(Engine, "before_cursor_execute", admit, retval=True)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", admit)

    def admitted(self, text: str) -> str:
        """The same text, in which every CREATE DATABASE marks what it makes; its right to do so is given here.

        Raises:
            UsageError: the database is there already, or another check uses it.
        """

        def marked(match: re.Match[str]) -> str:
            name = match["name"].strip("`").replace("``", "`")
            if name != self._owner and name not in self.names:
                self._take(name)
            return f"{match[0].rstrip()} COMMENT '{self._owner}'" if name in self.names else match[0]

        return _CREATES.sub(marked, text)

    def _take(self, name: str) -> None:
        key = (*self._server, name)
        if key in _held or not self._ask("SELECT GET_LOCK(%s, %s)", (_lock(name), WAIT_S))[0][0]:
            raise UsageError(
                f"the schema makes the database {name!r}, which another check on this server uses under the same name: "
                f"run them one after the other, or give this one a server of its own (acidity.server=dedicated)"
            )
        _held.add(key)
        for (comment,) in self._ask(
            "SELECT schema_comment FROM information_schema.schemata WHERE schema_name = %s", (name,)
        ):
            if not owner_is_gone(comment, partial(owner_lives, self._ask)):
                self._let_go(name)
                raise UsageError(
                    f"the schema makes the database {name!r}, and the server has one that acidity did not make: it is "
                    f"not touched; use a server without it (acidity.server=dedicated starts one)"
                )
            self._ask(f"SET STATEMENT foreign_key_checks = 0 FOR DROP DATABASE {_quoted(name)}")
        pattern = _quoted(name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))
        self._ask(f"GRANT ALL ON {pattern}.* TO '{self._user}'@'%'")
        self.names.append(name)

    def made(self) -> None:
        """The schema is made: only what is there and is marked belongs to the Sandbox."""
        marked = {name for (name,) in self._ask(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_comment = %s", (self._owner,)
        )} if self.names else set()  # fmt: skip
        for name in set(self.names) - marked:
            self.names.remove(name)
            self._let_go(name)

    def create(self) -> None:
        """Make those anew that a run has dropped."""
        for name in self.names:
            self._ask(f"CREATE DATABASE IF NOT EXISTS {_quoted(name)} COMMENT '{self._owner}'")

    def drop(self) -> None:
        """Drop them, and let others have the names."""
        for name in self.names:
            self._ask(f"DROP DATABASE IF EXISTS {_quoted(name)}")
            self._let_go(name)
        self.names.clear()

    def _let_go(self, name: str) -> None:
        _held.discard((*self._server, name))
        self._ask("SELECT RELEASE_LOCK(%s)", (_lock(name),))


def drop_orphans(ask: Callable[..., Any]) -> None:
    """Drop databases and users whose owner is gone, unless a prepared transaction of nobody's knowing locks them."""
    import pymysql

    serves = partial(owner_lives, ask)
    names = [name for (name,) in ask("SELECT schema_name FROM information_schema.schemata")]
    ours = [name for name in names if name.startswith(PREFIX) and owner_is_gone(name, serves)]
    for name in (*ours, *orphaned(ask)):
        try:
            at_once = "SET STATEMENT innodb_lock_wait_timeout = 0, foreign_key_checks = 0 FOR"
            ask(f"{at_once} DROP DATABASE IF EXISTS {_quoted(name)}")
        except pymysql.err.OperationalError as error:
            if error.args[0] != _LOCKED:
                raise
    for name in _users(ask):
        if owner_is_gone(name, serves):
            ask(f"DROP USER IF EXISTS '{name}'@'%'")


def _users(ask: Callable[..., Any]) -> list[str]:
    """Those that are named as acidity names them."""
    with suppress(Exception):  # an administrator may see no users; then none was made
        return [name for (name,) in ask("SELECT user FROM mysql.user WHERE host = '%%'", ()) if owner_of(name)]
    return []


def orphaned(ask: Callable[..., Any]) -> list[str]:
    """Databases that a process which is gone has made under a name of its program's."""
    with suppress(Exception):  # a MariaDB before 10.5 has no comments of databases, so there is none
        rows = ask("SELECT schema_name, schema_comment FROM information_schema.schemata WHERE schema_comment <> ''")
        return [name for name, comment in rows if owner_is_gone(comment, partial(owner_lives, ask))]
    return []


def claim(ask: Callable[..., Any], owner: str) -> None:
    """Hold a lock of that name as long as this session lives, by which other hosts see that the owner does."""
    ask("SELECT GET_LOCK(%s, 0)", (owner,))


def owner_lives(ask: Callable[..., Any], owner: str) -> bool:
    """Whether a session holds the owner's lock, or one is in a database of its; the server lists them all.

    A session whose database the server cannot tell at this moment ("Busy") may be one of them.
    """
    held = ask("SELECT IS_USED_LOCK(%s)", (owner,))[0][0] is not None
    in_it = "SELECT 1 FROM information_schema.processlist WHERE db = %s OR user = %s OR LEFT(db, %s) = %s"
    in_it += " OR 'Busy' IN (command, state) LIMIT 1"
    return held or bool(ask(in_it, (owner, owner, len(owner) + 1, f"{owner}_")))


def _lock(name: str) -> str:
    return "acidity " + hashlib.sha256(name.encode()).hexdigest()[:32]  # a lock's name has 64 characters at most


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"

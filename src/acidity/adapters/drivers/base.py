"""What a `Driver` is to the seam: how its connections are noticed, and which of its methods are Calls.

Where a driver's classes are written in Python, their methods are wrapped in place, so that everything built on them
(pools, subclasses, connections made in any way) passes the seam and stays what it is. Where they are written in C, the
connect function makes connections of a subclass. Every hook goes through `Hooks`, which takes it back.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from acidity.adapters.drivers.everywhere import Replacement, replace_everywhere
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind


class Opening(NamedTuple):
    """A connection that is about to be opened.

    Attributes:
        ours: it is the operation's own, and its calls pass the seam.
        take_in: to be told of it when it is there.
        detour: the port that it goes to instead of its own.
    """

    ours: bool
    take_in: Callable[[Any], None]
    detour: int | None = None


Arguments = tuple[Any, ...]
Keywords = Mapping[str, Any]
Rewrite = Callable[[Arguments, Keywords, str, Any], tuple[Arguments, Keywords]]
Answer = tuple[Sequence[Any] | None, int | None]


class DriverCall(NamedTuple):
    """A call of a driver's method, and what it asks of the database.

    Attributes:
        kind: what it means; without one, the text says it.
        sql: its text; empty for a method that has one meaning.
        params: its parameters.
        many: it is an ``executemany``.
        rewrite: the method's arguments with another text and other parameters; None where it takes no text.
        subject: the object whose method it is.
        arguments: what the program gave to the method.
        keywords: what it gave by name.
    """

    kind: Kind | None
    sql: str = ""
    params: Any = None
    many: bool = False
    rewrite: Rewrite | None = None
    subject: Any = None
    arguments: Arguments = ()
    keywords: Keywords = MappingProxyType({})

    def made(self, subject: Any, arguments: Arguments, keywords: Keywords) -> DriverCall:
        """The same, made on this object with these arguments."""
        return self._replace(subject=subject, arguments=arguments, keywords=keywords)


class Seam(Protocol):
    """The seam as a driver's hooks use it."""

    def opening(self, driver: Driver, dialect: str, cargs: Any, cparams: Any) -> AbstractContextManager[Opening]:
        """A connection with these arguments is about to be opened; nothing in this context is a Call.

        Raises:
            ForeignDatabase: it leads to a database that is not ours.
        """

    def wire_if_ours(self, connection: Any) -> LiveConnection | None:
        """The wire of a connection whose calls pass the seam now; None lets the driver's own method run.

        Raises:
            ForeignDatabase: an operation uses a connection that was opened before it.
        """

    def records(self) -> bool:
        """Whether whoever calls now keeps the rows it reads."""

    def bring(self, wire: LiveConnection, call: DriverCall, perform: Callable[..., Any]) -> Any:
        """Bring a Call to the seam; `perform` is called with the arguments of the call. Gives what it gave."""

    async def bring_async(self, wire: LiveConnection, call: DriverCall, perform: Callable[..., Awaitable[Any]]) -> Any:
        """The same for a driver that awaits."""

    def closing(self, connection: Any) -> None:
        """Somebody is about to close this connection."""

    def refuse(self, what: str) -> None:
        """Note a connection that passes by the seam."""


class Driver(Protocol):
    """A database driver.

    Attributes:
        module: the name of its module.
        errors: where its PEP 249 exception classes are, or what stands for them.
    """

    module: str

    @property
    def errors(self) -> Any:
        """Where the PEP 249 exception classes are, or what stands for them."""

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Put its hooks in place; its module is imported."""

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """Connect in the stock way; gives an awaitable where the driver does."""

    def handle(self, connection: Any) -> Any:
        """The connection as a `Sandbox` takes it: with plain calls."""

    def autocommits(self, connection: Any, sql: str) -> bool | None:
        """Whether the database would commit this write by itself: no transaction is open, and none will be begun.

        None where it depends on whether a transaction is open and the driver does not know.
        """

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether this error means that the connection is gone."""

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """Rows and row count of a statement that was answered, as far as known; the program loses none of them.

        Args:
            call: the call of the method.
            given: what the method gave.
        """


class Hooks:
    """Attributes of modules and classes that are replaced for a while."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._asked: list[Replacement] = []
        self._standing: list[Replacement] = []

    def put(self, owner: Any, name: str, replacement: Any) -> None:
        """Replace an attribute; one that the owner only inherits is uncovered again afterwards."""
        own = vars(owner)
        if name in own:
            old = own[name]
            self._undo.append(lambda: setattr(owner, name, old))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, replacement)

    def put_everywhere(self, old: Any, new: Any) -> None:
        """Have `new` put, by `stand_in`, wherever modules have `old`."""
        self._asked.append((old, new))

    def stand_in(self) -> None:
        """Put what `put_everywhere` was asked for, with one look through all modules."""
        replace_everywhere(self._asked)
        self._standing += self._asked
        self._asked = []

    def take_back(self) -> None:
        """Put everything back, last first; what stands in for something goes at once, from newer modules too."""
        replace_everywhere([(new, old) for old, new in self._standing])
        self._standing.clear()
        while self._undo:
            self._undo.pop()()


_TEXT = ("query", "sql", "command", "statement", "operation")
_PARAMETERS = ("params", "parameters", "args", "vars", "params_seq", "vars_list")


def itself(connection: Any) -> Any:
    """The connection that a connection's method belongs to."""
    return connection


class Methods:
    """Wraps methods of a driver's classes so that calling them is a Call.

    Args:
        seam: where Calls are brought.
        hooks: keeps what was there.
    """

    def __init__(self, seam: Seam, hooks: Hooks) -> None:
        self._seam = seam
        self._hooks = hooks

    def wrap(
        self,
        owner: Any,
        names: str,
        said: Callable[..., DriverCall | None],
        connection_of: Callable[[Any], Any] = itself,
        *,
        inherited: bool = False,
    ) -> None:
        """Bring calls of these methods to the seam.

        Args:
            owner: the class that has them.
            names: separated by blanks; those that this version of the driver does not have are left out.
            said: what a call means, from the arguments of the method; None for what is no Call.
            connection_of: the driver's connection that the object of the method belongs to.
            inherited: the class has them from a class written in C.
        """
        for name in names.split():
            original = getattr(owner, name) if inherited else vars(owner).get(name)
            if original is not None:
                method = _awaiting if inspect.iscoroutinefunction(original) else _plain
                self._hooks.put(owner, name, method(self._seam, original, said, connection_of))

    def heed(self, owner: Any, names: str = "close") -> None:
        """Tell the seam when one of these methods closes a connection, which is no Call."""
        for name in names.split():
            original = getattr(owner, name, None)
            if original is not None:
                self._hooks.put(owner, name, closing(self._seam, original))


def closing(seam: Seam, original: Any) -> Any:
    """The method that closes a connection, and tells it before."""

    @functools.wraps(original)
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        seam.closing(self)
        return original(self, *arguments, **keywords)

    return method


def _plain(
    seam: Seam, original: Any, said: Callable[..., DriverCall | None], connection_of: Callable[[Any], Any]
) -> Any:
    @functools.wraps(original)
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        wire = seam.wire_if_ours(connection_of(self))
        call = None if wire is None else said(self, *arguments, **keywords)
        if wire is None or call is None:
            return original(self, *arguments, **keywords)
        return seam.bring(wire, call.made(self, arguments, keywords), partial(original, self))

    return method


def _awaiting(
    seam: Seam, original: Any, said: Callable[..., DriverCall | None], connection_of: Callable[[Any], Any]
) -> Any:
    """Not a coroutine function: who calls is asked when it is called, because a task would not know."""

    @functools.wraps(original)
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        wire = seam.wire_if_ours(connection_of(self))
        call = None if wire is None else said(self, *arguments, **keywords)
        if wire is None or call is None:
            return original(self, *arguments, **keywords)
        return seam.bring_async(wire, call.made(self, arguments, keywords), partial(original, self))

    return method


def statement(self: Any, *arguments: Any, **keywords: Any) -> DriverCall:
    """An ``execute``: the text, whatever it is made of, and the parameters, whatever they are called."""
    given = [*arguments, *(keywords[name] for name in _TEXT + _PARAMETERS if name in keywords)]
    sql = text_of(given[0], self) if given else ""
    return DriverCall(None, sql, given[1] if len(given) > 1 else None, rewrite=_rewrite)


def many(self: Any, *arguments: Any, **keywords: Any) -> DriverCall:
    """An ``executemany``."""
    return statement(self, *arguments, **keywords)._replace(many=True)


def _rewrite(arguments: Arguments, keywords: Keywords, sql: str, params: Any) -> tuple[Arguments, Keywords]:
    """Text and parameters in the places where the program gave them; new parameters behind the text."""
    given, named = list(arguments), dict(keywords)
    for place, names, value in ((0, _TEXT, sql), (1, _PARAMETERS, params)):
        name = next((name for name in names if name in named), "")
        if name:
            named[name] = value
        elif place < len(given):
            given[place] = value
        elif value is not None:
            given.append(value)
    return tuple(given), named


def procedure(_: Any, name: str, parameters: Any = None, *__: Any, **___: Any) -> DriverCall:
    """A ``callproc``; what a procedure does is not known, so it counts as a write."""
    return DriverCall(None, f"CALL {name}", parameters)


def control(kind: Kind) -> Callable[..., DriverCall]:
    """A method that has one meaning, such as ``commit``."""

    def said(*_: Any, **__: Any) -> DriverCall:
        return DriverCall(kind)

    return said


def text_of(query: Any, context: Any = None) -> str:
    """A statement as text: psycopg and psycopg2 compose theirs of parts, MySQLdb takes bytes."""
    if isinstance(query, str):
        return query
    if isinstance(query, bytes | bytearray):
        return bytes(query).decode(errors="replace")
    composed = getattr(query, "as_string", None)
    return str(composed(context)) if composed is not None else str(query)

"""What the user gives: an `Operation` (a function and its arguments) and a `Scenario` (rows, operations, rules)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from acidity.core.database import Database, several
from acidity.core.given import errors_in, listed, names_in, plain
from acidity.core.http import HttpAnswer, HttpRequest, make_request
from acidity.core.outcome import Told
from acidity.core.retry import Retry
from acidity.errors import UsageError

Commits = Literal["one", "several"]
Role = Literal["recover", "settle"]
AS_NAMED = "as named"  # what the first parameter is called, or annotated with, says what it receives
INJECTIONS = (
    "session",
    "session_factory",
    "engine",
    "connection",
    "async_session",
    "async_session_factory",
    "async_engine",
    "url",
    "dbapi_connection",
    "dsn",
    "databases",
    "async_databases",
    "dsns",
)


@dataclass(frozen=True, slots=True, weakref_slot=True, init=False)
class Operation:
    """A user function with its arguments, unmodified, and how its answer is to be read.

    Args:
        function: the function to run; plain or ``async def``.
        arguments: its arguments, after the injected one.
        inject: what the first parameter receives, one of `INJECTIONS`, or None for nothing. By default its name or
            annotation says so, also where the arguments could fill it.
            ``url`` is SQLAlchemy's; ``dsn`` is what the driver's own ``connect`` takes: a path (sqlite3), a libpq URL
            (psycopg, psycopg2, asyncpg), a dict of keyword arguments (PyMySQL, mysqlclient, aiomysql).
            ``dbapi_connection`` is a connection of the driver that ``db=`` names, closed afterwards.
            ``databases``, ``async_databases`` and ``dsns`` map the names of ``Scenario(databases=…)`` to engines or
            dsns.
        succeeded: ``fn(answer) -> bool``, whether the caller was told *ok*, or ``Told.UNKNOWN`` where the answer says
            that it is not decided yet (a payment that is pending). By default the answer is compared with the
            clean run's: equal but for generated values, or different only in numbers, is *ok* (the latter where the
            rows are as after); another truth value, ``None``, an exception, an error key or a status of 400 or more is
            *failed*; with any other word the run is unknown until this is given.
        raises: an exception class, or several, that mark an expected refusal: of the call alone. For what it raises
            beside other callers only, such as a stale version, see `retry`.
        refused: the operation is expected to refuse by an answer that `succeeded` rejects.
        also: end states that are right beside before and after (a job marked as failed in a transaction of its own):
            ``callable(session)`` or ``callable(session, session_before)``, or several, True for the rows of that end
            state and False for all others, those before and after the clean run among them. With `raises` or `refused`
            it may be what the clean run leaves: the record of the refusal.
        partial: names of tables in which each row may be as before or as after, for a batch that may be done in part.
            The other tables are then judged by the invariants alone, which are required.
        commit: the framework commits, not the function (needs an injected session or connection).
        timeout: how many seconds a run of it may take, instead of the check's ``run_timeout=``.
        retry: how its caller tries again when the database has turned it away.
        name: how reports call it; by default the function's name.
        keywords: keyword arguments of the function.

    `Operation.asgi` and `Operation.wsgi` make one of a request to a web application.

    Raises:
        UsageError: the function is not callable, or the options contradict each other.

    Example:
        >>> Operation(transfer, 1, 2, Decimal("50.00"))      # doctest: +SKIP
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    inject: str | None
    succeeded: Callable[[Any], bool | Told] | None
    raises: tuple[type[BaseException], ...]
    refused: bool
    also: tuple[Callable[..., Any], ...]
    partial: tuple[str, ...]
    commit: bool
    timeout: float | None
    retry: Retry | None
    name: str
    request: HttpRequest | None

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        inject: str | None = AS_NAMED,
        succeeded: Callable[[Any], bool | Told] | None = None,
        raises: type[BaseException] | Sequence[type[BaseException]] = (),
        refused: bool = False,
        also: Callable[..., Any] | Iterable[Callable[..., Any]] = (),
        partial: str | Iterable[str] = (),
        commit: bool = False,
        timeout: float | None = None,
        retry: Retry | None = None,
        name: str | None = None,
        **keywords: Any,
    ) -> None:
        if not callable(function):
            raise UsageError(f"an operation needs a function to run, not {function!r}")
        if inject is not None and inject != AS_NAMED and inject not in INJECTIONS:
            raise UsageError(f"inject={inject!r} is not known; it is one of: {', '.join(INJECTIONS)}, or None")
        if refused and succeeded is None:
            raise UsageError("refused=True needs succeeded=: say from the answer when the caller was told ok")
        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise UsageError(f"timeout={timeout!r} leaves no time for a run; give seconds")
        put = object.__setattr__
        put(self, "timeout", timeout)
        put(self, "retry", retry)
        put(self, "function", function)
        put(self, "arguments", arguments)
        put(self, "keywords", keywords)
        put(self, "inject", inject)
        put(self, "succeeded", plain("succeeded", succeeded))
        put(self, "raises", errors_in("raises", raises))
        put(self, "refused", refused)
        put(self, "also", _predicates(also))
        put(self, "partial", _tables(partial))
        put(self, "commit", commit)
        put(self, "name", name or getattr(function, "__name__", None) or type(function).__name__)
        put(self, "request", None)

    @classmethod
    def asgi(
        cls,
        app: Callable[..., Any],
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        succeeded: Callable[[HttpAnswer], bool | Told] | None = None,
        refused: bool = False,
        also: Callable[..., Any] | Iterable[Callable[..., Any]] = (),
        name: str | None = None,
    ) -> Operation:
        """A request to an ASGI application (FastAPI, Starlette, Litestar, Django …) as the unit of work.

        The client is told what the status says: 2xx and 3xx *ok*, 4xx *failed*, 5xx *failed* or, while a COMMIT is
        without answer, *unknown*. A status that was sent counts, whatever is raised after it; what leaves the
        application before is judged like an exception. The application is started once (lifespan), and stopped
        when the check is over; its engines are named in ``Scenario(bind=…)``.

        Args:
            app: the application, unmodified.
            method: ``"GET"``, ``"POST"``, …
            path: where to, with or without a query.
            json: the body, sent as JSON.
            data: instead of `json`, a form (a mapping), text or bytes.
            params: more of the query: a mapping or pairs.
            headers: more headers.
            succeeded: what else an answer with a good status must be for the client to be told *ok*, or `Told.UNKNOWN`
                where it says that nothing is decided yet (202).
            refused: the request is expected to be turned down with a 4xx.
            also: end states that are right beside before and after.
            name: how reports call it; by default method and path.

        Raises:
            UsageError: this is no request, or `app` is no application.

        Example:
            >>> Operation.asgi(app, "POST", "/transfer", json={"amount": "25.00"})      # doctest: +SKIP
        """
        request = make_request("asgi", method, path, json=json, data=data, params=params, headers=headers)
        return cls._of_request(app, request, succeeded, refused=refused, also=also, name=name)

    @classmethod
    def wsgi(
        cls,
        app: Callable[..., Any],
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        succeeded: Callable[[HttpAnswer], bool | Told] | None = None,
        refused: bool = False,
        also: Callable[..., Any] | Iterable[Callable[..., Any]] = (),
        name: str | None = None,
    ) -> Operation:
        """A request to a WSGI application (Flask, Django, Pyramid …) as the unit of work; see `asgi`.

        The status is sent with the first bytes of the body, or after an empty one.

        Raises:
            UsageError: this is no request, or `app` is no application.
        """
        request = make_request("wsgi", method, path, json=json, data=data, params=params, headers=headers)
        return cls._of_request(app, request, succeeded, refused=refused, also=also, name=name)

    @classmethod
    def _of_request(
        cls,
        app: Callable[..., Any],
        request: HttpRequest,
        succeeded: Callable[[HttpAnswer], bool | Told] | None,
        *,
        refused: bool,
        also: Callable[..., Any] | Iterable[Callable[..., Any]],
        name: str | None,
    ) -> Operation:
        if not callable(app):
            raise UsageError(f"{request.protocol} needs an application to call, not {app!r}")

        def told_ok(answer: HttpAnswer) -> bool | Told:
            return answer.succeeded and (succeeded is None or succeeded(answer))

        name = name or f"{request.method} {request.target}"
        operation = cls(app, succeeded=told_ok, refused=refused, also=also, name=name)
        object.__setattr__(operation, "request", request)
        return operation

    @property
    def expects_refusal(self) -> bool:
        """Whether this call of the function is meant to be turned down."""
        return self.refused or bool(self.raises)


@dataclass(frozen=True, slots=True, init=False)
class Scenario:
    """Set-up, operations, invariants, and how they are judged.

    Args:
        operations: one or more `Operation`; a bare callable counts as an Operation without arguments.
        metadata: a SQLAlchemy ``MetaData`` that creates the tables.
        schema: instead of `metadata`, a path to a ``.sql`` file, an Alembic ``Config`` or the path to an
            ``alembic.ini``, or ``callable(connection)``.
        setup: ``callable(session)`` that writes the rows before; ids in them move no sequence of PostgreSQL.
        invariants: ``callable(session)`` or ``callable(session, run)``; broken if it returns False (or 0) or raises.
        bind: ``"module:engine"`` or several, module-level engines that are redirected to the Sandbox; also a text, URL,
            path or mapping that leads to the database (``"app.settings:DSN"``), or an environment variable
            (``"env:DATABASE_URL"``): while the check runs it leads to the Sandbox, in the form that it has.
        effects: functions outside the database (or ``"module:function"``) that are counted and made to fail; an
            `Effect` says more: an idempotency key, or that it changes nothing.
        ignore: columns that are not compared, as ``"table.column"``; ``"table.column.$.id"`` is a part of JSON in it,
            ``"table.*"`` a whole table.
        databases: instead of `metadata`, `schema` and `setup`, a `Database` for each name, where an operation writes to
            several. Then tables are called ``"name.table"``, invariants receive a mapping of sessions by name, and
            `bind` is a mapping by name.
        commits: ``"one"``, or ``"several"`` when intermediate commits are intended (a saga, intent and then settle):
            every committed state must then satisfy the invariants, which are required.
        recover: what a restarted process does, a function that gets what an operation gets (or an `Operation` of it).
            It runs after the operation ended, without faults; then the rows must be as before or after.
        settle: the same for what runs anyway (the relay of an outbox, a worker of a queue), after `recover`.
        not_applicable: name of an engine → why this is not asked there, as
            ``{"sqlite": "SQLite has no row locks"}``. It has no verdict there, and the reason is shown instead.
        settings: how the program's own database is set, by engine: ``{"sqlite": {"synchronous": "extra"}}``; those of
            the check go before.

    Raises:
        UsageError: no operation, no schema, or two of them; several commits without invariants; or `databases` does not
            fit the rest.
    """

    operations: tuple[Operation, ...]
    metadata: Any
    schema: Any
    setup: Callable[[Any], Any] | None
    invariants: tuple[Callable[..., Any], ...]
    bind: tuple[str, ...]
    effects: tuple[Any, ...]
    ignore: tuple[str, ...]
    commits: Commits
    databases: Mapping[str, Database]
    recover: Operation | None
    settle: Operation | None
    not_applicable: Mapping[str, str]
    settings: Mapping[str, Mapping[str, str]]
    name: str = field(compare=False)

    def __init__(
        self,
        *operations: Operation | Callable[..., Any],
        metadata: Any = None,
        schema: Any = None,
        setup: Callable[[Any], Any] | None = None,
        invariants: Iterable[Callable[..., Any]] = (),
        bind: str | Iterable[str] | Mapping[str, str | Iterable[str]] = (),
        effects: Iterable[Any] = (),
        ignore: Iterable[str] = (),
        commits: Commits = "one",
        databases: Mapping[str, Database] | None = None,
        recover: Operation | Callable[..., Any] | None = None,
        settle: Operation | Callable[..., Any] | None = None,
        not_applicable: Mapping[str, str] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        name: str = "",
    ) -> None:
        invariants = _rules(invariants)
        ignore = names_in("ignore", ignore, "orders.created_at")
        if not operations:
            raise UsageError(
                "a Scenario needs at least one Operation, as in Scenario(Operation(transfer, 1, 2), metadata=…)"
            )
        if databases is not None and (metadata, schema, setup) != (None, None, None):
            raise UsageError("with databases=, each Database has its own metadata= or schema=, and setup=")
        if databases is None and (metadata is None) == (schema is None):
            raise UsageError("a Scenario needs its tables from exactly one of metadata= and schema=")
        if databases is None and isinstance(bind, Mapping):
            raise UsageError("bind= is a mapping only in a Scenario with databases=")
        if commits not in get_args(Commits):
            raise UsageError(f"commits= is one of {', '.join(map(repr, get_args(Commits)))}, not {commits!r}")
        if commits == "several" and not invariants:
            raise UsageError(
                'commits="several" needs invariants=: what must hold in every state that is committed on the way'
            )
        if not invariants and any(isinstance(each, Operation) and each.partial for each in operations):
            raise UsageError("partial= needs invariants=: the tables that it does not name are judged by them alone")
        for column in ignore:
            if column.partition(".$")[0].count(".") < (
                1 if databases is None else 2
            ):  # a schema may stand before the table
                table = "table" if databases is None else "database.table"
                raise UsageError(f"ignore= takes '{table}.column' or '{table}.*', not {column!r}")
        put = object.__setattr__
        put(self, "operations", tuple(map(_operation, operations)))
        put(self, "metadata", metadata)
        put(self, "schema", Path(schema) if isinstance(schema, str) else plain("schema", schema))
        put(self, "setup", plain("setup", setup))
        put(self, "invariants", invariants)
        put(self, "bind", () if databases is not None else names_in("bind", bind, "app.db:engine"))
        put(self, "effects", listed("effects", effects))
        put(self, "ignore", ignore)
        put(self, "commits", commits)
        put(self, "databases", {} if databases is None else several(databases, bind))
        put(self, "recover", None if recover is None else _step("recover", recover))
        put(self, "settle", None if settle is None else _step("settle", settle))
        put(self, "not_applicable", dict(not_applicable or {}))
        put(self, "settings", {engine: dict(chosen) for engine, chosen in (settings or {}).items()})
        put(self, "name", name)

    @property
    def steps(self) -> Mapping[Role, Operation]:
        """What is run after each operation, in this order."""
        given: tuple[tuple[Role, Operation | None], ...] = (("recover", self.recover), ("settle", self.settle))
        return {role: operation for role, operation in given if operation is not None}


def _rules(invariants: Any) -> tuple[Callable[..., Any], ...]:
    given = listed("invariants", invariants)
    for each in given:
        if not callable(each):
            raise UsageError(f"invariants= takes functions that get a session, not {each!r}")
        plain("invariants", each)
    return given


def _predicates(also: Any) -> tuple[Callable[..., Any], ...]:
    given = listed("also", also)
    for each in given:
        if not callable(each):
            raise UsageError(
                f"also= takes predicates over the rows, as in also=[job_marked_failed] with "
                f"def job_marked_failed(session): …, not {each!r}"
            )
        plain("also", each)
    return given


def _tables(partial: Any) -> tuple[str, ...]:
    given = listed("partial", partial)
    for each in given:
        if not isinstance(each, str):
            raise UsageError(f"partial= takes names of tables, as in partial=('orders',), not {each!r}")
    return given


def _operation(given: Operation | Callable[..., Any]) -> Operation:
    return given if isinstance(given, Operation) else Operation(given)


def _step(role: Role, given: Operation | Callable[..., Any]) -> Operation:
    if not isinstance(given, Operation) and not callable(given):
        raise UsageError(f"{role}= takes a function, as in {role}=run_relay, not {given!r}")
    return _operation(given)

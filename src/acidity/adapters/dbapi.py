"""The way of bare drivers through the seam: programs that use sqlite3, psycopg, PyMySQL … without SQLAlchemy.

While the adapter is installed, the drivers' own classes and connect functions are hooked (`drivers`); a driver that is
imported later is hooked then. A connection belongs to the operation if its own code opened it while a run is on; what
SQLAlchemy and acidity open with the same drivers passes unseen here, as do the driver's calls inside a Call.
"""

from __future__ import annotations

import sys
import weakref
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import FrameType
from typing import Any

from sqlalchemy.engine import Engine

from acidity.adapters.base import Gatekeeper, describe_target, destination, leads_elsewhere, of_nobody
from acidity.adapters.drivers import DRIVERS
from acidity.adapters.drivers.base import Driver, DriverCall, Hooks, Opening
from acidity.adapters.drivers.wire import RawConnection
from acidity.adapters.meaning import asked
from acidity.adapters.pools import Kept, is_by_a_pool, is_in_a_pool
from acidity.adapters.seam import Actor, PendingCall, current_actor, request
from acidity.adapters.site import find_place, is_where_acidity_calls
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.core.cause import Place
from acidity.core.row import Fetched, row_as_it_is
from acidity.engines import audit
from acidity.engines.base import Sandbox
from acidity.engines.housekeeping import is_housekeeping
from acidity.engines.orphans import NAME
from acidity.engines.own_calls import JUDGES, OWN, own_calls
from acidity.errors import ForeignDatabase

_RAW = "a statement was sent on the raw driver connection of SQLAlchemy"
_MACHINERY = {"asyncio", "contextlib", "functools"}


class DbapiAdapter:
    """Brings the calls of bare driver connections to the seam while it is installed.

    Args:
        gatekeeper: decides where connections may lead.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self.gatekeeper = gatekeeper
        self.armed = False
        self._hooks = Hooks()
        self._late = _WhenImported(self._hook)
        self._wires: dict[int, RawConnection] = {}
        self._opened: list[RawConnection] = []
        self._others: weakref.WeakSet[Any] = weakref.WeakSet()
        self._bypasses: list[str] = []
        self._pools = Kept()

    def install(self) -> None:
        """Hook every driver that is imported, and the others when they are."""
        for module in DRIVERS:
            imported = sys.modules.get(module)
            if imported is not None and imported.__name__ == module:  # pymysql.install_as_MySQLdb() lends it the name
                DRIVERS[module].hook(self, self._hooks)
        self._pools.watch(self._hooks)
        self._hooks.stand_in()
        sys.meta_path.insert(0, self._late)

    def remove(self) -> None:
        """Take back every hook."""
        if self._late in sys.meta_path:
            sys.meta_path.remove(self._late)
        self._hooks.take_back()

    def _hook(self, module: str) -> None:
        DRIVERS[module].hook(self, self._hooks)
        self._hooks.stand_in()

    # What the drivers' hooks ask

    @contextmanager
    def opening(self, driver: Driver, dialect: str, cargs: Any, cparams: Any) -> Iterator[Opening]:
        """A connection is about to be opened: refuse it, or take it in when it is there."""
        judging = JUDGES.get() is not None
        others = (OWN.get() and not judging) or called_by_others(driver.module)
        ours = None if others else destination(self.gatekeeper, dialect, cargs, cparams)
        if (self.armed or judging) and not ours and not others:
            self._require_driver_of_engine(driver, dialect, [*cargs, *cparams.values()])
            where = describe_target(self.gatekeeper, dialect, cargs, cparams)
            who = "of an invariant" if judging else "inside the operation"
            if current_actor() is None and is_in_a_pool() and NAME.search(where):
                raise ForeignDatabase(f"{where!r} is of an earlier check")  # a pool in the background tries it again
            self._refuse(f"a driver connection {who} points at {where!r}", "nothing was opened.")
        if ours is None or judging:
            yield Opening(False, self._others.add if others or judging else lambda _: None)
            return
        by_a_pool = self._pools.note()
        with own_calls(), ours.dialling():
            take_in = partial(self._take_in, ours, driver, by_a_pool)
            yield Opening(True, take_in, ours.detour() if self.armed else None)

    def _require_driver_of_engine(self, driver: Driver, dialect: str, given: Sequence[Any]) -> None:
        """What acidity gives is for drivers of its engine; another one takes it for the name of a file or a host."""
        for part in self.gatekeeper.parts.values():
            ours = (part.dsn(), part.dsn(asynchronous=True), part.url(), part.url(asynchronous=True))
            if not part.serves(dialect) and any(each in ours for each in given):
                engine = "mariadb" if dialect == "mysql" else dialect
                error = ForeignDatabase(
                    f"the operation uses {driver.module}, and the check runs on {part.engine_name}: say --db {engine}"
                )
                self.gatekeeper.refuse(error)
                raise error

    def _take_in(self, sandbox: Sandbox, driver: Driver, by_a_pool: bool, connection: Any) -> None:  # noqa: FBT001
        wire = RawConnection(sandbox, driver, connection)
        wire.used = not by_a_pool
        self._wires[id(connection)] = wire
        self._opened.append(wire)
        handle = wire.connection
        sandbox.claim(handle)
        sandbox.configure(handle)
        sandbox.in_use(handle, in_use=True)

    def records(self) -> bool:
        """Whether the actor that calls now keeps the rows it reads."""
        actor = current_actor()
        return self.armed and actor is not None and actor.records

    def wire_if_ours(self, connection: Any) -> RawConnection | None:
        """The wire of this connection, if what it is asked now is a Call."""
        if not self.armed or OWN.get():
            if JUDGES.get() is not None:
                self._meet_a_judges(connection)
            return None
        wire = self._wires.get(id(connection))
        if wire is not None and wire.driver_connection is connection:
            return wire
        actor = current_actor()
        if actor is not None:
            self._meet_unknown(actor, connection)
        return None

    def _meet_unknown(self, actor: Actor, connection: Any) -> None:
        """Somebody uses a connection that the operation has not opened."""
        driver = type(connection).__module__.partition(".")[0]
        if called_by_others(driver):
            return
        if connection in self._others:
            actor.bypasses.append(_RAW)
        else:
            self._refuse(f"the operation uses a {driver} connection that was opened before it", "it was not used.")

    def _meet_a_judges(self, connection: Any) -> None:
        """An invariant uses what it was given, what SQLAlchemy opened for it, or what it opened to one of ours."""
        if connection not in self._others:
            driver = type(connection).__module__.partition(".")[0]
            if not called_by_others(driver):
                self._refuse(f"an invariant uses a {driver} connection that was opened before it", "it was not used.")

    def closing(self, connection: Any) -> None:
        """Tell the actor whose connection it is; closing one is no Call."""
        wire, actor = self._wires.get(id(connection)), current_actor()
        if self.armed and not OWN.get() and wire is not None and wire.driver_connection is connection and actor:
            actor.closes(wire)

    def refuse(self, what: str) -> None:
        """Note a connection that passes by the seam."""
        self._bypasses.append(what)

    def _refuse(self, what: str, remedy: str) -> None:
        error = ForeignDatabase(f"{what}, a database that acidity did not create; {remedy}")
        self.gatekeeper.refuse(error)
        raise error

    # Calls

    def bring(self, wire: LiveConnection, call: DriverCall, perform: Callable[..., Any]) -> Any:
        """Bring a Call of this thread to the seam."""
        actor = self._whose(wire, call)
        if actor is None:
            with own_calls():
                return perform(*call.arguments, **call.keywords)
        return self._bring(actor, wire, call, perform, find_place())

    async def bring_async(self, wire: LiveConnection, call: DriverCall, perform: Callable[..., Awaitable[Any]]) -> Any:
        """Bring a Call of this task to the seam, in a greenlet, where Interceptors are plain functions."""
        from sqlalchemy.util import await_only, greenlet_spawn

        actor = self._whose(wire, call)
        if actor is None:
            with own_calls():
                return await perform(*call.arguments, **call.keywords)
        place = find_place()

        def perform_awaiting(*arguments: Any, **keywords: Any) -> Any:
            return await_only(perform(*arguments, **keywords))

        return await greenlet_spawn(self._bring, actor, wire, call, perform_awaiting, place)

    def _whose(self, wire: LiveConnection, call: DriverCall) -> Actor | None:
        """Whose Call it is; nobody's is noted, unless a pool asks so of a connection what nobody else can notice.

        Nor is one what a pool asks when it gives a connection out.
        """
        kind = call.kind or Kind.STATEMENT
        if is_in_a_pool() and is_housekeeping(wire.sandbox.engine_name, kind, call.sql):
            return None
        actor = current_actor()
        if actor is None:
            self._bypasses.append(of_nobody(kind))
        elif kind is Kind.PING and (not actor.pings or is_by_a_pool()):
            return None
        return actor

    def _bring(
        self, actor: Actor, wire: LiveConnection, call: DriverCall, perform: Callable[..., Any], place: Place | None
    ) -> Any:
        if isinstance(wire, RawConnection):
            wire.used = True
        where = leads_elsewhere(self.gatekeeper, wire.sandbox, call.sql)
        if where:
            self._refuse(f"a statement of the operation leads to {where}", "it was not sent.")
        meant = asked(wire, call, alone=partial(wire.autocommits, call.sql))
        if meant.kind is Kind.ROLLBACK and is_by_a_pool() and not actor.gives_up(wire):
            actor.unasked.add(actor.made + 1)
        try:
            return request(
                actor,
                meant.kind,
                call.sql,
                call.params,
                wire=wire,
                place=place,
                send=partial(_send, wire, call, perform),
                many=call.many,
                autocommit=meant.autocommit,
                writes=meant.writes,
                opaque=meant.opaque,
                schema=meant.schema,
                limited=call.keywords.get("timeout") is not None,  # of asyncpg
            )
        except CancelledError:
            wire.sandbox.drain(wire.connection)
            raise

    # After a run

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """What the run opened there and has not dropped; what only a pool has used so far may be in its middle."""
        ours = (wire for wire in self._opened if wire.sandbox is sandbox and wire.used)
        return [wire.connection for wire in ours if wire.driver_connection is not None]

    def bypasses(self) -> list[str]:
        """Calls of threads that belong to no operation, and connections that could not be hooked."""
        return list(self._bypasses)

    def strangers(self, sandbox: Sandbox) -> bool:
        """Whether a connection that is in no pool is still open; only such a one can stop a stranger."""
        return any(sandbox.in_transaction(connection) is not None for connection in self.opened(sandbox))

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """A bare driver has no engines."""
        del sandbox
        return []

    def pooled(self, sandbox: Sandbox) -> int:
        """Nor has it pools."""
        del sandbox
        return 0

    def redirecting(self, engine: Engine, sandbox: Sandbox) -> AbstractContextManager[None]:
        """An engine is SQLAlchemy's."""
        del engine, sandbox
        return nullcontext()

    def forget(self) -> None:
        """Close every connection that the run left; it stays known, in case somebody kept it for the next."""
        self._pools.empty()
        for wire in self._opened:
            wire.close()
        self._opened.clear()
        self._bypasses.clear()
        self._wires = {key: wire for key, wire in self._wires.items() if wire.driver_connection is not None}

    def holds(self) -> bool:
        """Whether a pool, say, has opened another one instead."""
        return bool(self._opened)

    def release(self) -> None:
        """Close the pools whose database goes now: they would try to reach it for minutes."""
        self._pools.close()


def _send(wire: LiveConnection, call: DriverCall, perform: Callable[..., Any], pending: PendingCall) -> Any:
    """Call the driver's method as the program did, or with what an Interceptor has put in its place."""
    arguments, keywords = call.arguments, call.keywords
    if pending.rewritten:
        if call.rewrite is None:
            pending.refuse_rewriting()
        else:
            arguments, keywords = call.rewrite(arguments, keywords, pending.sql, pending.params)
    given = perform(*arguments, **keywords)
    if pending.records and isinstance(wire, RawConnection):
        rows, pending.rowcount = wire.driver.answer(call, given)
        pending.rows = rows if rows is None or isinstance(rows, Fetched) else list(map(row_as_it_is, rows))
    return given


def called_by_others(driver: str) -> bool:
    """Whether SQLAlchemy, acidity itself or another driver is behind this, and not the operation's own code.

    Args:
        driver: the module of the driver whose own frames lie in between.
    """
    frame: FrameType | None = sys._getframe(1)
    asking = True
    while frame is not None and not is_where_acidity_calls(frame.f_code):
        name = frame.f_globals.get("__name__", "")
        package = name.partition(".")[0]
        if package == "sqlalchemy":
            return True
        machinery = package in _MACHINERY or name.startswith("acidity.adapters.") or name == audit.__name__
        if asking and not (package == driver or machinery):
            if name.startswith("acidity.engines.") or package == "aiosqlite":
                return True
            asking = False
        frame = frame.f_back
    return False


class _WhenImported(MetaPathFinder):
    """Hooks a driver as soon as a program imports it."""

    def __init__(self, hook: Callable[[str], None]) -> None:
        self._hook = hook
        self._finding: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find it as it would be found without us, and hook it when it has been executed."""
        del path, target
        if name in self._finding or name not in set(DRIVERS):
            return None
        self._finding.add(name)
        spec = None
        try:
            with suppress(ImportError, ValueError):
                spec = find_spec(name)
        finally:
            self._finding.discard(name)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_hook(module: Any) -> None:
            execute(module)
            self._hook(name)

        loader.exec_module = execute_and_hook
        return spec

"""A Sandbox on a database server: a database of acidity's own, reset by deleting its rows and copying the seed back.

What PostgreSQL and MariaDB have in common. An engine says how its catalogue is read, how a database is made, copied and
dropped, and how sessions are seen and ended; it does so in a subclass, over an administrator's connection that no
operation ever gets. Names of databases say which process made them, so that orphans can be told and dropped.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from math import nan
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.core.call import History
from acidity.core.outcome import State, Table, Violation
from acidity.core.prepared import names_in, prepares
from acidity.engines.frames import let_go_of_frames
from acidity.engines.hosted_access import HostedAccess
from acidity.engines.hosted_database import Catalogue, Shape, changes_of, rows_of
from acidity.engines.hosted_facts import Monitor
from acidity.engines.hosted_rules import broken_rules
from acidity.engines.hosting import module_of
from acidity.engines.orphans import fresh_name
from acidity.engines.proxy import CuttingProxy
from acidity.engines.sandbox import Look
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

_NAN = {float: nan, Decimal: Decimal(nan)}
SCHEMA = "information_schema"  # the table of a State that holds what DDL has made and dropped since the rows before


class HostedSandbox(HostedAccess):
    """A throw-away database on a server; see `Sandbox` for what the methods promise.

    Args:
        server: where; the Sandbox leaves it when it is closed, if it is dedicated.
        settings: settings of every session.
        drivers: sync and async driver that URLs name.
    """

    lasting = True
    versioned: Collection[str] = ()
    """Tables that keep what their rows were; they cannot be truncated."""

    def __init__(self, server: Server, settings: Mapping[str, str], drivers: tuple[str, str]) -> None:
        self.name, self.exact = "", False
        self.server = server
        self.settings = dict(settings)
        self.drivers = drivers
        self.database, token = fresh_name()
        self.before = f"{self.database}_before"
        self.token, self.user, self.password = token, self.database, secrets.token_hex(8)
        self.shapes: dict[str, Shape] = {}
        self._shapes_now: dict[str, Shape] = {}
        self._catalogue: Catalogue = frozenset()
        self._seed: Mapping[str, Table] = {}
        self._read_last: dict[str, Table] = {}
        self._dirty: set[str] = set()
        self._altered, self._looked = False, True
        self.named, self.used = set[bytes](), dict[str, None]()
        self._in_doubt = False
        self._proxy: CuttingProxy | None = None
        self._routed = False
        self._beside: list[Any] = []
        self._spare: Any = None
        self.on_connect: Callable[[], None] = lambda: None
        self._owner = os.getpid()
        self._closed = False
        self.interrupted = False
        self._constraints = 0
        self.monitor = Monitor(self.connect_admin)
        try:
            self.admin = self.connect_admin()
            self.sweep()
            self.create_database()
        except Exception as error:
            with suppress(Exception):  # it may not be there
                self.admin.close()
            self.leave()
            raise EngineUnavailable(
                f"{self.engine_name} at {server.host}:{server.port} does not let acidity create a database: {error}"
            ) from None
        except BaseException as stop:  # a signal, in the middle of making it
            let_go_of_frames(stop)
            self.interrupted = True
            self.close()
            raise
        try:
            self.check_settings()
        except Exception as error:
            self.close()
            raise UsageError(f"a setting is not known to {self.engine_name}, or not for one session: {error}") from None

    complaints = ""  # asks what the last statement gave rise to, where a server takes another value than was asked for

    def check_settings(self) -> None:
        """Try the settings, if there are any, in a session of our own."""
        if not self.settings:
            return
        trial = self.connect_admin(self.database)
        try:
            for statement in self.set_statements():
                rows_of(trial, statement)
                if self.complaints and (heard := rows_of(trial, self.complaints)):  # it took another value
                    raise UsageError(str(heard[0][-1]))
        finally:
            trial.close()

    def url(self, *, asynchronous: bool = False) -> str:
        """The SQLAlchemy URL of the database."""
        return self.url_of(self.database, self.drivers[asynchronous])

    def driver(self, *, asynchronous: bool = False) -> str:
        """The module of the driver that URLs name."""
        return module_of(self.drivers[asynchronous])

    def before_url(self) -> str:
        """A URL of the copy that holds the rows before."""
        return self.url_of(self.before, self.drivers[False])

    def before_options(self) -> dict[str, Any]:
        """Nothing else is needed."""
        return {}

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables and the rows before."""
        engine = create_engine(self.url(), poolclass=NullPool)
        try:
            with self.admitting(engine):
                schema(engine)
            if setup is not None:
                with Session(engine) as session:
                    setup(session)
                    session.commit()
        finally:
            engine.dispose()
        self.shapes = self.read_shapes()
        self.keep_before()
        self._catalogue = self.read_catalogue()
        self._constraints = self.count_constraints()
        self.copy_before()
        state = self.look().state
        self._seed, self._dirty, self._altered, self.used = state.tables, set(), False, {}
        return state

    # Back to the rows before

    def reset(self) -> None:
        """Delete and copy back what the last looks saw changed; where the schema was, build the database anew.

        A run that nobody looked at may have changed anything, so everything is put back after it.
        """
        while self._beside:
            self.leave_beside(self._beside[-1])
        if self._in_doubt:
            self._undo_prepared()
        if not self._looked:
            self._dirty = set(self.shapes)
            self._altered = self._altered or self.catalogue_now() != self._catalogue
            self.apart()
        try:
            self._put_back()
        except Exception:  # somebody still holds locks; every driver says so in its own way
            self.end_sessions()
            self._undo_prepared()
            self._put_back()
        self._altered = self._looked = False
        self._dirty = set()
        self.named.clear()

    def _put_back(self) -> None:
        if self._altered or any(self.shapes[name].derived for name in self._dirty):
            self.end_sessions()
            self.rebuild()
            self.shapes = self.read_shapes()
            self._catalogue = self.read_catalogue()
            return
        for statement in self.reset_statements(self._with_referring(self._dirty) if self.exact else self._dirty):
            self.ask(statement)

    def emptying(self, tables: Collection[str]) -> list[str]:
        """Statements that take all rows out of tables."""
        if self.exact:
            return self.truncating([self.shapes[name].rows for name in sorted(tables)])
        return [f"DELETE FROM {self.shapes[name].rows}" for name in tables]

    def truncating(self, places: Sequence[str]) -> list[str]:
        """The same with new files; what DELETE leaves behind until it is purged changes locks and their order."""
        return [f"{'DELETE FROM' if place in self.versioned else 'TRUNCATE TABLE'} {place}" for place in places]

    def _with_referring(self, tables: Collection[str]) -> set[str]:
        """These tables, and those with a foreign key to one of them."""
        found: set[str] = set()
        more = set(tables)
        while more:
            found |= more
            more = {
                name
                for name, shape in self.shapes.items()
                if name not in found and any(parent in found for parent, _ in shape.references.values())
            }
        return found

    def remember(self, history: History) -> None:
        """Keep the names that these Calls give to prepared transactions."""
        self.named |= names_in(history)
        self._in_doubt = self._in_doubt or any(prepares(event.call) for event in history)

    def in_doubt(self) -> tuple[str, ...]:
        """The names of prepared transactions that nobody has decided; the next reset rolls them back."""
        found = tuple(self.prepared())
        self._in_doubt = self._in_doubt or bool(found)
        return found

    def _undo_prepared(self) -> None:
        """Nobody else will decide them; one whose session still lives can only be undone when that has ended."""
        try:
            for undo in self.prepared().values():
                self.ask(undo)
        except Exception:
            self.end_sessions()
            for undo in self.prepared().values():
                self.ask(undo)
        self._in_doubt = False

    # Looking

    def look(self) -> Look:
        """Read every table as the administrator, and what DDL has changed since the rows before."""
        catalogue = self.catalogue_now()
        self._shapes_now = self.shapes if catalogue == self._catalogue else self.read_shapes()
        tables = self._read(self._shapes_now)
        self._altered = self._altered or catalogue != self._catalogue
        self._dirty.update(name for name in self.shapes if tables.get(name) != self._seed.get(name))
        tables[SCHEMA] = changes_of(self._catalogue, catalogue, self.apart())
        self._looked = True
        beyond = self.beyond()
        return Look(State(tables), beyond=beyond)

    def _read(self, shapes: Mapping[str, Shape]) -> dict[str, Table]:
        """The rows of these tables, in one request."""
        tables = {name: self._read_last[name] for name in self.locked() & shapes.keys() & self._read_last.keys()}
        asked = {name: shape for name, shape in shapes.items() if name not in tables} if tables else shapes
        for (name, shape), found in zip(asked.items(), self._rows_of(asked), strict=True):
            rows = sorted((tuple(map(_plain, row)) for row in found), key=repr)
            tables[name] = Table(shape.columns, shape.key, shape.references, tuple(rows))
        self._read_last = tables
        return dict(tables)

    def _rows_of(self, shapes: Mapping[str, Shape]) -> list[list[tuple[Any, ...]]]:
        return self.ask_all([*map(self._selecting, shapes.values())])

    def _selecting(self, shape: Shape) -> str:
        columns = ", ".join(map(self.quoted, shape.columns)) or "NULL"  # PostgreSQL has tables without columns
        return f"SELECT {columns} FROM {shape.rows}"

    def violations(self) -> tuple[Violation, ...]:
        """Of the rules that a session may write past."""
        return tuple(broken_rules(self.ask, self.quoted, self._shapes_now))

    def constraints(self) -> int:
        """How many constraints the schema declares."""
        return self._constraints

    def traits(self) -> Mapping[str, Any]:
        """Facts on which faults depend."""
        return {"tables": tuple(self.shapes), "dedicated": self.server.dedicated}

    def choose_victims(self) -> None:
        """The server finds a cycle when it is closed, and chooses by what it knows."""

    def about_to_wait(self, dbapi_connection: Any) -> None:
        """So there is nothing to prepare."""

    def connect_beside(self, limit_s: float = 0) -> Any:
        """A second session on the database, committing by itself; it may do what an administrator may."""
        spare, self._spare = self._spare, None
        if spare is None or not self.clears(spare):
            spare = self.connect_admin(self.database)
        self._beside.append(spare)
        if limit_s:
            rows_of(spare, self.limiting.format(limit_s))
        return spare

    def leave_beside(self, connection: Any) -> None:
        """This session of `connect_beside` has done what it was to do: it holds nothing any more, and may go on."""
        self._beside = [each for each in self._beside if each is not connection]
        if self._spare is None and self.clears(connection):
            self._spare = connection
            return
        with suppress(Exception):
            connection.close()

    def harmless_write(self) -> str:
        """A DELETE that matches no row."""
        first = min(name for name, shape in self.shapes.items() if not shape.derived)
        return f"DELETE FROM {self.shapes[first].place} WHERE 1 = 0"

    # The end

    def close(self) -> None:
        """Drop everything and leave the server; a forked child only lets go."""
        if self._closed or self._owner != os.getpid():
            return
        self._closed = True
        try:
            self._clean_up()
        except BaseException:  # a signal
            self.interrupted = True
            self._clean_up()
            raise
        finally:
            self.leave()

    def _clean_up(self) -> None:
        """Drop everything; what a signal interrupts may be asked once more."""
        self.keep(())
        if self._proxy is not None:
            self._proxy.close()
        for connection in (*self._beside, self._spare):
            with suppress(Exception):
                connection.close()
        if self.interrupted:
            self.interrupted = False
            with suppress(Exception):
                self.begin_anew()
        for each in (self._end_all, self._undo_prepared, self.drop_databases):
            with suppress(Exception):
                each()
        with suppress(Exception):
            self.admin.close()
        self.monitor.close()

    def _end_all(self) -> None:
        for number in self.sessions():
            self.end_session(number)

    def begin_anew(self) -> None:
        """A signal came while the administrator asked: end that session from outside, and clean up in another."""
        self.interrupt((), everything=True)
        with suppress(Exception):
            self.admin.close()
        try:
            self.admin = self.connect_admin(self.database)
        except Exception:  # it was being made, or dropped
            self.admin = self.connect_admin()

    def leave(self) -> None:
        """A dedicated server is of no more use; a shared one is held until the process ends."""
        if self.server.dedicated:
            self.server.stop()

    def restart_server(self) -> None:
        """Crash the dedicated server, and revive it."""
        self.server.down()
        self.revive_server()

    flushing: Sequence[str] = ()  # what flushes the log of the server, where a COMMIT of acidity's own may not

    def flush(self) -> None:
        """Put the rows of the last reset on the disk."""
        self.ask_all([*self.flushing])

    def kill_server(self) -> None:
        """End every process of the dedicated server at once, as ``kill -9`` does; `revive_server` brings it back."""
        self.server.kill()

    def revive_server(self) -> None:
        """Start the killed server, which recovers its data, and become its administrator anew."""
        self.server.up()
        self.reconnect()

    def reconnect(self) -> None:
        """A new administrator's connection, to the database."""
        with suppress(Exception):
            self.admin.close()
        self.monitor.close()
        self.admin = self.connect_admin(self.database)


def _plain(value: Any) -> Any:
    """A value that can be kept and compared; not a number is equal to itself."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, list):  # an array
        return [*map(_plain, value)]
    return _NAN.get(type(value), value) if value != value else value  # noqa: PLR0124

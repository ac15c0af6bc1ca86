"""A database server to make Sandboxes on: a private one that acidity shares and stops, or one that the user named."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from acidity.engines import cache, place
from acidity.engines.place import GATE, LOOPBACK, Kind, Place
from acidity.engines.process import require_proof
from acidity.errors import EngineUnavailable, UsageError


@dataclass(slots=True, eq=False)
class Server:
    """A server on which databases can be created.

    `stop` leaves it, and stops it when nobody else uses it; so does the end of the process. One that the user named by
    URL has no `pid`, and nothing here starts or stops it.

    Attributes:
        version: empty for a PostgreSQL named by URL: it tells only those who have logged in.
        database: the one to administer the server from.
        driver: the SQLAlchemy driver of a URL that names none.
        options: the query of every URL.
        settings: what acidity or the caller set on a private server; a report names them.
        directory: the data directory.
        dedicated: it is this caller's alone, and may be restarted.
    """

    engine: str
    version: str
    host: str
    port: int
    superuser: str
    password: str = field(repr=False)
    database: str
    driver: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    pid: int | None = None
    directory: Path | None = None
    dedicated: bool = False
    _place: Place | None = field(default=None, repr=False)

    def url(self, database: str | None = None, driver: str | None = None, **options: str) -> str:
        """The SQLAlchemy URL of a database on it (default: the one to administer it from)."""
        user = quote(self.superuser, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        name = quote(self.database if database is None else database, safe="")
        query = urlencode({**self.options, **options})
        where = f"{user}@{host}:{self.port}/{name}"
        return f"{self.engine}+{driver or self.driver}://{where}{'?' if query else ''}{query}"

    def stop(self) -> None:
        """Leave it; the last one to leave stops it and removes its files. May be called twice."""
        if self._place is not None:
            self._place.leave()

    def lives(self) -> bool:
        """Whether its process runs; a server that was named by URL is taken to be there."""
        return self._place is None or self._place.process() is not None

    def log(self) -> str:
        """What it has logged since it was started last; empty for one that was named by URL."""
        return "" if self._place is None else self._place.said()

    def down(self, *, immediate: bool = True) -> None:
        """End its process and keep its data: at once, as a crash does, or in order."""
        self._restartable().halt(immediate=immediate)

    def kill(self) -> None:
        """End all its processes with SIGKILL, the first of them last; its data stay."""
        self._restartable().kill()

    def up(self) -> None:
        """Start it again on the same port and data."""
        restartable = self._restartable()
        restartable.launch(self.port)
        self.pid = restartable.number()

    def restart(self, *, immediate: bool = True) -> None:
        """`down` and `up`."""
        self.down(immediate=immediate)
        self.up()

    def _restartable(self) -> Place:
        if self._place is None or not self.dedicated:
            raise UsageError("only a dedicated server can be restarted: start(dedicated=True)")
        return self._place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(kind: Kind, *, dedicated: bool = False, on_disk: bool = False) -> Server:
    """Join the private server of this kind, or start it; a dedicated one is this caller's alone.

    One that is to be on a disk lives outside of ``/dev/shm``.

    Raises:
        EngineUnavailable: it does not start, or does not answer; the message says what it said.
        UsageError: it refuses a setting.
    """
    require_proof()
    sweep()
    kind.template()  # may take seconds the first time: not while others wait at the gate
    root = cache.servers_root(in_memory=not on_disk)
    held: Place | None = None
    try:
        with ExitStack() as gate:
            gate.enter_context(cache.locked(root / GATE))
            place.sweep(root)  # again: a server that nobody holds has rows of a killed process, and is not joined
            held = Place(root, kind, dedicated=dedicated)
            if dedicated:
                gate.close()  # nobody else knows this directory, and the hold on it keeps it from being swept
            held.occupy()
            return _server(held, dedicated=dedicated)
    except BaseException:
        if held is not None:
            held.leave()
        raise


def _server(held: Place, *, dedicated: bool) -> Server:
    header = held.header()
    return Server(
        engine=held.kind.engine,
        version=held.kind.version,
        host=LOOPBACK,
        port=int(header["port"]),
        superuser=held.kind.superuser,
        password=str(header["password"]),
        database=held.kind.database,
        driver=held.kind.driver,
        settings=dict(held.kind.settings),
        pid=held.number(),
        directory=held.run / "data",
        dedicated=dedicated,
        _place=held,
    )


def sweep() -> list[Path]:
    """End the servers that killed processes left behind, as far as they are provably ours; give what was removed."""
    removed = []
    for root in cache.servers_roots():
        with cache.locked(root / GATE):
            removed += place.sweep(root)
    return removed


def named(
    variable: str, names: Collection[str], blank: Server, settings: Mapping[str, str], given: str = ""
) -> Server | None:
    """The server whose URL the user gave, or put into an environment variable; None where there is neither.

    Args:
        variable: the environment variable.
        names: the dialects that are understood, without driver.
        blank: what holds where the URL is silent.
        settings: what was asked for; a server that is not ours is not reconfigured.
        given: the URL that was given in the call; then the variable is not looked at.

    Raises:
        UsageError: it is no URL of such a server.
        EngineUnavailable: nothing answers there, or settings were asked for.
    """
    text = given or os.environ.get(variable)
    if not text:
        return None
    if given:
        variable = "db="
    try:
        url = urlsplit(text)
        dialect, _, driver = url.scheme.partition("+")
        port = url.port or blank.port
    except ValueError as error:
        raise UsageError(f"{variable} is not a URL: {error}") from error
    if dialect not in names:
        raise UsageError(f"{variable} must be a URL that begins with one of: {', '.join(sorted(names))}")
    if settings:
        raise EngineUnavailable(
            f"the server in {variable} is not acidity's to configure ({', '.join(sorted(settings))}): "
            f"unset {variable}, so that a private server is started"
        )
    server = Server(
        engine=blank.engine,
        version="",
        host=url.hostname or blank.host,
        port=port,
        superuser=unquote(url.username or blank.superuser),
        password=unquote(url.password or ""),
        database=unquote(url.path.lstrip("/")) or blank.database,
        driver=driver or blank.driver,
        options=dict(parse_qsl(url.query)),
    )
    if not {"host", "unix_socket"} & server.options.keys():
        try:
            socket.create_connection((server.host, server.port), 10).close()
        except OSError as error:
            raise EngineUnavailable(
                f"{variable} names {server.host}:{server.port}, where nothing answers ({error}); "
                f"start that server, or unset {variable}, so that a private server is started"
            ) from error
    return server

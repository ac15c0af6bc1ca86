"""Find a MariaDB: the one named by URL, the one of the machine, or the distribution's packages unpacked into the cache.

Unpacking needs no root and installs nothing: `apt-get` says what this machine lacks, downloads it, and the packages
are unpacked beside each other; their scripts never run, so no service is started and no user is made.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from acidity.engines import cache
from acidity.engines import server as servers
from acidity.engines.packages import libraries, unpacked
from acidity.engines.place import LOOPBACK, Kind
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

URL = "ACIDITY_MARIADB_URL"
PACKAGES = ("mariadb-server-core", "mariadb-client-core")  # the second has my_print_defaults

DEFAULTS = {
    "innodb-flush-log-at-trx-commit": "2",  # survives a killed server, not a power cut; 0 is no faster and loses rows
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "8M",
    "innodb-autoextend-increment": "1",
    "innodb-buffer-pool-dump-at-shutdown": "0",
    "innodb-buffer-pool-load-at-startup": "0",
    "character-set-server": "utf8mb4",  # as distributions set it; the built-in default of MariaDB < 11.6 is latin1
    "max-connections": "200",
    "max-connect-errors": "1000000",  # a test that cuts connections must not lock the loopback out
}
_OURS = frozenset({"port", "bind-address", "socket", "pid-file", "datadir", "basedir", "user", "skip-networking"})
_BAKED = frozenset({"innodb-page-size", "innodb-data-file-path", "innodb-undo-tablespaces", "lower-case-table-names"})
_MAKING = frozenset({"innodb-log-file-size", "innodb-autoextend-increment"})
_PROTOCOL = 10

# The only account is the superuser on the loopback, with a password: a superuser of MariaDB can make its server load
# a library, and every user of the machine may connect to the loopback.
_ACCOUNTS = """\
DELETE FROM mysql.global_priv WHERE NOT (User = 'mariadb.sys' OR (User = 'root' AND Host = '127.0.0.1'));
DELETE FROM mysql.proxies_priv;
UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', 'mysql_native_password', '$.authentication_string', \
PASSWORD('{password}')) WHERE User = 'root';
"""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A MariaDB installation whose programs the server's user can run.

    Attributes:
        libraries: where the loader has to look besides; empty for an installed MariaDB.
    """

    server: Path
    install: Path
    version: str
    libraries: tuple[Path, ...] = ()

    @property
    def base(self) -> Path:
        """The directory above ``bin`` and ``sbin``."""
        return self.server.parent.parent

    def environment(self) -> dict[str, str]:
        """The whole environment of its programs."""
        libraries = {"LD_LIBRARY_PATH": ":".join(map(str, self.libraries))} if self.libraries else {}
        return cache.server_environment(**libraries)

    def places(self) -> list[str]:
        """Options that say where its own files lie, which it otherwise expects where its package puts them."""
        words = [f"--basedir={self.base}"]
        messages = [share for share in self._below("share") if (share / "english" / "errmsg.sys").is_file()]
        plugins = [path / "plugin" for path in self._below("lib") if (path / "plugin").is_dir()]
        words += [f"--lc-messages-dir={path}" for path in messages[:1]]
        words += [f"--plugin-dir={path}" for path in plugins[:1]]
        return words

    def _below(self, name: str) -> list[Path]:
        return [self.base / name / "mariadb", self.base / name / "mysql", self.base / name]


@dataclass(frozen=True)
class MariadbKind(Kind):
    """How to make and run a private MariaDB from these binaries, with what was asked for over `DEFAULTS`."""

    binaries: Binaries
    asked: Mapping[str, str] = field(default_factory=dict)

    engine = "mariadb"
    superuser = "root"
    database = ""
    driver = "pymysql"
    orderly = (signal.SIGTERM,)
    abrupt = (signal.SIGKILL,)
    port_taken = re.compile(r"Bind on TCP/IP port|Address already in use")
    setting_refused = re.compile(
        r"unknown (variable|option)|Unknown suffix|Error while setting value|ambiguous option|"
        r"option '.*': .*value .* (adjusted to|wasn't recognized)"
    )

    def __post_init__(self) -> None:
        for name in {_dashed(name) for name in self.asked} & _OURS:
            raise UsageError(f"the setting {name!r} is acidity's own on a private server")

    @property
    def version(self) -> str:
        """As ``mariadbd --version`` says."""
        return self.binaries.version

    @property
    def settings(self) -> Mapping[str, str]:
        """`DEFAULTS` and what was asked for."""
        return DEFAULTS | {_dashed(name): value for name, value in self.asked.items()}

    def key(self) -> str:
        """A fingerprint of build and settings: servers that are alike are shared."""
        return cache.fingerprint(self.binaries.server, *_options(self.settings))

    def template(self) -> Path:
        """A data directory as ``mariadb-install-db`` made it; copying it takes a fraction of making it."""
        baked = _options({name: value for name, value in self.settings.items() if name in _BAKED})
        build = cache.fingerprint(self.binaries.server, *baked)
        return cache.once(cache.cache_root() / "mariadb" / f"data-{self.version}-{build}", self._install)

    def _install(self, target: Path) -> None:
        password = secrets.token_urlsafe(24)
        area = cache.server_directory(target / "making")
        accounts = area / "accounts.sql"
        accounts.write_text(_ACCOUNTS.format(password=password), encoding="utf-8")
        cache.give_to_server(accounts)
        command: list[str | Path] = [self.binaries.install, "--no-defaults", *self.binaries.places()]
        command += [f"--datadir={area / 'data'}", f"--extra-file={accounts}", "--force", "--skip-name-resolve"]
        command += ["--skip-test-db", "--auth-root-authentication-method=normal"]
        command += _options({name: value for name, value in self.settings.items() if name in _BAKED | _MAKING})
        cache.run(command, area, self.environment(), **cache.as_server())
        (area / "data").rename(target / "data")
        shutil.rmtree(area)
        (target / "password").touch(mode=0o600)
        (target / "password").write_text(password, encoding="utf-8")

    def command(self, run: Path, port: int) -> list[str]:
        """``mariadbd`` on the loopback only; the socket is named relative to the data, for a path of any length."""
        words = [str(self.binaries.server), "--no-defaults", *self.binaries.places(), f"--datadir={run / 'data'}"]
        words += [f"--port={port}", f"--bind-address={LOOPBACK}", "--socket=socket", f"--pid-file={run / 'pid'}"]
        words += [f"--tmpdir={run}"]  # a server that starts deletes what others have in a shared one
        return [*words, "--skip-name-resolve", *_options(self.settings)]

    def environment(self) -> dict[str, str]:
        """With the libraries of unpacked packages."""
        return self.binaries.environment()

    def answers(self, run: Path, port: int, pid: int) -> bool:
        """It has written its number, which it does when it has the port, and greets a client on that port."""
        with suppress(OSError, ValueError):
            return int((run / "pid").read_text(encoding="utf-8")) == pid and greeting(LOOPBACK, port) is not None
        return False


def greeting(host: str, port: int) -> str | None:
    """The version with which a server greets; None where no server of this protocol accepts a connection."""
    with suppress(OSError), socket.create_connection((host, port), 5) as connection:
        packet = connection.makefile("rb")
        length = int.from_bytes(packet.read(3), "little")
        body = packet.read(length + 1)[1:]  # one byte more: the number of the packet
        if body[:1] == bytes([_PROTOCOL]):
            return body[1:].partition(b"\0")[0].decode(errors="replace").removeprefix("5.5.5-")
    return None


def start(
    settings: Mapping[str, str] | None = None, *, dedicated: bool = False, on_disk: bool = False, url: str = ""
) -> Server:
    """A MariaDB to make databases on: the one in ``ACIDITY_MARIADB_URL``, or a private one.

    Args:
        settings: system variables of the server; each set of them is another server.
        dedicated: a private one that nobody shares and that may be restarted, whatever the environment says.
        on_disk: a dedicated one does not live in memory.
        url: of a server that the caller names; no other one is used then.

    Raises:
        EngineUnavailable: there is none to be had; the message says what would help.
        UsageError: the URL or a setting is wrong.
    """
    asked = dict(settings or {})
    if not dedicated:
        server = servers.named(URL, {"mariadb", "mysql"}, _blank(), asked, url)
        if server is not None:
            return _greeted(server)
    return servers.start(MariadbKind(find(), asked), dedicated=dedicated, on_disk=on_disk)


def _blank() -> Server:
    kind = MariadbKind
    return Server(kind.engine, "", "localhost", 3306, kind.superuser, "", kind.database, kind.driver)


def _greeted(server: Server) -> Server:
    """The named server with its version; another database of the same protocol is refused."""
    if "unix_socket" in server.options:
        return server
    version = greeting(server.host, server.port)
    if version is None or "MariaDB" not in version:
        raise EngineUnavailable(f"{URL} names {server.host}:{server.port}: no MariaDB ({version or 'no greeting'})")
    server.version = version.partition("-")[0]
    return server


def find(*, path: str | None = None) -> Binaries:
    """The first MariaDB whose programs run: the machine's, then one unpacked from packages.

    Args:
        path: where programs are looked up; default ``PATH`` and the directories of system programs.

    Raises:
        EngineUnavailable: there is none.
    """
    where = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin" if path is None else path
    reasons: list[str] = []
    for candidate in _candidates(where, reasons):
        try:
            return _usable(*candidate)
        except EngineUnavailable as error:
            reasons.append(str(error))
    tried = f" (tried: {'; '.join(reasons)})" if reasons else ""
    raise EngineUnavailable(
        f"no MariaDB found{tried}. Any of these helps: install the packages mariadb-server-core and "
        "mariadb-client-core (Debian, Ubuntu) or mariadb-server (elsewhere), so that mariadbd is on the PATH; "
        f"set {URL} to a server on which databases may be created"
    )


def _candidates(where: str, reasons: list[str]) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name, path=where)
        if found is not None:
            yield Path(found).resolve(), ()
    try:
        tree = unpacked("mariadb", PACKAGES, where)
    except EngineUnavailable as error:
        reasons.append(str(error))
    else:
        yield tree / "usr" / "sbin" / "mariadbd", libraries(tree)


def _usable(server: Path, libraries: tuple[Path, ...]) -> Binaries:
    base = server.parent.parent
    install = _first(base, ("bin", "scripts"), ("mariadb-install-db", "mysql_install_db"))
    _first(base, ("bin", "extra"), ("my_print_defaults",))  # the script above needs it
    if not cache.reachable(server):
        raise EngineUnavailable(f"{server} cannot be reached by the user who runs servers")
    version = _version(server, libraries, cache.fingerprint(server))
    return Binaries(server, install, version, libraries)


@lru_cache(maxsize=16)
def _version(server: Path, libraries: tuple[Path, ...], _build: str) -> str:
    """What this build of the program says that it is."""
    environment = Binaries(server, server, "", libraries).environment()
    said = cache.run([server, "--no-defaults", "--version"], Path("/"), environment)
    version = re.search(r"Ver (\d+(?:\.\d+)+)-MariaDB", said)
    if version is None:
        raise EngineUnavailable(f"{server} is no MariaDB: {cache.last_words(said)}")
    return version.group(1)


def _first(base: Path, directories: tuple[str, ...], names: tuple[str, ...]) -> Path:
    for directory in directories:
        for name in names:
            if (base / directory / name).is_file():
                return base / directory / name
    raise EngineUnavailable(f"{base} has no {names[0]}")


def _dashed(name: str) -> str:
    return name.strip().replace("_", "-")


def _options(settings: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in sorted(settings.items())]

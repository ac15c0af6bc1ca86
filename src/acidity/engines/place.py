"""The directory of one private server: who uses it, which process it is, and its data.

Who uses the server holds a shared ``flock`` on a file in the directory; the kernel drops the lock with the process,
however that ends. So whoever can take the lock exclusively is alone: the one who leaves last stops the server, and the
next start ends what a killed process left behind. Starting, leaving and sweeping happen behind one gate per user, so
that nobody joins a server that is being stopped. A server's process writes down its own number and start time before it
becomes the server: there is no moment in which it runs unrecorded.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

from acidity.engines import cache
from acidity.engines.process import OwnProcess, identity
from acidity.errors import EngineUnavailable, UsageError

LOOPBACK = "127.0.0.1"
GATE = "gate"
_PATIENCE = 60.0
_TRIES = 5
_RECORD_AND_BECOME = 'IFS= read -r line </proc/$$/stat && printf "%s\\n" "$line" && exec "$@" >&2'


class Kind(Protocol):
    """What one engine knows about its servers: how to make the data, how to run on them, when they answer.

    Attributes:
        driver: the SQLAlchemy driver of a URL that names none.
        orderly: the signals of a shutdown in order.
        abrupt: the signals of an end at once, as after a crash.
        port_taken: what the log says when the port is not free.
        setting_refused: what the log says about a setting that does not exist or has no such value.
    """

    engine: ClassVar[str]
    superuser: ClassVar[str]
    database: ClassVar[str]
    driver: ClassVar[str]
    orderly: ClassVar[Sequence[int]]
    abrupt: ClassVar[Sequence[int]]
    port_taken: ClassVar[re.Pattern[str]]
    setting_refused: ClassVar[re.Pattern[str]]

    @property
    def version(self) -> str:
        """The version of the programs."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What differs from the engine's defaults."""

    def key(self) -> str:
        """A short name that differs where two servers cannot be the same one."""

    def template(self) -> Path:
        """A directory with ``data`` to copy and the ``password`` to it, made on the first call."""

    def command(self, run: Path, port: int) -> list[str]:
        """The program and its arguments, to run on ``run/data``."""

    def environment(self) -> dict[str, str]:
        """The whole environment of the server."""

    def answers(self, run: Path, port: int, pid: int) -> bool:
        """Whether the server with that number accepts connections now."""


class Place:
    """This process's hold on one private server, joined or started by `occupy`."""

    def __init__(self, root: Path, kind: Kind, *, dedicated: bool) -> None:
        own = f"-{os.getpid()}-{secrets.token_hex(3)}" if dedicated else ""
        self.kind = kind
        self.path = root / f"{kind.engine}-{kind.key()}{own}"
        self.run = self.path / "run"
        self._root = root
        self._owner = os.getpid()
        self._joined: OwnProcess | None = None
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
            if os.geteuid() == 0:  # the server passes through it to its own directory, and nobody else does
                os.chown(self.path, 0, cache.NOBODY)
                self.path.chmod(0o710)
        self._hold = _open_lock(self.path)
        fcntl.flock(self._hold, fcntl.LOCK_SH)
        atexit.register(self.leave)

    def occupy(self) -> None:
        """Join the server that runs here, or start it."""
        if self.process() is not None:
            self._await_answer()
            self._joined = self.process()
            return
        if not (self.run / "data").is_dir():
            self._populate()
        self.launch(self.header().get("port"))  # a crashed server that others hold comes back where they look for it

    def _populate(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        template = self.kind.template()
        cache.server_directory(self.run)
        copy: list[str | Path] = ["/bin/cp", "-R", "-p", template / "data", self.run / "new"]
        cache.run(copy, self.run, cache.server_environment(), **cache.as_server())
        (self.run / "new").rename(self.run / "data")  # so that "data" is whole wherever it exists
        _write_private(self.path / "password", (template / "password").read_text(encoding="utf-8"))

    def launch(self, port: int | None = None) -> None:
        """Start the server on that port, or on a free one; come back when it answers."""
        name = f"{self.kind.engine} {self.kind.version}"
        for _ in range(_TRIES):
            chosen = port or _free_port()
            started = self._try_to_launch(chosen)
            said = self.said()
            refused = "\n".join(line for line in said.splitlines() if self.kind.setting_refused.search(line))
            if refused:  # it may run all the same, with another value than the one that was asked for
                self.halt(immediate=True)
                raise UsageError(f"{name} refuses a setting: {cache.last_words(refused)}")
            if started:
                self._joined = self.process()
                return
            if not self.kind.port_taken.search(said):
                raise EngineUnavailable(f"{name} did not start: {cache.last_words(said)}")
        raise EngineUnavailable(f"{name} did not start: port {chosen} of {LOOPBACK} is in use by another process")

    def _try_to_launch(self, port: int) -> bool:
        """Start it and wait until it answers; False when it ended instead."""
        command = ["/bin/sh", "-c", _RECORD_AND_BECOME, "acidity", *self.kind.command(self.run, port)]
        header = {"engine": self.kind.engine, "port": port, "data": str(self.run / "data")}
        header |= {"password": (self.path / "password").read_text(encoding="utf-8"), "abrupt": list(self.kind.abrupt)}
        _write_private(self.path / "marker", json.dumps(header) + "\n")
        with (self.path / "marker").open("ab") as marker, os.fdopen(_private(self.path / "log"), "wb") as log:
            process = subprocess.Popen(  # noqa: S603 - an argument list; the script is a constant
                command,
                cwd=self.run,
                env=self.kind.environment(),
                stdin=subprocess.DEVNULL,
                stdout=marker,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for acidity, which then stops the server
                **cache.as_server(),
            )
        try:
            deadline = time.monotonic() + _PATIENCE
            while process.poll() is None:
                if self.kind.answers(self.run, port, process.pid):
                    process.returncode = 0  # it may outlive this process: nobody waits for it as for a child
                    return True
                self._check(deadline)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.005)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return False

    def _await_answer(self) -> None:
        """Who joins may find the server recovering from a crash."""
        deadline = time.monotonic() + _PATIENCE
        while not self.kind.answers(self.run, int(self.header()["port"]), self.number()):
            self._check(deadline if self.process() else 0)
            time.sleep(0.005)

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            said = cache.last_words(self.said())
            raise EngineUnavailable(f"{self.kind.engine} {self.kind.version} does not answer: {said}")

    def halt(self, *, immediate: bool) -> None:
        """End the process; the data stay."""
        process = self.process()
        if process is not None:
            process.end(self.kind.abrupt if immediate else self.kind.orderly)

    def kill(self) -> None:
        """End the server and what it has started with SIGKILL; the data stay."""
        process = self.process()
        if process is not None:
            process.kill_family()

    def leave(self) -> None:
        """Let go; when nobody else holds on, stop the server and remove everything. A forked child does nothing."""
        if self._hold < 0 or self._owner != os.getpid():
            return
        atexit.unregister(self.leave)
        hold, self._hold = self._hold, -1
        try:
            with cache.locked(self._root / GATE):
                _remove_if_alone(self.path, hold)
        except FileNotFoundError:  # somebody deleted the directory, marker and gate: nobody can join any more
            if _is_alone(hold) and self._joined is not None:
                self._joined.end()
        finally:
            os.close(hold)

    def process(self) -> OwnProcess | None:
        """The server's process, when it runs and is provably ours."""
        return recorded(self.path)

    def number(self) -> int:
        """The number of the server's process, 0 when it does not run."""
        process = self.process()
        return process.pid if process else 0

    def said(self) -> str:
        """The server's log since it was started last."""
        with suppress(OSError):
            return (self.path / "log").read_text(encoding="utf-8", errors="replace")
        return ""

    def header(self) -> dict[str, Any]:
        """What was written down when the server was started; empty before."""
        with suppress(OSError, ValueError):
            header: dict[str, Any] = json.loads((self.path / "marker").read_text(encoding="utf-8").partition("\n")[0])
            return header
        return {}


def sweep(root: Path) -> list[Path]:
    """Behind the gate of `root`: end the servers that nobody holds and that are provably ours; remove their files."""
    removed = []
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            hold = _open_lock(path)
            try:
                if _remove_if_alone(path, hold):
                    removed.append(path)
            finally:
                os.close(hold)
    return removed


def _is_alone(hold: int) -> bool:
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_if_alone(path: Path, hold: int) -> bool:
    if not _is_alone(hold):
        return False
    process = recorded(path)
    if process is not None:
        process.end()
    shutil.rmtree(path, ignore_errors=True)
    return True


def recorded(path: Path) -> OwnProcess | None:
    """The process that the marker in a server's directory proves to be that server; None when it does not run."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        first, _, second = (path / "marker").read_text(encoding="utf-8").partition("\n")
        found = identity(second)
        if found is not None:
            header = json.loads(first)
            process = OwnProcess(*found, directory=Path(header["data"]), abrupt=tuple(header["abrupt"]))
            return process if process.lives() else None
    return None


def _open_lock(path: Path) -> int:
    return os.open(path / "users", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(_private(path), "w", encoding="utf-8") as file:
        file.write(text)


def _private(path: Path) -> int:
    """A new file for the owner alone: a server's log holds statements that failed, with the values of rows."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)


def _free_port() -> int:
    """A port that was free just now; a server that finds it taken is started again on another one."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port

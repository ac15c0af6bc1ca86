"""Where acidity keeps what takes long to make (unpacked binaries, empty data directories), and as whom servers run.

Database servers refuse to run as root, so a root process runs them as `nobody`, by number: no user is created and no
permission of a foreign directory is changed. What the server reads must then be reachable for that user, and a home
directory often is not; `reachable` asks the kernel instead of guessing from permission bits.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from acidity.engines.directory import room_in
from acidity.errors import EngineUnavailable

NOBODY = 65534
ROOM = 512 * 2**20
_FOUND_BY_ALL = 0o755
_PRIVATE = 0o700
_MEMORY = Path("/dev/shm")  # noqa: S108 - checked by own_root


def as_server() -> dict[str, Any]:
    """Keywords for `subprocess` that make a server's process unprivileged; none when this process already is."""
    if os.geteuid() != 0:
        return {"umask": 0o077}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "umask": 0o077}


def server_environment(**more: str) -> dict[str, str]:
    """Nothing of the caller's environment (``PG*``, ``LD_*``, locale); the same time zone on every machine."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC", **more}


def run(command: Sequence[str | Path], directory: Path, environment: Mapping[str, str], **how: Any) -> str:
    """Run a program to its end and give what it printed.

    Raises:
        EngineUnavailable: it failed; the message carries its last words.
    """
    name = Path(command[0]).name
    try:
        ended = subprocess.run(  # noqa: S603 - an argument list, no shell
            [str(word) for word in command],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
            **how,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineUnavailable(f"{name} could not be run: {error}") from error
    text: str = ended.stdout.decode(errors="replace")
    if ended.returncode != 0:
        raise EngineUnavailable(f"{name} failed ({ended.returncode}): {last_words(text)}")
    return text


def last_words(text: str, lines: int = 8) -> str:
    """The end of what a program said, for a message."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:]) or "it said nothing"


def reachable(path: Path) -> bool:
    """Whether the user who runs servers may pass every directory on the way and read (or enter) `path`.

    Root asks a process of that user, which costs a fork of this one: once for each path, until an owner or a permission
    on the way changes.

    Raises:
        EngineUnavailable: no process of that user can be started.
    """
    if os.geteuid() != 0:
        return os.access(path, os.R_OK | os.X_OK)
    way = tuple(map(_owner_and_permissions, (path, *path.parents)))
    if None in way:
        return False
    return _reached(path, way)


def _owner_and_permissions(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_uid, found.st_gid, found.st_mode


@lru_cache(maxsize=256)
def _reached(path: Path, _way: object) -> bool:
    command = ["/bin/sh", "-c", 'test -r "$0" && test -x "$0"', str(path)]
    try:
        return subprocess.run(command, cwd="/", check=False, **as_server()).returncode == 0  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineUnavailable(
            f"root cannot start a process as user {NOBODY} here ({error}), and no database server runs as root; "
            "run acidity as an ordinary user, or name a running server by URL"
        ) from error


def cache_root() -> Path:
    """``ACIDITY_CACHE_DIR``, else ``~/.cache/acidity``, else (root whose home is closed) a directory in ``/var/tmp``.

    Raises:
        EngineUnavailable: the directory belongs to somebody else, or a server could not read below it.
    """
    chosen = os.environ.get("ACIDITY_CACHE_DIR")
    if chosen:
        return own_root(Path(chosen).absolute(), "ACIDITY_CACHE_DIR")
    usual = Path("~").expanduser() / ".cache"
    if os.geteuid() != 0 or (usual.is_dir() and reachable(usual)):
        return own_root(usual / "acidity", "ACIDITY_CACHE_DIR")
    return own_root(Path("/var/tmp") / f"acidity-cache-{os.geteuid()}", "ACIDITY_CACHE_DIR")  # noqa: S108 - checked


def servers_root(*, in_memory: bool = True) -> Path:
    """Where private servers live: ``ACIDITY_SANDBOX_DIR``, else memory when there is room, else temporary files.

    Args:
        in_memory: ``/dev/shm`` will do.

    Creating and emptying tables is five times as fast in memory.
    """
    for home in _homes():
        if home == _MEMORY and not in_memory:
            continue
        if os.environ.get("ACIDITY_SANDBOX_DIR"):
            with room_in(home, "ACIDITY_SANDBOX_DIR"):
                home.mkdir(parents=True, exist_ok=True)
        elif not (os.access(home, os.W_OK | os.X_OK) and shutil.disk_usage(home).free > ROOM and reachable(home)):
            continue
        return own_root(home / _servers(), "ACIDITY_SANDBOX_DIR")
    raise EngineUnavailable("no directory has room for a server; name one in ACIDITY_SANDBOX_DIR")


def servers_roots() -> list[Path]:
    """Every place that `servers_root` may have answered before, as far as it exists and is ours."""
    roots = dict.fromkeys(home / _servers() for home in _homes())
    return [root for root in roots if _is_ours(root)]


def _homes() -> list[Path]:
    chosen = os.environ.get("ACIDITY_SANDBOX_DIR")
    if chosen:
        return [Path(chosen).absolute()]
    return [_MEMORY, Path(tempfile.gettempdir()), Path("/var/tmp")]  # noqa: S108 - checked by own_root


def _servers() -> str:
    return f"acidity-servers-{os.geteuid()}"


def own_root(path: Path, variable: str) -> Path:
    """Make a directory that nobody else can write to, and prove it: its name may be known to others."""
    with room_in(path.parent, variable):
        path.parent.mkdir(parents=True, exist_ok=True)
    with room_in(path, variable), suppress(FileExistsError):
        path.mkdir(mode=_PRIVATE)
        if os.geteuid() == 0:
            path.chmod(_FOUND_BY_ALL)  # whatever the umask is; what is in it is private
    if not _is_ours(path):
        raise EngineUnavailable(
            f"{path} belongs to somebody else or others may write to it; name another directory in {variable}"
        )
    if not reachable(path):
        raise EngineUnavailable(
            f"user {NOBODY}, as whom root runs a server, cannot enter {path}; name another directory in {variable}"
        )
    return path


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & stat.S_IWOTH


def server_directory(path: Path) -> Path:
    """A new directory that belongs to the server's user alone."""
    path.mkdir(mode=_PRIVATE)
    give_to_server(path)
    return path


def give_to_server(path: Path) -> None:
    """Make the server's user the owner of what root has made."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def open_to_all(tree: Path) -> None:
    """Let everybody read a copy of published files, whatever the permissions of the original were."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444))


def fingerprint(path: Path, *more: str) -> str:
    """A short name of one build of a program: it changes when the file is replaced."""
    found = path.stat()
    text = "\n".join((str(path), str(found.st_size), str(found.st_mtime_ns), str(os.geteuid()), *more))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def once(target: Path, build: Callable[[Path], None]) -> Path:
    """Give `target`; where it is missing, let one process build it beside and put it in place complete."""
    if target.exists():
        return target
    target.parent.mkdir(exist_ok=True, mode=_FOUND_BY_ALL)
    with locked(target.parent / "lock"):
        if target.exists():
            return target
        for left in target.parent.glob(".new-*"):  # a builder was killed: we hold the lock, so it is not at work
            shutil.rmtree(left, ignore_errors=True)
        fresh = target.parent / f".new-{secrets.token_hex(4)}"
        fresh.mkdir()
        try:
            fresh.chmod(_FOUND_BY_ALL)
            build(fresh)
            fresh.rename(target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return target


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone in this context, among all processes; the lock file stays, or two could hold different files."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)

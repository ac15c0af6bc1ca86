"""Hear what SQLite asks the file system for, in this process, without another driver, URL or library.

SQLite reaches files through a table of functions, its VFS. The one that the library of `sqlite3` uses by default gets
two functions of ours, for opening and for deleting. Every file is opened by the original; one of the database that is
recorded then gets a copy of its table of methods in which four are ours: write, truncate, sync and close. All others
are SQLite's own, and so is every other file of the process. Taking it back means to write the original pointers where
they were; the copies stay in memory for ever, because a file that somebody still has open points at one.
"""

from __future__ import annotations

import _sqlite3
import atexit
import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

_OK, _IOERR = 0, 10
_OPEN_CREATE = 0x4
_OPEN_JOURNALS = 0x800 | 0x4000 | 0x80000  # SQLITE_OPEN_MAIN_JOURNAL, _SUPER_JOURNAL, _WAL
_POINTERS = {1: 12, 2: 16, 3: 18}  # of a table of methods, by its version


class Unrecordable(Exception):  # noqa: N818 - nothing went wrong
    """The library that `sqlite3` uses cannot be reached from Python; the message says why."""


class Tape(Protocol):
    """What hears of one database. Nothing it raises may get lost, so it raises nothing."""

    def takes(self, path: str) -> bool:
        """Whether this file belongs to the database."""

    def refuses(self, path: str, request: str) -> int:
        """The result code with which a ``write``, ``truncate``, ``sync`` or ``delete`` fails undone; 0 lets it be."""

    def opened(self, path: str, *, new: bool) -> None:
        """It was opened, and made by that."""

    def written(self, path: str, offset: int, data: bytes) -> None:
        """Bytes are about to be written."""

    def truncated(self, path: str, size: int) -> None:
        """It is about to be cut."""

    def syncing(self) -> int:
        """A sync begins; what `synced` needs to know of that."""

    def synced(self, path: str, begun: int, *, directory: bool) -> None:
        """It has ended."""

    def deleted(self, path: str, *, directory: bool) -> None:
        """The file is gone."""

    def exists(self, path: str) -> bool:
        """Whether the file is there now."""


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_max", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("truncate", ctypes.c_void_p),
        ("sync", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 13),
    )


_Address = ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _Address, _Address, _Address, ctypes.c_int, _Address)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _Address, _Address, ctypes.c_int)
_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, _Address)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _Address, _Address, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _Address, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _Address, ctypes.c_int)


class _Patched:
    """A copy of one table of methods, with four of ours in it while a recording is on."""

    def __init__(self, shim: _Shim, address: int) -> None:
        version = min(max(ctypes.c_int.from_address(address).value, 1), max(_POINTERS))
        self.table = _Methods()
        ctypes.memmove(ctypes.addressof(self.table), address, 8 + 8 * _POINTERS[version])
        self.table.version = version
        self._originals = {name: getattr(self.table, name) for name in ("close", "write", "truncate", "sync")}
        self._ours = self._callbacks(shim)

    def _callbacks(self, shim: _Shim) -> dict[str, Any]:
        close, write = _CLOSE(self._originals["close"]), _WRITE(self._originals["write"])
        truncate, sync = _TRUNCATE(self._originals["truncate"]), _SYNC(self._originals["sync"])

        def closed(file: int) -> int:
            shim.files.pop(file, None)
            return int(close(file))

        def written(file: int, buffer: int, amount: int, offset: int) -> int:
            if refused := shim.refusal(file, "write"):
                return refused
            shim.hear(file, lambda tape, path: tape.written(path, offset, ctypes.string_at(buffer, amount)))
            return int(write(file, buffer, amount, offset))

        def truncated(file: int, size: int) -> int:
            if refused := shim.refusal(file, "truncate"):
                return refused
            shim.hear(file, lambda tape, path: tape.truncated(path, size))
            return int(truncate(file, size))

        def synced(file: int, flags: int) -> int:
            if refused := shim.refusal(file, "sync"):
                return refused
            begun = shim.hear(file, lambda tape, _: tape.syncing())
            result = int(sync(file, flags))
            if result == _OK:
                first = shim.take_first_sync(file)
                shim.hear(file, lambda tape, path: tape.synced(path, begun, directory=first))
            return result

        return {
            "close": _CLOSE(closed),
            "write": _WRITE(written),
            "truncate": _TRUNCATE(truncated),
            "sync": _SYNC(synced),
        }

    def on(self) -> None:
        for name, callback in self._ours.items():
            setattr(self.table, name, ctypes.cast(callback, ctypes.c_void_p).value)

    def off(self) -> None:
        for name, original in self._originals.items():
            setattr(self.table, name, original)


class _Shim:
    """The one shim of this process.

    Attributes:
        tape: who hears; None while nothing is recorded.
        files: the address of an open file that is recorded → its path.
        trouble: what was raised where nothing can be raised: a Ctrl-C, or a mistake of ours.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        try:
            find = library.sqlite3_vfs_find
        except AttributeError:
            raise Unrecordable("the SQLite of this Python does not show its VFS") from None
        find.restype = ctypes.c_void_p
        address = find(None)
        if not address:
            raise Unrecordable("the SQLite of this Python has no VFS")
        self.tape: Tape | None = None
        self.files: dict[int, str] = {}
        self.trouble: BaseException | None = None
        self._unsynced: set[int] = set()  # journals since they were opened: their first sync syncs the directory
        self._vfs = _Vfs.from_address(address)
        self._original_open, self._original_delete = self._vfs.open, self._vfs.delete
        self._tables: dict[int, _Patched] = {}
        self._opening, self._deleting = self._callbacks()

    def _callbacks(self) -> tuple[Any, Any]:
        original_open, original_delete = _OPEN(self._original_open), _DELETE(self._original_delete)

        def opened(vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
            path = self._path(name)
            new = path is not None and not self.exists(path)
            result = int(original_open(vfs, name, file, flags, out))
            if result == _OK and path is not None:
                self._take(file, path, flags, new=new)
            return result

        def deleted(vfs: int, name: int | None, directory: int) -> int:
            path = self._path(name)
            refused = 0 if path is None else self._tell(lambda tape: tape.refuses(path, "delete"))
            if refused:
                return int(refused)
            result = int(original_delete(vfs, name, directory))
            if result == _OK and path is not None:
                self._tell(lambda tape: tape.deleted(path, directory=bool(directory)))
            return result

        return _OPEN(opened), _DELETE(deleted)

    def start(self, tape: Tape) -> None:
        """Let this tape hear from now on."""
        self.trouble = None
        self.tape = tape
        for table in self._tables.values():
            table.on()
        self._vfs.open = ctypes.cast(self._opening, ctypes.c_void_p).value
        self._vfs.delete = ctypes.cast(self._deleting, ctypes.c_void_p).value

    def stop(self) -> None:
        """Put every original pointer back where it was."""
        self._vfs.open, self._vfs.delete = self._original_open, self._original_delete
        for table in self._tables.values():
            table.off()
        self.tape = None
        self.files.clear()
        self._unsynced.clear()

    def _path(self, name: int | None) -> str | None:
        """The name of a file of the database that is recorded; None for any other, or for none."""
        try:
            tape = self.tape
            if not name or tape is None:
                return None
            path = ctypes.string_at(name).decode("utf-8", "surrogateescape")
            return path if tape.takes(path) else None
        except BaseException as error:  # C has called
            self.trouble = error
            return None

    def exists(self, path: str) -> bool:
        tape = self.tape
        return tape is not None and tape.exists(path)

    def _take(self, file: int, path: str, flags: int, *, new: bool) -> None:
        """From now on, hear what is asked of this open file."""
        try:
            methods = ctypes.c_void_p.from_address(file)
            if not methods.value:
                return
            if methods.value not in self._tables:
                table = _Patched(self, methods.value)
                table.on()
                self._tables[methods.value] = self._tables[ctypes.addressof(table.table)] = table
            methods.value = ctypes.addressof(self._tables[methods.value].table)
            self.files[file] = path
            if flags & _OPEN_CREATE and flags & _OPEN_JOURNALS:
                self._unsynced.add(file)
        except BaseException as error:  # C has called
            self.trouble = error
            return
        self._tell(lambda tape: tape.opened(path, new=new))

    def take_first_sync(self, file: int) -> bool:
        """Whether this is the first sync of a journal since it was opened."""
        first = file in self._unsynced
        self._unsynced.discard(file)
        return first

    def refusal(self, file: int, request: str) -> int:
        """The result code with which this request is to fail; 0 lets it be done."""
        return self.hear(file, lambda tape, path: tape.refuses(path, request)) or 0

    def hear(self, file: int, tell: Callable[[Tape, str], Any]) -> Any:
        """Tell the tape of something that is asked of an open file."""
        path = self.files.get(file)
        return None if path is None else self._tell(lambda tape: tell(tape, path))

    def _tell(self, tell: Callable[[Tape], Any]) -> Any:
        tape = self.tape
        try:
            return None if tape is None else tell(tape)
        except BaseException as error:  # C has called
            self.trouble = error
            return None


_LOCK = threading.Lock()


@cache
def _the_shim() -> _Shim:
    shim = _Shim()
    atexit.register(shim.stop)
    return shim


def listen(tape: Tape) -> Callable[[], None]:
    """Let a tape hear of its database until the function that this gives is called.

    That function raises what could not be raised meanwhile, such as a Ctrl-C.

    Raises:
        Unrecordable: the library cannot be reached.
    """
    if not _LOCK.acquire(blocking=False):
        raise Unrecordable("another recording is on in this process")
    try:
        shim = _the_shim()
        shim.start(tape)
    except BaseException:
        _LOCK.release()
        raise

    def stop() -> None:
        shim.stop()
        _LOCK.release()
        trouble, shim.trouble = shim.trouble, None
        if trouble is not None:
            raise trouble

    return stop

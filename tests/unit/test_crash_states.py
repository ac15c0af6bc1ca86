"""What a power cut can leave, without a database: a log, what is durable, and the names of states."""

from __future__ import annotations

import ctypes
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acidity.core.schedule import Choice, Schedule
from acidity.errors import UsageError
from acidity.prove.crash import shim
from acidity.prove.crash.bad_disk import REFUSALS_MAX, drawn
from acidity.prove.crash.disk import Disk, patched
from acidity.prove.crash.log import Entry, Kind, Log
from acidity.prove.crash.recorder import Recorder
from acidity.prove.crash.refusals import Refuser, strikes_of
from acidity.prove.crash.shim import Unrecordable, _the_shim
from acidity.prove.crash.states import Damage, Survivors, states

DB, JOURNAL = "a.db", "a.db-journal"
STARTS = 200
SURVIVORS = st.builds(
    Survivors,
    st.integers(0, 2**40),
    st.none()
    | st.builds(Damage, st.integers(0, 999), st.sampled_from("ht"), st.integers(1, 3))
    | st.builds(Damage, st.integers(0, 999), st.sampled_from("zj")),
)


def write(data: bytes, offset: int = 0, file: str = DB) -> Entry:
    return Entry(Kind.WRITE, 1, file, offset, data)


def sync(upto: int, file: str = DB, *, directory: bool = False) -> Entry:
    return Entry(Kind.SYNC, 1, file, upto=upto, directory=directory)


def left(log: Log, seed: int = 0) -> set[tuple[tuple[str, bytes], ...]]:
    """Every set of files that some cut leaves."""
    return {tuple(sorted(loss.files.items())) for cut in Disk(log).cuts() for loss in states(cut, seed)}


@given(SURVIVORS, st.integers(0, 10**9 - 1), st.integers(1, 10**9 - 1))
def test_a_state_is_named_and_the_name_is_read_back(survivors: Survivors, op: int, calls: int) -> None:
    assert Survivors.parse(str(survivors)) == survivors
    schedule = Schedule((Choice("A", calls, "power-loss", state=f"{op}.{survivors}"),))
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize("text", ["", "g", "1x", "1x2", "1x2h", "1x2h4", "-1", "1.2"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a set of writes"):
        Survivors.parse(text)


def test_writes_survive_in_any_subset_and_a_later_sync_makes_them_durable() -> None:
    base = {DB: b"0000"}
    both = Log(base, [write(b"1", 0), write(b"1", 2)])
    assert {files[0][1] for files in left(both)} == {b"0000", b"1000", b"0010", b"1010"}
    synced = Log(base, [write(b"1", 0), sync(1), write(b"1", 2)])
    assert {files[0][1] for files in left(synced)} == {b"0000", b"1000", b"1010"}


def test_a_sync_covers_only_what_was_written_before_it_began() -> None:
    log = Log({DB: b"00"}, [write(b"1", 0), write(b"1", 1), sync(1)])
    at_the_end = {loss.files[DB] for loss in states(list(Disk(log).cuts())[-1], 0)}
    assert at_the_end == {b"10", b"11"}


def test_a_deletion_is_not_durable_before_the_directory_is() -> None:
    base = {DB: b"0", JOURNAL: b"j"}
    for synced, expected in ((False, {(DB,), (DB, JOURNAL)}), (True, {(DB,)})):
        log = Log(base, [Entry(Kind.DELETE, 1, JOURNAL, directory=synced)])
        last = list(Disk(log).cuts())[-1]
        assert {tuple(sorted(loss.files)) for loss in states(last, 0)} == expected


def test_a_new_file_has_no_name_before_the_directory_is_synced() -> None:
    log = Log({DB: b"0"}, [Entry(Kind.CREATE, 1, JOURNAL), write(b"j", file=JOURNAL), sync(2, JOURNAL)])
    assert {tuple(sorted(loss.files)) for loss in states(list(Disk(log).cuts())[-1], 0)} == {(DB,), (DB, JOURNAL)}
    log = Log(log.base, [*log.entries[:-1], sync(2, JOURNAL, directory=True)])
    assert {tuple(sorted(loss.files)) for loss in states(list(Disk(log).cuts())[-1], 0)} == {(DB, JOURNAL)}


def test_a_file_made_anew_under_its_old_name_is_another_one() -> None:
    log = Log(
        {DB: b"0", JOURNAL: b"old"},
        [Entry(Kind.DELETE, 1, JOURNAL), Entry(Kind.CREATE, 2, JOURNAL), write(b"new", file=JOURNAL)],
    )
    assert {dict(files).get(JOURNAL) for files in left(log)} == {b"old", None, b"", b"new", b"\0\0\0", b"\xa5" * 3}


def test_a_large_write_is_torn_between_sectors_and_a_small_one_is_not() -> None:
    whole = left(Log({DB: b"0" * 1024}, [write(b"1" * 1024)]))
    assert {files[0][1] for files in whole} == {
        b"0" * 1024,
        b"1" * 1024,
        b"1" * 512 + b"0" * 512,
        b"0" * 512 + b"1" * 512,
    }
    assert len(left(Log({DB: b"0" * 1024}, [write(b"1" * 100, 50)]))) == 2


@given(st.lists(st.tuples(st.integers(0, 50), st.none() | st.binary(max_size=20)), max_size=8))
def test_bytes_are_patched_as_a_file_is(changes: list[tuple[int, bytes | None]]) -> None:
    content = b"abc"
    for offset, data in changes:
        if data is None:
            content = content[:offset].ljust(offset, b"\0")
        elif data:
            content = content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]
    assert patched(b"abc", [(offset, data) for offset, data in changes if data != b""]) == content


def test_of_many_requests_some_are_refused_drawn_by_the_seed() -> None:
    log = Log({}, [Entry(Kind.WRITE, call, DB, 0, b"1") for call in range(1, REFUSALS_MAX)])
    planned = strikes_of(log, cast("Refuser", None))
    assert len(planned) > REFUSALS_MAX
    first, again, other = (drawn(planned, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == REFUSALS_MAX
    assert [strike.index for strike in first] == sorted(strike.index for strike in first)
    assert drawn(planned[:REFUSALS_MAX], 1) == planned[:REFUSALS_MAX]


# The shim


def pointers() -> tuple[int | None, ...]:
    shim = _the_shim()
    return shim._vfs.open, shim._vfs.delete


def test_the_shim_is_gone_afterwards_also_on_error(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (n)")
    before = pointers()
    kept = None

    def fail() -> None:
        nonlocal kept
        with Recorder(path):
            kept = sqlite3.connect(path)
            kept.execute("INSERT INTO t VALUES (1)")
            assert pointers() != before
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert pointers() == before
    for table in _the_shim()._tables.values():
        assert {name: getattr(table.table, name) for name in table._originals} == table._originals
    assert kept is not None
    kept.commit()  # on a file that was opened meanwhile
    assert kept.execute("SELECT n FROM t").fetchall() == [(1,)]
    kept.close()
    assert not _the_shim().files


def test_other_databases_of_the_process_are_left_alone(tmp_path: Path) -> None:
    before = sqlite3.connect(tmp_path / "before.db")
    with Recorder(tmp_path / "a.db") as recorder:
        meanwhile = sqlite3.connect(tmp_path / "meanwhile.db")
        for connection in (before, meanwhile):
            connection.execute("CREATE TABLE t (n)")
            connection.commit()
        assert not recorder.log.entries
        assert not _the_shim().files
    for connection in (before, meanwhile):
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
        connection.close()


def test_one_recording_at_a_time(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.db"), pytest.raises(Unrecordable, match="another recording"):
        Recorder(tmp_path / "b.db").__enter__()


def test_what_is_raised_within_sqlite_is_raised_afterwards(tmp_path: Path) -> None:
    class Interrupted(Recorder):
        def written(self, path: str, offset: int, data: bytes) -> None:
            raise KeyboardInterrupt

    path = tmp_path / "a.db"

    def record() -> None:
        with Interrupted(path), closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE t (n)")

    with pytest.raises(KeyboardInterrupt):
        record()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,), "SQLite itself was not disturbed"


def test_the_tables_fit_the_library() -> None:
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    assert _the_shim()._vfs.version >= 1
    assert _the_shim()._vfs.name == b"unix"


@pytest.mark.slow
def test_interpreters_end_well_after_a_recording(tmp_path: Path) -> None:
    """With a connection that stays open, and with one that was open within the recording when everything ended.

    Only the shim is loaded, by its path: the rest of acidity takes a second to import.
    """
    program = f"""
import importlib.util, os, sqlite3, sys
spec = importlib.util.spec_from_file_location("shim", {shim.__file__!r})
shim = sys.modules["shim"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shim)
heard = []
class Tape:
    takes = exists = lambda self, path: True
    def syncing(self): return 0
    def refuses(self, path, request): return 0
    def opened(self, path, new): heard.append(path)
    def written(self, path, offset, data): heard.append(path)
    truncated = written
    def synced(self, path, begun, directory): heard.append(path)
    def deleted(self, path, directory): heard.append(path)
stop = shim.listen(Tape())
connection = sqlite3.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
connection.execute("INSERT INTO t VALUES (1)")
connection.commit()
assert len(heard) > 5
if sys.argv[2] == "after":
    stop()
"""
    for number in range(STARTS):
        words = [
            sys.executable,
            "-I",
            "-c",
            program,
            str(tmp_path / f"{number % 4}.db"),
            ("within", "after")[number % 2],
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), number

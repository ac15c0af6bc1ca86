"""A Sandbox is removed on every path, by its process or by the next one; what is not acidity's is never removed."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import ExitReason
from acidity.engines import directory
from acidity.engines.directory import MARKER, PREFIX, OwnDirectory, sweep
from acidity.errors import UsageError
from tests.engines.bank import ALICE, BOB, Account, bank, move, staged
from tests.quality.drilled import drill
from tests.tiers import mostly_slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Sandboxes of this test live."""
    path = tmp_path / "sandboxes"
    path.mkdir()
    monkeypatch.setenv("ACIDITY_SANDBOX_DIR", str(path))
    return path


def transfer(session: Session) -> None:
    with session.begin():
        move(session)


def stops_half_way(session: Session) -> None:
    with session.begin():
        session.get_one(Account, ALICE).balance -= 10
    with session.begin():
        session.get_one(Account, BOB).balance += 10


def fails(*_: Any) -> None:
    raise RuntimeError("no")


def stopped(*_: Any) -> None:
    raise KeyboardInterrupt


class TestInThisProcess:
    def test_it_is_there_while_a_check_runs_and_gone_afterwards(self, place: Path) -> None:
        with staged(transfer) as stage:
            (path,) = place.iterdir()
            assert path == Path(stage.sandbox.url().removeprefix("sqlite:///")).parent
            assert path.stat().st_mode & 0o777 == 0o700
        assert not list(place.iterdir())
        stage.close()

    @pytest.mark.parametrize("function", [fails, stopped])
    @pytest.mark.parametrize("where", ["schema", "setup"])
    def test_whatever_goes_wrong_before(self, place: Path, where: str, function: Callable[..., Any]) -> None:
        with pytest.raises((RuntimeError, UsageError, KeyboardInterrupt)):
            drill(bank(transfer, **{where: function}))
        assert not list(place.iterdir())

    def test_whatever_goes_wrong_in_the_operation(self, place: Path) -> None:
        with pytest.raises(UsageError):
            drill(bank(fails))
        with pytest.raises(prove.Interrupted) as raised:
            drill(bank(stopped))
        assert raised.value.report.unknowns == ("interrupted",)
        assert not list(place.iterdir())

    def test_ctrl_c_in_the_middle_of_the_runs_keeps_what_was_found(self, place: Path) -> None:
        made: list[int] = []

        def operation(session: Session) -> None:
            made.append(1)
            if len(made) == 20:
                raise KeyboardInterrupt
            transfer(session)

        with pytest.raises(prove.Interrupted) as raised:
            drill(bank(operation))
        report = raised.value.report
        assert (report.verdict, report.ended) == ("unknown", ExitReason.INTERRUPTED)
        assert any("interrupted" in reason for reason in report.unknowns)
        assert str(raised.value) == str(report)
        assert not list(place.iterdir())

    @pytest.mark.slow
    def test_checks_in_several_threads_take_turns(self, place: Path) -> None:
        """As with ``await asyncio.gather(asyncio.to_thread(prove.drill, …), …)``."""
        with ThreadPoolExecutor(3) as pool:
            reports = list(pool.map(drill, [bank(transfer), bank(stops_half_way), bank(transfer)]))
        assert [report.verdict for report in reports] == ["pass", "fail", "pass"]
        assert not list(place.iterdir())

    def test_one_within_another_does_not_meet_it(self, place: Path) -> None:
        with staged(transfer) as one, staged(transfer) as other:
            assert one.sandbox.url() != other.sandbox.url()
            assert len(list(place.iterdir())) == 2
        assert not list(place.iterdir())


PROGRAM = textwrap.dedent("""
    import os, sys, signal, time
    from acidity import prove
    from tests.engines.bank import bank, move

    def transfer(session):
        with session.begin():
            move(session)

    def progress(done, total, name):
        if done == 5 and sys.argv[1] == "wait":
            print("ready", flush=True)
            signal.pause()

    report = prove.drill(bank(transfer), progress=progress, runs_max=None if sys.argv[1] == "wait" else 12)
    print(report.verdict, flush=True)
""")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start("wait")`` -> a process in the middle of a check; ``start("go")`` -> one that comes to its end."""
    running: list[subprocess.Popen[str]] = []

    def begin(how: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        if how == "wait":
            assert process.stdout
            assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


class TestOtherProcesses:
    @pytest.mark.dear
    @pytest.mark.parametrize("number", mostly_slow(signal.SIGKILL, of=[signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
    def test_what_a_killed_process_left_is_swept_at_the_next_start(
        self, place: Path, start: Callable[..., subprocess.Popen[str]], number: signal.Signals
    ) -> None:
        killed = start("wait")
        (left,) = place.iterdir()
        killed.send_signal(number)
        killed.communicate()
        if number is signal.SIGKILL:
            assert list(place.iterdir()) == [left]
        OwnDirectory().remove()
        assert not list(place.iterdir())

    @pytest.mark.slow
    def test_checks_at_once_leave_each_other_alone(
        self, place: Path, start: Callable[..., subprocess.Popen[str]]
    ) -> None:
        waiting = start("wait")
        (kept,) = place.iterdir()
        other = start("go")
        assert drill(bank(transfer)).verdict == "pass"
        assert other.communicate()[0] == "unknown\n"
        assert waiting.poll() is None
        assert list(place.iterdir()) == [kept]
        assert (kept / "sandbox.db").exists()

    def test_a_forked_child_removes_nothing_of_its_parent(self, place: Path) -> None:
        program = (
            "import os; from acidity.engines.directory import OwnDirectory as D; own = D(); pid = os.fork()\n"
            "if pid == 0: own.remove(); raise SystemExit\n"
            "os.waitpid(pid, 0); print(own.path.exists())"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert ended.stdout == "True\n"
        assert not list(place.iterdir())


class TestWhatIsNotOurs:
    def test_a_directory_without_the_marker_stays(self, place: Path) -> None:
        theirs = place / f"{PREFIX}of-somebody"
        theirs.mkdir()
        (theirs / "sandbox.db").write_text("precious")
        assert sweep(place) == []
        assert (theirs / "sandbox.db").read_text() == "precious"

    def test_a_directory_that_is_called_otherwise_stays(self, place: Path) -> None:
        theirs = place / "elsewhere"
        theirs.mkdir()
        (theirs / MARKER).touch()
        assert sweep(place) == []
        assert theirs.exists()

    def test_a_marker_that_is_a_link_is_no_marker(self, place: Path, tmp_path: Path) -> None:
        theirs = place / f"{PREFIX}linked"
        theirs.mkdir()
        (tmp_path / "target").touch()
        (theirs / MARKER).symlink_to(tmp_path / "target")
        assert sweep(place) == []
        assert theirs.exists()

    def test_a_link_to_a_directory_is_not_followed(self, place: Path, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / MARKER).touch()
        (precious / "data").write_text("precious")
        (place / f"{PREFIX}link").symlink_to(precious)
        sweep(place)
        assert (precious / "data").read_text() == "precious"

    def test_a_directory_that_somebody_holds_stays_until_it_is_let_go(self, place: Path) -> None:
        held = place / f"{PREFIX}held"
        held.mkdir()
        with (held / MARKER).open("w") as marker:
            fcntl.flock(marker, fcntl.LOCK_EX)
            assert sweep(place) == []
            assert held.exists()
        assert sweep(place) == [held]
        assert not held.exists()


def test_a_sweep_that_is_faster_than_the_lock_takes_nothing_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a directory and its lock, another start may take it for an orphan."""
    swept: list[Path] = []
    lock = fcntl.flock

    def flock(file: int, how: int) -> None:
        if not swept and how == fcntl.LOCK_EX:
            swept.append(place)
            assert len(sweep(place)) == 1
        lock(file, how)

    monkeypatch.setattr(directory.fcntl, "flock", flock)
    own = OwnDirectory()
    assert own.path.exists()
    assert (own.path / MARKER).exists()
    own.remove()
    assert not list(place.iterdir())


@pytest.mark.parametrize("step", ["os.open", "fcntl.flock", "Path.mkdir", "Path.exists"])
@pytest.mark.parametrize("late", [False, True])
def test_whoever_is_interrupted_while_it_is_made_leaves_nothing(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    late: bool,  # noqa: FBT001
) -> None:
    place.mkdir(exist_ok=True)
    owner, name = step.split(".")
    owned: Any = getattr(directory, owner)
    does = getattr(owned, name)

    comes = iter([KeyboardInterrupt()])

    def interrupted(*given: Any, **named: Any) -> Any:
        if given[0] == place:  # where it is to lie is there already
            return does(*given, **named)
        done = does(*given, **named) if late else None
        if (signal := next(comes, None)) is not None:
            raise signal
        return done if late else does(*given, **named)

    monkeypatch.setattr(owned, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        OwnDirectory()
    assert not list(place.iterdir())


def test_it_may_be_closed_twice(place: Path) -> None:
    own = OwnDirectory()
    own.remove()
    with suppress(OSError):
        own.path.mkdir()
    own.remove()
    assert own.path.exists()


def test_a_place_that_does_not_exist_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACIDITY_SANDBOX_DIR", str(tmp_path / "a" / "b"))
    own = OwnDirectory()
    assert own.path.parent == tmp_path / "a" / "b"
    own.remove()

"""Check after check in processes of their own, each shot at a random moment: ``shooting DB WHERE TIMES SEED [RUNS]``.

A shot is SIGKILL, SIGTERM or Ctrl-C, and the moment a fraction of the time that an undisturbed check takes, from its
first line to the end of its process; both are drawn from the seed. After each the next start takes place, and then is
looked for what is left: processes, files, and, on a server that several share, databases and roles. It prints all that
as JSON. WHERE is ``own`` (a server for each check, which it starts and stops) or ``shared`` (one that is named by URL);
RUNS is the most runs that a check makes.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from acidity.cli.main import main as command_line
from acidity.engines import new_sandbox
from acidity.engines.mariadb import server as mariadb
from acidity.engines.postgresql import server as postgresql
from tests.engines.bank import bank, move

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
HANGS_S = 30.0
HUNG = -1000
MOMENT_S = 1.0
LISTED = {
    "postgresql": "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles",
    "mariadb": "SELECT schema_name FROM information_schema.schemata UNION ALL SELECT user FROM mysql.user",
}
SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE user <> 'system user'",
}
STARTS = {"postgresql": (postgresql.start, postgresql.URL), "mariadb": (mariadb.start, mariadb.URL)}


def transfer(session: Session) -> None:
    try:
        move(session)
        session.commit()
    except BaseException:
        session.rollback()
        raise


scenario = bank(transfer)


@dataclass
class Shot:
    """One check that was shot.

    Attributes:
        number: of the signal.
        moment: when, as a fraction of an undisturbed check.
        code: how its process ended; as `subprocess` has it.
        took: seconds from the signal to the end of the process.
        said: what it printed.
        left: what was there after the next start.
    """

    number: int
    moment: float
    code: int
    took: float
    said: str
    left: list[str]


class Range:
    """Where the shots take place.

    Args:
        db: the engine.
        home: a directory in which every file of acidity's is.
        ask: asks the server that is shared; None where there is none.
        runs: the most runs that a check makes.
    """

    def __init__(self, db: str, home: Path, ask: Callable[[str], list[Any]] | None, runs: int) -> None:
        self.db, self.home, self.ask, self.runs = db, home, ask, runs
        self.at_rest = set(self.left())

    def shoot(self, number: int, moment: float, whole: float) -> Shot | None:
        """One shot; None where the check was over before it."""
        pid, began, said = self._check()
        while time.monotonic() - began < moment * whole:
            if _ended(pid, 0) is not None:
                return None
            time.sleep(0.001)
        os.kill(pid, number)
        sent = time.monotonic()
        code = _ended(pid, HANGS_S)
        took = time.monotonic() - sent
        if code is None:
            os.kill(pid, signal.SIGKILL)
            _ended(pid, HANGS_S)
        orphans = _of_session(pid)
        while orphans and time.monotonic() - sent - took < MOMENT_S:  # the kernel ends them with their parent
            orphans = _of_session(pid)
        self.start_again()
        left = sorted(set(self.left()) - self.at_rest)
        if code in {0, 3} and "Not covered: " in said() and not (left or orphans):
            return None  # all was said before
        return Shot(number, moment, HUNG if code is None else code, took, said(), [*left, *orphans])

    def undisturbed(self) -> float:
        """How long it takes."""
        pid, began, said = self._check()
        assert _ended(pid, 120) in {0, 3}, said()
        return time.monotonic() - began

    def _check(self) -> tuple[int, float, Callable[[], str]]:
        path = self.home / "said"
        path.write_text("")
        words = ["drill", "tests.quality.shooting:scenario", "--db", self.db, "--runs-max", str(self.runs)]

        def live() -> None:
            with path.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            command_line(words)

        return _forked(live), time.monotonic(), path.read_text

    def start_again(self) -> None:
        """The next start, as soon as the server knows that its client has gone."""
        deadline = time.monotonic() + HANGS_S
        while self.ask is not None and self.ask(SESSIONS[self.db])[0][0] > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _ended(_forked(lambda: new_sandbox(self.db, {}).close()), HANGS_S) == 0

    def left(self) -> list[str]:
        """Files, servers, databases and roles."""
        here = [path for path in self.home.glob("*") if path.name != "said"]
        files = [
            path for each in here for path in (each.iterdir() if each.name.startswith("acidity-servers") else [each])
        ]
        found = [f"file {path.name}" for path in files if path.name != "gate"]
        found += [f"process {words}" for words in _command_lines() if str(self.home) in words]
        names = [name for (name,) in self.ask(LISTED[self.db])] if self.ask is not None else []
        return [*found, *(f"name {name}" for name in names if name.startswith("acidity"))]


def _forked(live: Callable[[], Any]) -> int:
    """A process that does this as one that was just started: it leads a session, and its end runs what it has to."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        os.read(reader, 1)  # it is about to begin
        os.close(reader)
        return pid
    try:
        os.setsid()
        os.close(reader)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(writer)
        live()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:  # outside of the command, where Python itself ends so
        code = 130
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    os._exit(code)


def _ended(pid: int, within: float) -> int | None:
    """How it ended; None while it lives."""
    deadline = time.monotonic() + within
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_text(errors="replace").replace("\0", " ")


def _of_session(leader: int) -> list[str]:
    """Processes that live in the session of one that has ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(words[3]) == leader and words[0] != "Z":
                found.append(f"process {path.parent.name} of its session")
    return found


@contextmanager
def ranged(db: str, where: str, runs: int) -> Iterator[Range]:
    """A place of its own for files and servers."""
    home = Path(tempfile.mkdtemp(prefix="shots-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    home.chmod(0o755)
    os.environ["ACIDITY_SANDBOX_DIR"] = str(home)
    try:
        if db == "sqlite" or where == "own":
            yield Range(db, home, None, runs)
            return
        start, variable = STARTS[db]
        with start(dedicated=True) as server:
            os.environ[variable] = server.url()
            looking = new_sandbox(db, {})
            outside = looking.connect_admin()  # type: ignore[attr-defined]
            looking.close()

            def ask(sql: str) -> list[Any]:
                cursor = outside.cursor()
                cursor.execute(sql)
                return list(cursor.fetchall())

            yield Range(db, home, ask, runs)
            outside.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(db: str, where: str, times: int, seed: int, runs: int = 1000) -> dict[str, Any]:
    """Shoot so often, and tell what came of each."""
    draw = random.Random(f"{db} {where} {seed}")
    shots: list[Shot] = []
    with ranged(db, where, runs) as place:
        place.undisturbed()  # it fills caches
        whole = max(place.undisturbed() for _ in range(2))
        while len(shots) < times:
            shot = place.shoot(draw.choice(SIGNALS), draw.random(), whole)
            if shot is not None:
                shots.append(shot)
    return {"db": db, "where": where, "seed": seed, "whole": whole, "shots": [asdict(shot) for shot in shots]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])), indent=1))

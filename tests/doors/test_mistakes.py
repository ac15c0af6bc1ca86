"""Mistakes of the user's own functions, arguments and surroundings: named, with exit code 2, and never an answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.database import Database
from acidity.core.exits import outliving
from acidity.errors import UsageError
from acidity.prove import Operation, Retry, Scenario

SHOP = """
import sys
from acidity.prove import Operation, Scenario

def schema(connection): connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
def leaves(_given): sys.exit(0)
def adds(session): session.connection().exec_driver_sql("INSERT INTO t VALUES (1)"); session.commit()
setup = Scenario(Operation(adds), schema=schema, setup=leaves)
tables = Scenario(Operation(adds), schema=leaves)
rule = Scenario(Operation(adds), schema=schema, invariants=leaves)
also = Scenario(Operation(adds, also=leaves), schema=schema)
answer = Scenario(Operation(adds, succeeded=leaves), schema=schema)
right = Scenario(Operation(adds), schema=schema)
def made() -> Scenario: sys.exit(0)
"""


@pytest.mark.parametrize("target", ["setup", "tables", "rule", "also", "answer", "made"])
def test_a_function_that_exits_ends_no_check(acidity: Any, write: Any, target: str) -> None:
    write("shop.py", SHOP)
    left = acidity("check", f"shop:{target}")
    assert left.code == 2
    assert "sys.exit(0) was called" in left.err


@pytest.fixture
def escaped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have ended the process, these tests with it and in silence; children end as they say."""
    calls: list[str] = []

    def guarded(name: str, function: Callable[..., Any], pid: int) -> Callable[..., Any]:
        def guard(*arguments: Any) -> Any:
            if os.getpid() != pid:
                return function(*arguments)
            calls.append(name)
            raise AssertionError(name)

        return guard

    for name in ("_exit", "execv", "execve"):
        monkeypatch.setattr(os, name, guarded(name, getattr(os, name), os.getpid()))
    return calls


ENDING = """
import os, threading
from acidity.prove import Operation, Scenario

def schema(connection): connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
def adds(session): session.connection().exec_driver_sql("INSERT INTO t DEFAULT VALUES"); session.commit()
def ends(session): adds(session); os._exit(0)
def becomes(session): adds(session); os.execvp("true", ["true"])
def swallows(session):
    try: ends(session)
    except BaseException: pass
def helped(session):
    adds(session)
    helper = threading.Thread(target=lambda: os._exit(0))
    helper.start(); helper.join()
def rules(session): os._exit(0)
def seeds(session): os._exit(0)
right = Scenario(Operation(adds), schema=schema)
end = Scenario(Operation(ends), schema=schema)
become = Scenario(Operation(becomes), schema=schema)
swallow = Scenario(Operation(swallows), schema=schema)
help = Scenario(Operation(helped), schema=schema)
rule = Scenario(Operation(adds), schema=schema, invariants=rules)
seed = Scenario(Operation(adds), schema=schema, setup=seeds)
"""


@pytest.mark.parametrize("verb", ["drill", "explore"])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("end", "os._exit(0) was called at shop.py:7"),
        ("become", "os.execv(…) was called at shop.py:8"),
        ("swallow", "os._exit(0) was called at shop.py:7"),
        ("help", "os._exit(0) was called at shop.py:14"),
        ("rule", "os._exit(0) was called"),
        ("seed", "os._exit(0) was called"),
    ],
)
def test_a_function_that_ends_the_process_ends_no_check(
    acidity: Any, write: Any, escaped: list[str], verb: str, target: str, said: str
) -> None:
    write("shop.py", ENDING)
    left = acidity(verb, f"shop:{target}", "shop:right", "--runs-max", "1")
    assert escaped == []
    assert left.code == 2
    assert f"acidity: shop:{target}: " in left.err
    assert said in left.err
    assert "shop:right" in left.out


def test_a_module_that_ends_the_process_is_named(acidity: Any, write: Any, escaped: list[str]) -> None:
    write("shop.py", "import os\nos._exit(0)\n")
    left = acidity("check", "shop:right")
    assert escaped == []
    assert left.code == 2
    assert "importing 'shop' calls os._exit(0) (shop.py:2), which ends the process" in left.err


def test_a_forked_child_and_whoever_is_beside_the_check_end_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    with outliving():
        if (pid := os.fork()) == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    monkeypatch.setattr(os, "_exit", ended.append)
    with outliving(lambda _call: False):
        os._exit(8)
    assert ended == [8]


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 10**22])
def test_a_seed_that_no_report_can_hold_is_refused(acidity: Any, seed: int) -> None:
    left = acidity("check", "shop:right", f"--seed={seed}")
    assert (left.code, left.out) == (2, "")
    assert f"{seed} is not a whole number of at most 64 bits" in left.err
    with pytest.raises(UsageError, match="at most 64 bits"):
        prove.explore(Scenario(Operation(plain), schema=plain), seed=seed)


LEVEL = """
import sqlite3
from acidity.prove import Operation, Scenario

def schema(connection): connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
def bare(dsn): sqlite3.connect(dsn).execute("SELECT * FROM t").close()
def given(session): session.connection().exec_driver_sql("SELECT * FROM t")
def wrong(session): given(session); None.balance
one = Scenario(Operation(bare), schema=schema)
other = Scenario(Operation(given), schema=schema)
broken = Scenario(Operation(wrong), schema=schema)
"""


@pytest.mark.parametrize("verb", ["check", "drill", "explore", "crash"])
@pytest.mark.parametrize("target", ["one", "other"])
def test_a_level_that_the_engine_does_not_have(acidity: Any, write: Any, verb: str, target: str) -> None:
    write("shop.py", LEVEL)
    left = acidity(verb, f"shop:{target}", "--isolation-level", "repeatable read")
    assert (left.code, left.out) == (2, "")
    said = "sqlite has no level REPEATABLE READ; there are: READ UNCOMMITTED, SERIALIZABLE, AUTOCOMMIT"
    assert left.err == f"acidity: shop:{target}: {said}\n"


def test_a_level_is_asked_of_each_database() -> None:
    databases = {"here": Database(schema=plain), "there": Database(schema=plain, db="mariadb")}
    scenario = Scenario(Operation(plain), databases=databases)
    with pytest.raises(UsageError, match="sqlite has no level READ COMMITTED"):
        prove.explore(scenario, isolation_level="READ COMMITTED")
    with pytest.raises(UsageError, match="mariadb has no level SNAPSHOT"):
        prove.explore(scenario, db="mariadb", isolation_level="SNAPSHOT")


@pytest.mark.parametrize("level", ["READ UNCOMMITTED", "SERIALIZABLE", "AUTOCOMMIT"])
def test_the_levels_that_it_has(acidity: Any, write: Any, level: str) -> None:
    write("shop.py", LEVEL)
    assert acidity("explore", "shop:other", "--isolation-level", level).code == 0


@pytest.mark.parametrize(
    ("verb", "said"), [("drill", "faults are struck in runs that work"), ("explore", "callers at once are compared")]
)
def test_what_is_to_be_mended_first_and_why(acidity: Any, write: Any, verb: str, said: str) -> None:
    write("shop.py", LEVEL)
    left = acidity(verb, "shop:broken")
    assert left.code == 2
    assert f"; mend that first: {said}" in left.err


async def waits(*_given: Any) -> bool:
    return False


def plain(*_given: Any) -> None:
    """Does nothing."""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Operation(plain, succeeded=waits), "succeeded="),
        (lambda: Operation(plain, also=waits), "also="),
        (lambda: Scenario(plain, schema=waits), "schema="),
        (lambda: Scenario(plain, schema=plain, setup=waits), "setup="),
        (lambda: Scenario(plain, schema=plain, invariants=waits), "invariants="),
        (lambda: Database(schema=waits), "schema="),
        (lambda: Database(schema=plain, setup=waits), "setup="),
        (lambda: Operation(plain, raises="ValueError"), "raises="),  # type: ignore[arg-type]
        (lambda: Operation(plain, raises=ValueError()), "raises="),  # type: ignore[arg-type]
        (lambda: Retry(exceptions="ValueError"), "exceptions="),  # type: ignore[arg-type]
        (lambda: Operation(plain, timeout="5s"), "timeout="),  # type: ignore[arg-type]
        (lambda: prove.check(plain), "a Scenario, as in"),  # type: ignore[arg-type]
        (lambda: prove.check(Scenario(plain, schema=plain, settings={"sqllite": {}})), "sqllite"),
    ],
)
def test_what_is_given_wrongly_is_named(make: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_an_engine_has_its_settings_by_each_of_its_names() -> None:
    from acidity.engines import settings_of

    given = {"postgres": {"synchronous_commit": "off"}, "sqlite": {"synchronous": "off"}}
    assert settings_of(given, "postgresql+asyncpg") == {"synchronous_commit": "off"}
    assert settings_of({"mysql": {"a": "b"}}, "mariadb") == {"a": "b"}
    assert settings_of(given, "mariadb") == {}


@pytest.mark.dear
@pytest.mark.parametrize(("closing", "code"), [(">&-", 0), (">/dev/full", 2), ("2>&-", 0)])
def test_an_output_that_takes_nothing(write: Any, closing: str, code: int) -> None:
    write("shop.py", SHOP)
    command = f"exec {sys.executable} -m acidity drill shop:right -q {closing}"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ("cannot be written" in ended.stderr) is (code == 2)


@pytest.mark.dear
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
def test_a_place_that_is_none(write: Any, db: str) -> None:
    """In a process of its own, which has joined no server yet."""
    write("shop.py", SHOP)
    ended = subprocess.run(
        [sys.executable, "-m", "acidity", "drill", "shop:right", "--db", db],
        env={**os.environ, "ACIDITY_SANDBOX_DIR": "shop.py"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "nothing can be made in" in ended.stderr
    assert "ACIDITY_SANDBOX_DIR" in ended.stderr


MOVING = """
import os
from acidity.prove import Operation, Scenario

def schema(connection): connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
def moves(session):
    os.chdir("/")
    session.connection().exec_driver_sql("INSERT INTO t DEFAULT VALUES"); session.commit()
    session.connection().exec_driver_sql("INSERT INTO t DEFAULT VALUES"); session.commit()
moving = Scenario(Operation(moves), schema=schema)
"""


@pytest.mark.parametrize("at_import", [False, True])
def test_a_program_that_goes_to_another_folder_takes_no_answer_along(
    acidity: Any, write: Any, folder: Path, *, at_import: bool
) -> None:
    write("shop/shop.py", MOVING + ("os.chdir('/')\n" if at_import else ""))
    file = folder / "answer.txt"
    left = acidity("drill", "shop.shop:moving", "shop.shop:moving", "--output-file", "answer.txt", "--runs-max", "5")
    assert "written to answer.txt" in left.err
    assert f" {Path('shop/shop.py')}:9 moves" in file.read_text(encoding="utf-8")
    assert Path.cwd() == folder


def test_a_dash_is_the_standard_output_and_nothing_is_no_file(acidity: Any, write: Any, folder: Path) -> None:
    write("shop.py", SHOP)
    assert "shop:right" in acidity("explore", "shop:right", "--output-file", "-").out
    assert not (folder / "-").exists()
    for option in ("--output-file", "--isolation-level"):
        left = acidity("explore", "shop:right", option, "")
        assert (left.code, left.out) == (2, "")
        assert option in left.err

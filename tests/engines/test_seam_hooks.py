"""Our own calls are invisible and our hooks are gone: after a check everything is as it was before."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from acidity import prove
from acidity.adapters.seam import current_actor
from acidity.adapters.site import is_user_code
from acidity.core.call import Kind
from acidity.engines.directory import home
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import Account, Base, bank, calls, move, run_once, staged
from tests.quality.drilled import check, drill

needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")
OWN = create_engine("sqlite://")
WRAPPED = ("do_execute", "do_executemany", "do_execute_no_params", "do_commit", "do_rollback", "do_prepare_twophase")


def listeners() -> dict[tuple[type, str], tuple[Any, ...]]:
    """Every listener on the classes that an adapter may listen to."""
    found = {}
    for target in (Engine, Pool, Session):
        for name in dir(target.dispatch):
            if not name.startswith("_"):
                levels = getattr(getattr(target.dispatch, name), "_clslevel", {})
                found[target, name] = tuple(levels.get(target, ()))
    return found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Whatever a test here does, it leaves no listener, no thread, no actor, no directory and no signal handler."""
    loaded = set(sys.modules)

    def seen() -> Any:
        drivers = [
            vars(sys.modules[name]).copy() for name in ("sqlite3", "sqlite3.dbapi2", "aiosqlite") if name in loaded
        ]
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return listeners(), threading.active_count(), current_actor(), handlers, warnings.filters, drivers

    before = seen()
    own = set(directories())
    yield
    assert seen() == before
    assert set(directories()) <= own


def directories() -> list[Path]:
    """Sandboxes that this process has now."""
    return [path for path in home().glob("acidity-*") if (path / "sandbox.db").exists() and opened_here(path)]


def opened_here(path: Path) -> bool:
    """Whether this process holds the lock of that directory; others may be running checks too."""
    links = Path("/proc/self/fd")
    return any(str(path) in str(link.resolve(strict=False)) for link in links.iterdir()) if links.exists() else False


def transfer(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        move(session)


async def transfer_async(async_session: Any) -> None:
    async with async_session.begin():
        await async_session.run_sync(move)


def raises(engine: Engine) -> None:
    raise RuntimeError("no")


def bad_schema(_: Any) -> None:
    raise UsageError("no")


CHECKS: dict[str, Callable[[], Any]] = {
    "drill": lambda: drill(bank(transfer)),
    "check": lambda: check(bank(transfer)),
    "replay": lambda: prove.replay(bank(transfer), "ac1:A3!error-before"),
    "in WAL": lambda: drill(bank(transfer), settings={"journal_mode": "wal"}, runs_max=10),
    "a refusal": lambda: drill(bank(Operation(raises, raises=RuntimeError)), runs_max=3),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.one_in(2)
def test_nothing_is_left_after_a_check(check: str) -> None:
    CHECKS[check]()


@pytest.mark.dear
@needs_aiosqlite
def test_nothing_is_left_after_a_check_of_a_coroutine() -> None:
    assert drill(bank(transfer_async)).verdict == "pass"
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@pytest.mark.parametrize(
    "scenario",
    [
        lambda: bank(raises),
        lambda: bank(transfer, schema=bad_schema),
        lambda: bank(transfer, setup=bad_schema),
        lambda: bank(transfer, bind="nowhere:engine"),
        lambda: bank(transfer, effects=["nowhere:function"]),
        lambda: bank(lambda thing: None),
    ],
)
def test_nothing_is_left_after_a_usage_error(scenario: Callable[[], Scenario]) -> None:
    with pytest.raises(UsageError):
        drill(scenario())


def test_nothing_is_left_after_ctrl_c() -> None:
    def operation(session: Session) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_once(operation)


def test_dialects_are_unwrapped_and_a_bound_engine_works_on() -> None:
    dialect, pool = OWN.dialect, OWN.pool
    with OWN.begin() as connection:
        Base.metadata.create_all(connection)

    def operation() -> None:
        with OWN.begin() as connection:
            connection.execute(update(Account).values(balance=1))

    assert drill(bank(operation, bind=f"{__name__}:OWN")).verdict == "pass"
    assert not {name for name in WRAPPED if name in vars(dialect)}
    assert (OWN.dialect, OWN.pool) == (dialect, pool)
    with OWN.connect() as connection:
        assert connection.execute(select(Account.id)).all() == []


def test_an_engine_made_inside_and_kept_is_unwrapped() -> None:
    kept: list[Engine] = []

    def operation(url: str) -> None:
        kept.append(create_engine(url))
        transfer(kept[-1])

    run_once(operation)
    assert not {name for name in WRAPPED if name in vars(kept[0].dialect)}


def test_hooks_of_the_user_stay() -> None:
    seen: list[str] = []

    def on_connect(*_: Any) -> None:
        seen.append("connect")

    event.listen(OWN, "connect", on_connect)
    try:
        drill(bank(lambda: transfer(OWN), bind=f"{__name__}:OWN"), runs_max=5)
        assert event.contains(OWN, "connect", on_connect)
        assert seen
    finally:
        event.remove(OWN, "connect", on_connect)


def test_the_users_logging_warnings_and_output_are_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    def operation(engine: Engine) -> None:
        sys.stdout.write("noise")
        sys.stderr.write("noise")
        logging.getLogger("bank").error("noise")
        warnings.warn("noise", stacklevel=1)
        transfer(engine)

    drill(bank(operation), runs_max=20)
    assert logging.root.manager.disable == 0
    sys.stdout.write("heard")
    assert capsys.readouterr() == ("heard", "")


def test_what_acidity_does_itself_is_no_call() -> None:
    """Probes of the dialect, the pool's reset, both looks, the stranger, the judge's sessions: none is the user's."""
    rows: list[int] = []

    def looked_at(session: Session, run: Any) -> None:
        rows.append(len(session.scalars(select(Account.id)).all()) + len(run.before.scalars(select(Account.id)).all()))

    with staged(transfer, invariants=[looked_at]) as stage:
        from acidity.adapters.seam import PassThrough
        from acidity.core.outcome import Told
        from acidity.prove.stage.inspector import Inspector

        inspector = Inspector(stage)
        seen = []
        for _ in range(3):
            run = stage.run(stage.scenario.operations[0], PassThrough())
            inspector.inspect(run.second, Told.OK, run.ending)
            seen.append([call.kind for call in calls(run)])
    assert seen == [[Kind.STATEMENT] * 4 + [Kind.COMMIT]] * 3
    assert rows == [4]


def test_user_code_is_told_from_the_rest() -> None:
    assert is_user_code(__file__)
    assert not is_user_code(prove.__file__)
    assert not is_user_code(pytest.__file__)
    assert not is_user_code(logging.__file__)
    assert not is_user_code("<string>")


def test_what_was_compiled_elsewhere_is_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cython keeps the name that a file had where it was built; a file of that kind that lies here is the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fast.pyx").touch()
    for name in (
        "psycopg_binary/_psycopg/waiting.pyx",
        "lib/sqlalchemy/engine/_row_cy.py",
        "/build/pgproto/buffer.pyx",
    ):
        assert not is_user_code(name)
    assert is_user_code("fast.pyx")
    assert is_user_code(str(tmp_path / "in.zip" / "program.py"))


def test_the_path_of_a_site_follows_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    assert {call.site.file for call in calls(run_once(transfer)) if call.site} == {"bank.py", "test_seam_hooks.py"}
    monkeypatch.chdir(Path(__file__).parents[1])
    assert {call.site.file for call in calls(run_once(transfer)) if call.site} == {
        "engines/bank.py",
        "engines/test_seam_hooks.py",
    }
    monkeypatch.chdir(tmp_path)
    assert {call.site.file for call in calls(run_once(transfer)) if call.site} == {"bank.py", "test_seam_hooks.py"}


def test_objects_of_the_operation_are_not_kept_alive() -> None:
    kept = weak()
    drill(bank(transfer), runs_max=5)
    gc.collect()
    assert kept() is None


def weak() -> Callable[[], Any]:
    """A reference to an engine that a run used and nobody keeps."""
    import weakref

    engines: list[Any] = []

    def operation(url: str) -> None:
        engine = create_engine(url)
        engines.append(weakref.ref(engine))
        transfer(engine)

    run_once(operation)
    return engines[0]  # type: ignore[no-any-return]

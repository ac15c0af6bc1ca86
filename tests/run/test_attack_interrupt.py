"""Ctrl-C at any line of a unit of work (L6): nothing stays open, and nobody joins what was interrupted.

A trace function raises it, so each line has its turn, which the handler of a signal may have, too. No garbage is
collected meanwhile: a connection that is given back only then keeps SQLite's lock until then.
"""

from __future__ import annotations

import dis
import gc
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.engine import Connection

import acidity
from acidity import atomic
from acidity.run import course, unit
from acidity.run.context import inside
from acidity.run.unit import Unit
from tests.run.attacked import add_to, drivers, plain_and_async
from tests.run.bank import ALICE

PLAIN, _ = plain_and_async(drivers())
OURS = str(Path(acidity.__file__).parent)
THEIRS = str(Path(sqlalchemy.__file__).parent)
POOL = str(Path(sqlalchemy.__file__).parent / "pool")

_TAKING = (Connection.__init__.__code__, Unit.connect.__code__)


def is_in_the_pool(frame: FrameType | None) -> bool:
    """Whether SQLAlchemy is taking a connection from its pool or giving it back, which nobody outside can mend."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(POOL) or code in _TAKING:
            return True
        frame = frame.f_back
    return False


class Interruption:
    """Raise at the first line from this one on, counted in these files; `came` says whether it was reached."""

    def __init__(self, at: int, files: tuple[str, ...]) -> None:
        self.at, self.files, self.count, self.came = at, files, 0, False

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.files):
            return None
        return self._line if frame.f_code.co_flags & inspect.CO_GENERATOR else self._first_line

    def _first_line(self, _frame: FrameType, _event: str, _: Any) -> Any:
        """Before it is where the function is called, in another's line."""
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and dis.opname[frame.f_code.co_code[frame.f_lasti]] != "NOP":  # there, no signal is handled
            self.count += 1
            if self.count >= self.at and not is_in_the_pool(frame):
                self.came = True
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._line

    @contextmanager
    def during(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)


def block(engine: Any) -> None:
    with atomic(engine) as session:
        add_to(session, ALICE)


def function(engine: Any) -> None:
    atomic(engine, idempotency_key=lambda: "a key")(lambda session: add_to(session, ALICE))()


LINES_MAX = 20_000  # some thousand lines with SQLAlchemy's


@pytest.fixture(autouse=True)
def _in_no_unit() -> Iterator[None]:
    """What a test before was interrupted in is not this one's, and what this one leaves is nobody's."""
    inside.set(())
    yield
    inside.set(())


THEIRS_TOO = pytest.param(20, (OURS, THEIRS), id="theirs", marks=pytest.mark.slow)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("step", "files"), [pytest.param(5, (OURS,), id="ours"), THEIRS_TOO])
@pytest.mark.parametrize("form", [block, function], ids=lambda form: form.__name__)
@pytest.mark.parametrize("driver", PLAIN)
def test_l6_an_interrupted_unit_leaves_nothing_open(
    bank_of: Any, driver: str, form: Any, step: int, files: tuple[str, ...]
) -> None:
    bank = bank_of(driver)
    if bank.name == "sqlite":
        bank.options = {"connect_args": {"timeout": 0}}
    engine = bank.engine()
    form(engine)
    at, left = 1, []
    gc.disable()
    try:
        while True:
            bank.forget()
            interruption = Interruption(at, files)
            try:
                with interruption.during():
                    form(engine)
                assert bank.rows()[0] == 110  # acknowledged
            except BaseException as interrupt:  # SQLAlchemy may stumble over it in its own lines
                if not is_of_ctrl_c(interrupt):
                    raise
                out, units = engine.pool.checkedout(), [each for each in inside.get() if not each.state.ended]
                if out or units:  # while it is still handled
                    left.append((at, out, units, where(interrupt)))
                    gc.collect()
                    inside.set(())
            if not interruption.came:
                break
            atomic(engine)(lambda session: add_to(session, ALICE))()
            at += step * (1 if bank.name == "sqlite" else 7)
            assert at < LINES_MAX, "an interruption leaves something that makes the next unit longer"
    finally:
        gc.enable()
    assert at > 200
    engine.dispose()
    assert not left


def is_of_ctrl_c(error: BaseException | None) -> bool:
    """Whether it is the interruption, or was raised by what the interruption left half done."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def where(error: BaseException) -> str:
    """The line that was interrupted, and the two that called it."""
    places = [f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)]
    return " < ".join(reversed(places[-4:-1]))


def test_l6_a_unit_that_was_kept_from_leaving_is_dropped_by_the_next(bank_of: Any) -> None:
    engine = bank_of("sqlite+pysqlite").engine()
    ended: list[Any] = []
    atomic(engine)(lambda _: ended.append(inside.get()[-1]))()
    inside.set((*ended, *ended))
    block(engine)
    assert inside.get() == ()
    inside.set((*ended, *ended))
    function(engine)
    assert inside.get() == ()
    engine.dispose()


def test_l6_what_is_interrupted_as_it_begins_is_no_unit_to_join(bank_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the call that enters the unit, and before the next line: a trace function has no turn there."""

    class Entered:
        get = staticmethod(inside.get)

        def set(self, units: Any) -> None:
            inside.set(units)
            if units:
                raise KeyboardInterrupt

    bank = bank_of("sqlite+pysqlite")
    engine = bank.engine()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012 - both are the attack
        patched.setattr(course, "inside", Entered())
        function(engine)
    assert inside.get() == ()
    function(engine)
    assert bank.rows() == (110, 0)
    engine.dispose()


def test_l6_what_is_interrupted_as_it_connects_is_given_back(bank_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the traceback is held, which keeps everything alive that the garbage collector could give back."""

    def interrupted(_connection: Any) -> None:
        raise KeyboardInterrupt

    engine = bank_of("sqlite+pysqlite").engine()
    monkeypatch.setattr(unit, "link_of", interrupted)
    with pytest.raises(KeyboardInterrupt) as held:
        function(engine)
    assert held.value.__traceback__ is not None
    assert engine.pool.checkedout() == 0
    engine.dispose()

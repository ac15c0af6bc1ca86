"""L7: where nobody watches, a long check writes a line now and then; `--run-timeout` reaches the check."""

from __future__ import annotations

import io
import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from acidity.cli import progress
from acidity.cli.options import Request


@contextmanager
def logged(monkeypatch: pytest.MonkeyPatch, title: str) -> Iterator[tuple[progress.Progress, queue.SimpleQueue[str]]]:
    """A check where no terminal is, and what is written then; a line every moment."""
    written: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            written.put(text.strip())
            return len(text)

    monkeypatch.setattr(progress, "LINE_S", 0.005)
    with redirect_stderr(Stream()), progress.progress_bar(title) as tell:
        yield tell, written


def until(written: queue.SimpleQueue[str], text: str) -> str:
    while text not in (line := written.get(timeout=10)):
        pass
    return line


def test_l7_a_line_every_ten_seconds_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch, "app:pay\x1b[31m") as (tell, written):
        tell(2, 9, "transfer")
        assert until(written, "2 of 9").startswith("acidity: app:pay\\x1b[31m transfer: 2 of 9 runs")


def test_l7_a_run_that_takes_long_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is reported any more, and lines go on: before the first run, within a later one, and after the last."""
    with logged(monkeypatch, "app:pay") as (tell, written):
        until(written, "no run has ended yet, for 0 s")
        tell(2, 9, "transfer")
        until(written, "2 of 9 runs, the next one takes its time, for 0 s")
        tell(9, 9, "transfer")
        until(written, "9 of 9 runs, judging what they show, for 0 s")


def test_l7_nothing_is_written_afterwards() -> None:
    with progress.progress_bar("app:pay"):
        pass
    assert not [each.name for each in threading.enumerate() if each.name == "acidity-progress"]


def test_the_time_limit_of_a_run_is_handed_on() -> None:
    assert Request(run_timeout=2.0).engine_options["run_timeout"] == 2.0
    assert "run_timeout" not in Request().engine_options


@pytest.mark.dear
@pytest.mark.parametrize("words", [("drill", "slow:s", "--runs-max", "1"), ("replay", "slow:s", "ac1:")])
def test_the_time_limit_of_a_run_can_be_typed(acidity, write, words: tuple[str, ...]) -> None:
    write(
        "slow.py",
        "import time\nfrom acidity.prove import Scenario, Operation\n"
        "def f(session): time.sleep(1000)\n"
        "s = Scenario(Operation(f), schema=lambda c: c.exec_driver_sql('create table t (id integer primary key)'))\n",
    )
    left = acidity(*words, "--run-timeout", "200ms")
    assert left.code == (3 if words[0] == "drill" else 2)
    said = " ".join((left.out + left.err).split())
    # Nothing of who called acidity, which is a package of somebody's, too.
    assert re.search(r"did not end within 0\.2 s; it stood at slow\.py:3 in f(?! ?, within)", said), said
    assert "core.py" not in said


def test_m1_what_an_exception_says_cannot_move_the_cursor(acidity, write) -> None:
    write(
        "evil.py",
        "from acidity.prove import Scenario, Operation\n"
        "def f(session): raise RuntimeError('\\x1b]0;pwn\\x07\\x1b[31m\\x9b\\u202e postgresql://u:s3cret@h/x')\n"
        "s = Scenario(Operation(f), schema=lambda c: c.exec_driver_sql('create table t (id integer primary key)'))\n",
    )
    for words in (("check", "evil:s"), ("drill", "evil:s"), ("replay", "evil:s", "ac1:")):
        left = acidity(*words)
        assert left.code == 2
        for forbidden in ("\x1b", "\x07", "\x9b", "\u202e", "s3cret"):
            assert forbidden not in left.err + left.out

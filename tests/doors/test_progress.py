"""L7: where nobody watches, a long check writes a line now and then; `--run-timeout` reaches the check."""

from __future__ import annotations

import pytest

from acidity.cli import progress
from acidity.cli.asking import bounds
from acidity.cli.options import Request


def test_l7_a_line_every_ten_seconds_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 3.0, 10.0, 10.0, 12.0, 21.0, 21.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.progress_bar("app:pay\x1b[31m") as tell:
        for done in range(1, 5):
            tell(done, 9, "transfer")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "acidity: app:pay\\x1b[31m transfer: 2 of 9 runs",
        "acidity: app:pay\\x1b[31m transfer: 4 of 9 runs",
    ]


def test_the_time_limit_of_a_run_is_handed_on() -> None:
    assert bounds(Request(run_timeout=2.0), lambda *_: None)["run_timeout"] == 2.0
    assert "run_timeout" not in bounds(Request(), lambda *_: None)


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

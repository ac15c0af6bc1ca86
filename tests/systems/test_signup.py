"""Accounts and files as a person uses them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.signup.__main__ import main
from tests.systems.said import refused


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in ("sign-up rahul@email.com Rahul", "store photo rahul@email.com abc"):
        assert main(command.split()) == 0
    capsys.readouterr()
    return tmp_path


def test_the_mail_and_the_file_come_and_go(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [mail] = (site / "mails").iterdir()
    assert mail.read_text(encoding="utf-8") == "To: rahul@email.com\nSubject: Welcome, Rahul\n"
    [photo] = (site / "files").iterdir()
    assert photo.read_text(encoding="utf-8") == "abc"
    assert main(["remove", "photo"]) == 0
    assert "file photo" not in capsys.readouterr().out
    assert not list((site / "files").iterdir())


def test_a_file_of_somebody_else_is_not_written_over(site: Path) -> None:
    assert main(["sign-up", "priya@email.com", "Priya"]) == 0
    assert main(["store", "photo", "priya@email.com", "hers"]) == 1
    assert "abc" in {path.read_text(encoding="utf-8") for path in (site / "files").iterdir()}
    assert main(["show"]) == 0


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        (["sign-up", "rahul@email.com", "Rahul"], 1, "has an account already"),
        (["sign-up", "nobody", "N"], 2, "is not an address"),
        (["sign-up", "a@b", ""], 2, "1 to 40 characters"),
        (["sign-up", "a@b", "\0"], 2, "cannot be read"),
        (["sign-up", f"a@{'b' * 80}", "A"], 2, "is not an address"),
        (["store", "../x", "rahul@email.com", "abc"], 2, "is not the name of a file"),
        (["store", "x", "nobody@x", "abc"], 1, "nobody@x has no account"),
        (["remove", "x"], 1, "there is no file x"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], command: list[str], code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command)
    assert (ended, error in err) == (code, True), err


def test_if_step_2_fails_what_happens_to_step_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answer"]) == 0
    counted = re.findall(r"accounts ([+-]\d), mails ([+-]\d)", capsys.readouterr().out)
    assert counted == [("+1", "+0"), ("+0", "+0"), ("+1", "+0"), ("+0", "+1")]

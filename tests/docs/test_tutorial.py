"""The tutorial is carried out block by block; set ACIDITY_UPDATE_DOCS=1 to write what its commands say anew."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from acidity.cli.main import group

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "README.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<body>.*?)^```\n", re.DOTALL | re.MULTILINE)
PROMPT = "$ acidity "


def steady(text: str) -> str:
    """Versions differ between machines, and with them where a line breaks."""
    return " ".join(re.sub(r"sqlite \d+\.\d+\.\d+", "sqlite 3", text).split())


def carried_out(block: re.Match[str]) -> str:
    """The block with what it says today; one of Python is put into the file that its first line names."""
    body = block["body"]
    if block["language"] == "python":
        Path(body.partition("\n")[0].removeprefix("# ")).write_text(body, encoding="utf-8")
        return block[0]
    assert block["language"] == "console"
    command = body.partition("\n")[0]
    assert command.startswith(PROMPT), command
    result = CliRunner().invoke(group, command.removeprefix(PROMPT).split())
    return f"```console\n{command}\n{result.stdout.strip()}\n```\n"


@pytest.mark.slow
def test_each_block_says_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = TUTORIAL.read_text(encoding="utf-8")
    try:
        today = BLOCK.sub(carried_out, text)
    finally:
        for name in ("budget", "bank", "booking", "checkout", "paid"):
            sys.modules.pop(name, None)
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        TUTORIAL.write_text(today, encoding="utf-8")
    assert steady(today) == steady(text)


def test_it_leads_to_files_that_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)", TUTORIAL.read_text(encoding="utf-8")):
        assert (TUTORIAL.parent / link).exists(), link

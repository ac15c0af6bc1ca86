"""The command line run inside the test, in an empty folder, without the settings of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acidity.cli.main import main


@dataclass(frozen=True)
class Left:
    """How a command left."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory; what is imported from it is forgotten afterwards."""
    for name in list(os.environ):
        if name.startswith("ACIDITY_") or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
        if any(place and str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


@pytest.fixture
def acidity(capsys: pytest.CaptureFixture[str]) -> Callable[..., Left]:
    """``acidity("check", "bank:pay")`` -> exit code, stdout, stderr."""

    def run(*words: str) -> Left:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(words))
        out, err = capsys.readouterr()
        return Left(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """``write("bank.py", text)`` puts a file into the current directory."""

    def put(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put

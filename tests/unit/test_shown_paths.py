"""A file is told by its path below the current directory; what is installed there, as in a virtual environment, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from acidity.adapters.site import shown


def test_of_what_is_installed_the_name_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(str(tmp_path / "app" / "bank.py")) == str(Path("app/bank.py"))
    assert shown(str(tmp_path / ".venv/lib/python3.11/site-packages/shop/bank.py")) == "bank.py"
    assert shown(str(tmp_path.parent / "bank.py")) == "bank.py"

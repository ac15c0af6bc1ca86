"""The report cards in the README are produced here; set ACIDITY_UPDATE_DOCS=1 to write them anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from acidity.cli.main import group
from tests.tiers import mostly_slow

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CARD = re.compile(r"<!-- card: (?P<target>\S+) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)


def targets() -> list[str]:
    return [match["target"] for match in CARD.finditer(README.read_text(encoding="utf-8"))]


def steady(text: str) -> str:
    """Versions and today's date differ between machines."""
    text = re.sub(r"sqlite \d+\.\d+\.\d+", "sqlite 3", text)
    text = re.sub(r"\d{4}-\d{2}-\d{2}", "DATE", text)
    return " ".join(text.split())


@pytest.mark.parametrize("target", mostly_slow(targets()[0], of=targets()))
def test_the_card_is_what_acidity_says(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(group, ["check", target])
    body = f"```\n$ acidity check {target}\n{result.stdout.strip()}\n```\n"
    text = README.read_text(encoding="utf-8")
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        text = CARD.sub(
            lambda match: f"<!-- card: {target} -->\n{body}<!-- end -->" if match["target"] == target else match[0],
            text,
        )
        README.write_text(text, encoding="utf-8")
    shown = next(match["body"] for match in CARD.finditer(text) if match["target"] == target)
    assert steady(shown) == steady(body)


def test_the_readme_has_a_card_that_passes_and_one_that_fails() -> None:
    text = README.read_text(encoding="utf-8")
    passed, failed = (match["body"].splitlines() for match in CARD.finditer(text))
    assert "  pass  " in passed[2]
    assert "  FAIL  not atomic (torn, ACI201)" in failed[2]
    assert len(passed) + len(failed) <= 40
    assert text.index("<!-- card") < text.index("python3 -m venv .venv-test"), "they stand on the first screen"


def test_every_set_up_command_is_one_line() -> None:
    commands = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    first, second = commands[:2]
    assert first.count("\n") == second.count("\n") == 1
    assert "python3 -m venv" in first
    assert first.rstrip().endswith("acidity demo")
    assert "python3 -m venv" in second
    assert "pytest" in second


BANK = """
from decimal import Decimal

from sqlalchemy import Integer, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int] = mapped_column(Integer)


def seed(session):
    session.add_all([Account(id=1, cents=70000), Account(id=2, cents=30000)])


def total(session):
    return Decimal(session.scalar(select(func.sum(Account.cents)))) / 100


def transfer(session, payer, payee, amount):
    with session.begin():
        for account, cents in ((payer, -amount * 100), (payee, amount * 100)):
            session.execute(update(Account).where(Account.id == account).values(cents=Account.cents + int(cents)))
"""


@pytest.mark.dear
def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    scenario, test, unit = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "bank.py").write_text(BANK, encoding="utf-8")
    (tmp_path / "prove_bank.py").write_text(scenario, encoding="utf-8")
    (tmp_path / "test_bank.py").write_text(test, encoding="utf-8")
    exec(unit, {"engine": create_engine("sqlite://")})
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bank.py"]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins cost more than the test
    tested = subprocess.run(run, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert "1 passed" in tested.stdout, tested.stdout + tested.stderr
    acidity = [sys.executable, "-m", "acidity", "check", "prove_bank:transfer_50"]
    card = subprocess.run(acidity, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert card.returncode == 0, card.stdout + card.stderr
    assert "A  atomic     pass" in card.stdout
    assert "I  isolated   pass" in card.stdout

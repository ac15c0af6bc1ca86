"""Published packages, unmodified: one call of `prove.drill` says the right word of each use, and the docs say the same.

Set ACIDITY_UPDATE_DOCS=1 to write the table anew.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.quality.published.legs import Leg, NotRun
from tests.quality.published.manifest import USES, Use

DOCS = Path(__file__).parents[2] / "docs" / "published.md"
BEGIN, END = "<!-- table -->\n", "<!-- end -->"
HEAD = "| package | version | use | engine | verdict | word | reason |\n|---|---|---|---|---|---|---|\n"


@cache
def drilled(use: Use) -> dict[str, Any]:
    if use.not_run:
        raise NotRun(use.not_run)
    return use.leg.drill(f"tests.quality.published.{use.target}", use.db)


def line(use: Use, verdict: str, words: str) -> str:
    version = use.leg.requirements[use.package.lower()]
    engine = use.db.partition("+")[0]
    return f"| {use.package} | {version} | {use.use} | {engine} | {verdict} | {words} | {use.reason} |\n"


def documented(use: Use) -> str:
    """The line of this use in the docs."""
    lines = [text for text in DOCS.read_text(encoding="utf-8").splitlines() if f"| {use.use} |" in text]
    (found,) = [text for text in lines if text.startswith(f"| {use.package} |")]
    return f"{found}\n"


@pytest.mark.slow
@pytest.mark.parametrize("use", USES, ids=lambda use: use.target or f"{use.package}-not-run")
def test_one_call_says_the_right_word(use: Use) -> None:
    try:
        report = drilled(use)
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    assert (report["verdict"], tuple(report["words"])) == (use.verdict, use.words), report["text"]
    assert use.says in " ".join(report["text"].split()), report["text"]
    if not os.environ.get("ACIDITY_UPDATE_DOCS"):
        assert documented(use) == line(use, report["verdict"], ", ".join(report["words"]))


def test_a_python_that_is_missing_is_said_and_is_no_pass() -> None:
    with pytest.raises(NotRun, match=r"^Python 3\.19$"):
        Leg("published-python312", python=(3, 19)).drill("nowhere:nothing", "sqlite")


def test_the_docs_have_a_line_for_every_use() -> None:
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        rows = []
        for use in USES:
            try:
                report = drilled(use)
            except NotRun as reason:
                rows.append(line(use, "not run", "").replace("| not run |", f"| not run: {reason} |"))
            else:
                rows.append(line(use, report["verdict"], ", ".join(report["words"])))
        table = HEAD + "".join(rows)
        DOCS.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")
    assert table.startswith(HEAD)
    assert [documented(use) for use in USES] == table.removeprefix(HEAD).splitlines(keepends=True)

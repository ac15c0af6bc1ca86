"""Published packages, unmodified, used by two callers at once: one call of `prove.explore` says the right name of each,
and a script without acidity does by hand what each failure says.

They run in an environment of their own, by hand; what SQLAlchemy itself has runs by default, too. Set
ACIDITY_UPDATE_DOCS=1 to write the table of the docs anew.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.engines import new_sandbox
from tests.quality.driver_scripts import of_finding, place
from tests.quality.published.legs import environment, run
from tests.quality.published_together import by_hand, scenarios
from tests.quality.published_together.manifest import FAILING, TOGETHER, USES, Use

DOCS = Path(__file__).parents[2] / "docs" / "published.md"
BEGIN, END = "<!-- together -->\n", "<!-- end together -->"
HEAD = "| package | version | use of two callers | engine | verdict | name | reason |\n|---|---|---|---|---|---|---|\n"


@cache
def python_of(use: Use) -> str:
    return sys.executable if use.leg is None or TOGETHER.fits_here() else environment(TOGETHER)


@cache
def explored(use: Use) -> dict[str, Any]:
    module = "tests.quality.published_together.explored"
    ended = run([python_of(use), "-m", module, use.name, use.db, str(use.runs_max or 0)])
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


@contextmanager
def database(db: str, path: Path) -> Iterator[str]:
    """The URL of an empty one."""
    if db == "sqlite":
        yield f"sqlite:///{path / 'by_hand.db'}"
        return
    sandbox = new_sandbox(db, {})
    try:
        sandbox.create(lambda _engine: None, lambda _session: None)
        yield sandbox.url()
    finally:
        sandbox.close()


@pytest.mark.slow
@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_one_call_says_what_it_is(use: Use) -> None:
    told = explored(use)
    assert (told["verdict"], told["anomalies"][:1]) == (use.verdict, [use.anomaly] if use.anomaly else []), told["text"]
    assert tuple(told["schedules"]) == use.schedules
    assert all(schedule in told["text"] for schedule in use.schedules)


@pytest.mark.slow
@pytest.mark.parametrize("use", FAILING, ids=lambda use: use.name)
def test_a_script_of_each_schedule_comes_to_the_same(use: Use) -> None:
    """Plain driver calls, written from the schedules that are shown (`tests.quality.driver_scripts`)."""
    assert explored(use)["unlike"] == []


@pytest.mark.slow
@pytest.mark.parametrize("use", FAILING, ids=lambda use: use.name)
def test_two_threads_without_acidity_do_the_same(use: Use, tmp_path: Path) -> None:
    with database(use.db, tmp_path) as url:
        ended = run([python_of(use), "-m", "tests.quality.published_together.by_hand", use.name, url])
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ["json", "ordering"])
def test_what_sqlalchemy_brings(name: str, tmp_path: Path) -> None:
    """The same of SQLite, with the SQLAlchemy that is here."""
    (use,) = (use for use in USES if use.name == name)
    report = prove.explore(getattr(scenarios, name)(), db="sqlite")
    assert [finding.anomaly for finding in report.findings] == [use.anomaly]
    for finding in report.findings:
        with place(getattr(scenarios, name)(), "sqlite", "") as there:
            assert of_finding(finding, there) == []
    with database("sqlite", tmp_path) as url:
        assert getattr(by_hand, name)(url)


def line(use: Use) -> str:
    engine = use.db.partition("+")[0]
    return f"| {use.package} | {use.version} | {use.use} | {engine} | {use.verdict} | {use.anomaly} | {use.reason} |\n"


def test_the_docs_have_a_line_for_every_use() -> None:
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    wanted = HEAD + "".join(map(line, USES))
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        DOCS.write_text(f"{before}{BEGIN}{wanted}{END}{after}", encoding="utf-8")
    else:
        assert table == wanted

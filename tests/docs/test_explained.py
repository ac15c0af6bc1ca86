"""The page of each code: made from the registry, and its program has what the page says, by the check that it names."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest

from acidity import prove
from acidity.core.codes import CODES
from acidity.core.report import Report
from acidity.core.scenario import Scenario
from acidity.explained import EXPLANATIONS
from acidity.explained.explanation import PROGRAMS, Explanation
from acidity.explained.pages import index, markdown
from acidity.prove.faults import FAULTS

CODES_DOCS = Path(__file__).parents[2] / "docs" / "codes"
VERBS = {"ACI2": "drill", "ACI3": "explore", "ACI4": "crash"}
PAGES = [
    pytest.param(page, id=name, marks=[] if page.db == "sqlite" else pytest.mark.slow)
    for name, page in EXPLANATIONS.items()
]


def test_every_code_has_a_page_and_no_page_is_left_over() -> None:
    assert list(EXPLANATIONS) == list(CODES)
    assert {name: page.code for name, page in EXPLANATIONS.items()} == dict(CODES)


def reported(page: Explanation, scenario: Scenario) -> Report:
    """What the command of the page says, of no more faults than it takes."""
    if page.verb == "crash":
        return prove.crash(scenario, db=page.db, remedies=False)
    if page.fault is None:
        return prove.explore(scenario, db=page.db)
    return prove.drill(scenario, db=page.db, faults=[page.fault], remedies=False)


@pytest.mark.dear
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.one_in(3)
def test_the_program_has_it_and_the_mended_one_has_not(page: Explanation) -> None:
    program = import_module(f"{PROGRAMS}.{page.program}")
    wrong, mended = (reported(page, scenario) for scenario in (program.wrong, program.mended))
    named = {code for found in wrong.findings for code in (found.code, *(also.code for also in found.also))}
    assert (page.code.name in named) is not page.prevented, str(wrong)
    assert wrong.verdict == "pass" or not page.prevented
    assert mended.verdict == "pass", str(mended)
    assert page.code.name not in {found.code for found in mended.findings}, str(mended)


@pytest.mark.parametrize("page", EXPLANATIONS.values(), ids=EXPLANATIONS)
def test_a_page_is_short_and_leads_on(page: Explanation) -> None:
    assert 4 <= len(page.source.splitlines()) <= 24
    assert len(page.mended_source.splitlines()) <= 24
    assert page.verb == VERBS[page.code.name[:4]]
    assert page.fault is None or page.fault in FAULTS
    assert page.command.startswith(f"acidity {page.verb} ")
    assert bool(page.literature) == (page.code.letter == "I")
    assert page.near
    assert page.code not in page.near
    for text in (page.meaning, page.production, page.fix):
        assert text.endswith(".")
        assert len(text) <= 420


def written() -> dict[str, str]:
    return {"README.md": index(EXPLANATIONS.values())} | {
        f"{name}.md": markdown(page) for name, page in EXPLANATIONS.items()
    }


def test_the_pages_in_docs_are_these() -> None:
    """Set ACIDITY_UPDATE_DOCS=1 to write them anew."""
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        CODES_DOCS.mkdir(exist_ok=True)
        for name, text in written().items():
            (CODES_DOCS / name).write_text(text, encoding="utf-8")
    assert {path.name: path.read_text(encoding="utf-8") for path in CODES_DOCS.iterdir()} == written()

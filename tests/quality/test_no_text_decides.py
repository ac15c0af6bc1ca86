"""No decision is made from text: with every sentence of the registries replaced, everything that is decided stays."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from acidity import prove
from acidity.core.codes import CODES
from acidity.core.misfit import NOT_REACHED, ONLY_READS
from acidity.core.report import Card, Report, exit_code
from acidity.prove.faults import FAULTS
from acidity.prove.faults.base import SimpleFault
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import Misfit
from acidity.prove.telling import cause
from tests.quality.apps import script, services, unit_of_work
from tests.quality.cases import cases

FEW = ("error-before", "connection-lost", "commit-left-open", "answer-lost")
REPORTED = {case.name: case.described for case in cases()}
CHECKED = {
    "services": services.APP.of(services.APP.buggy),
    "mended": unit_of_work.APP.of(unit_of_work.APP.mended),
    "script": script.APP.of(script.APP.buggy),
    "pooled": REPORTED["pooled:commits_always"],
    "reconnected": REPORTED["reconnected:again_on_a_new_connection"],
    "skipped": REPORTED["skipped:rolls_all_back"],
}
_words = random.Random(13)


def nonsense() -> str:
    """Some words that say nothing, or the wrong thing."""
    of = ("pass", "fail", "refused", "interrupted", "not applicable: ", "it has one COMMIT", "COMMIT", "torn", "zebra")
    return " ".join(_words.choices(of, k=4))


@pytest.fixture
def other_words() -> Iterator[Callable[[], None]]:
    """Replaces every sentence of the registries; they are put back when the test is over."""
    put: list[tuple[Any, str, Any]] = []
    sentences = dict(cause.SENTENCES)

    def set_to(value: Any, name: str, new: Any) -> None:
        put.append((value, name, getattr(value, name)))
        object.__setattr__(value, name, new)

    def replace_all() -> None:
        for code in CODES.values():
            set_to(code, "title", nonsense())
        for fault in (FAULTS[name] for name in FAULTS):
            assert isinstance(fault, SimpleFault)
            set_to(fault, "sentence", nonsense())
            set_to(fault, "reason", nonsense())
            set_to(
                fault, "ways", {name: nonsense() if isinstance(way, str) else way for name, way in fault.ways.items()}
            )
        for trial in (REMEDIES[name] for name in REMEDIES):
            set_to(trial, "name", nonsense())
            set_to(trial, "misfit", in_other_words(trial.misfit))
        for constant in (ONLY_READS, NOT_REACHED):
            set_to(constant, "reason", nonsense())
        cause.SENTENCES.update({kind: nonsense() for kind in sentences})

    yield replace_all
    for value, name, before in reversed(put):
        object.__setattr__(value, name, before)
    cause.SENTENCES.update(sentences)


def in_other_words(asked: Callable[[Any], Misfit | None]) -> Callable[[Any], Misfit | None]:
    def ask(patient: Any) -> Misfit | None:
        found = asked(patient)
        return None if found is None else replace(found, reason=nonsense())

    return ask


def decided(card: Card) -> object:
    """All that is decided of a card, and none of what is said."""
    letters = {
        letter: row
        if not isinstance(row, Report)
        else (row.letter_state, row.runs, [_of(each) for each in row.findings])
        for letter, row in card.letters.items()
    }
    return card.verdict, exit_code([card]), letters


def _of(finding: Any) -> object:
    kept = {
        "code",
        "severity",
        "word",
        "kind",
        "schedule",
        "sites",
        "also",
        "see",
        "rate",
        "mode",
        "permanent",
        "broke",
    }
    values = tuple(getattr(finding, each.name) for each in fields(finding) if each.name in kept)
    return values, [(each.key, each.verdict, each.remain, each.by_caller) for each in finding.remedies]


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", CHECKED)
def test_what_is_decided_stays(name: str, other_words: Callable[[], None]) -> None:
    before = decided(prove.check(CHECKED[name], faults=FEW, letters="AC"))
    other_words()
    assert decided(prove.check(CHECKED[name], faults=FEW, letters="AC")) == before

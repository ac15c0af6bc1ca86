"""A finding goes to the letter that it fails, and the letter that has counted it says where it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from acidity.core.codes import LOST_COMMIT, TORN_BY_A_KILL, TORN_BY_POWER_LOSS
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.report import EngineInfo, Report
from acidity.core.schedule import Schedule
from acidity.prove import Operation, Scenario, checks
from acidity.prove.checks import Check, Evidence

TORN = (TORN_BY_POWER_LOSS.name, TORN_BY_A_KILL)
LOST = (LOST_COMMIT.name, LOST_COMMIT.word)


class Seen:
    stopped_by = None


def answering(headline: str, findings: Sequence[tuple[str, str]]) -> Check[Any]:
    """A check that has found these: code and word."""
    found = tuple(
        Finding(code, "error", title=word, word=word, operation="pay", schedule=Schedule.parse("ac1:A"), sites=())
        for code, word in findings
    )
    report = Report("check", "", EngineInfo("", ""), runs=1, findings=found, headline=headline)
    return Check("check", lambda _scenario, _asked: cast("Evidence", Seen()), lambda _seen, _asked: report)


@pytest.mark.parametrize(
    ("letters", "found", "expected"),
    [
        ("AD", [TORN], "2 killed servers: 1 torn · torn by a kill: see letter A, pass"),
        ("AD", [TORN, LOST], "2 killed servers: 1 torn · torn by a kill: see letter A, fail"),
        ("AD", [LOST], "2 killed servers: 1 torn, fail"),
        ("D", [TORN], "2 killed servers: 1 torn, fail"),
    ],
)
def test_what_is_counted_and_fails_another_letter_is_told_there(
    letters: str, found: list[tuple[str, str]], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = {"A": answering("3 runs: 1 torn", [TORN]), "D": answering("2 killed servers: 1 torn", found)}
    monkeypatch.setattr(checks, "CHECKS", built)
    card = checks.card_of(set(letters), Scenario(Operation(print), schema="none.sql"), CheckOptions())
    durable, atomic = card.letters["D"], card.letters["A"]
    assert isinstance(durable, Report)
    assert f"{durable.headline}, {durable.verdict}" == expected
    assert not isinstance(atomic, Report) or (atomic.headline, atomic.verdict) == ("3 runs: 1 torn", "fail")

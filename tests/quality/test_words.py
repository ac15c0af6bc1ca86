"""What a drill says of small operations: the word, and nothing but the word."""

from __future__ import annotations

import pytest

from tests.quality.controls import ALL, Control, params, said

pytestmark = pytest.mark.few_or_all


@pytest.mark.parametrize("control", params(ALL))
@pytest.mark.one_in(3)
def test_the_words_are_these_and_no_others(control: Control) -> None:
    report = control.drilled()
    assert said(report) == control.words, report
    assert not report.unknowns, report
    assert report.verdict == ("fail" if control.words else "pass")

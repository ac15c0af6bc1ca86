"""Say what an operation answered, and what the user has to write where nobody else can say what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from acidity.analysis.answers import Likeness, compare_answers
from acidity.core.outcome import Rows, Told
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.telling.shorten import shorten
from acidity.prove.telling.steady import Steady

_SHOWN_MAX = 80
_COMPARED_MAX = 40


def answer_in_words(baseline: Baseline, item: Judged, steady: Steady | None = None) -> str:
    """The answer of a run, short, and the same in every process."""
    steady = steady or Steady.of(baseline)
    return shorten(repr(steady.value(item.run.ending.answer)), _SHOWN_MAX)


def undecided_answers(baseline: Baseline, judged: Sequence[Judged], *, invariants_hear: bool = False) -> list[str]:
    """Why runs are undecided, one sentence for each answer, with the ``succeeded=`` to write.

    Args:
        baseline: what the runs were compared with.
        judged: all runs.
        invariants_hear: invariants were asked with what the caller was told, which was decided too late for them.
    """
    groups: dict[str, list[Judged]] = {}
    late: list[Judged] = []
    for item in judged:
        if item.judgement.undecided:
            groups.setdefault(answer_in_words(baseline, item), []).append(item)
        elif invariants_hear and item.run.told is Told.UNDECIDED and item.judgement.told is not item.run.told:
            late.append(item)
    found = [_undecided(baseline, said, members) for said, members in groups.items()]
    if late:
        found.append(
            f"{_which(late)}: the invariants were asked before it was known what the caller was told; say with "
            f"succeeded= which answers mean success"
        )
    return found


def _undecided(baseline: Baseline, said: str, members: Sequence[Judged]) -> str:
    item = min(members, key=lambda member: member.run.schedule.simplicity)
    if item.judgement.rows is Rows.TORN:
        return (
            f"{_which(members)}: the database says once that a constraint is broken, and then the operation writes "
            f"other rows than the clean run, as many, and answers {said}: only you can say whether they are right: "
            f"name that end with also="
        )
    clean = shorten(repr(Steady.of(baseline).value(baseline.clean[0].ending.answer)), _SHOWN_MAX)
    return (
        f"{_which(members)}: the operation answered {said} where the clean run answers {clean}, the rows are "
        f"{item.judgement.rows}, and only you can say whether that means success: write "
        f"{succeeded_to_write(baseline, item)}"
    )


def _which(members: Sequence[Judged]) -> str:
    first = min(members, key=lambda member: member.run.schedule.simplicity)
    name = str(first.run.schedule) if first.run.schedule.choices else "a later clean run"
    return name if len(members) == 1 else f"{name} and {len(members) - 1} more"


def succeeded_to_write(baseline: Baseline, item: Judged) -> str:
    """``succeeded=lambda answer: answer['state'] == 'booked'``, a first draft of what tells the two answers apart."""
    place, wanted = _first_difference("answer", baseline.clean[0].ending.answer, item.run.ending.answer)
    if isinstance(wanted, Enum):
        return f"succeeded=lambda answer: {place} is {type(wanted).__name__}.{wanted.name}"
    shown = repr(wanted)
    if not isinstance(wanted, str | bytes | int | float | tuple) or len(shown) > _COMPARED_MAX:
        return "succeeded=lambda answer: …, true for the answers that mean success"
    return f"succeeded=lambda answer: {place} == {shown}"


def _first_difference(place: str, clean: Any, answer: Any) -> tuple[str, Any]:
    """The first part, walked by its keys, in which two answers are not the same word."""
    if isinstance(clean, Mapping) and isinstance(answer, Mapping):
        for name, part in clean.items():
            if name in answer and compare_answers([part], answer[name], {}) >= Likeness.OTHER:
                return _first_difference(f"{place}[{name!r}]", part, answer[name])
    return place, clean

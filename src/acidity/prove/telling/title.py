"""The title of a finding: first what the user loses, then what the caller was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acidity.analysis.diff import Claim, sentence
from acidity.core.cause import Cause, CauseKind
from acidity.core.finding import RowChange
from acidity.core.http import spoken
from acidity.core.outcome import Told
from acidity.prove.drill.causes import is_only_owed
from acidity.prove.drill.judge import Baseline, Judged, Word
from acidity.prove.stage.run import Run
from acidity.prove.telling.answers import answer_in_words
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.steps import title_of_failed

_CLAIMS: Mapping[Word, Claim] = {
    "doubled": Claim.TWICE,
    "not refused": Claim.REFUSED,
    "false failure": Claim.NOTHING,
    "failed after commit": Claim.NOTHING,
}

_OUTSIDE = frozenset({CauseKind.EFFECT, CauseKind.UNHEARD_EFFECT, CauseKind.LOST_EFFECT})


def title(
    baseline: Baseline,
    cause: Cause,
    item: Judged,
    changes: Sequence[RowChange],
    expected: Sequence[RowChange],
    steady: Steady,
) -> str:
    """One plain sentence that says no more than the rows show.

    Args:
        baseline: what the run is compared with.
        cause: why it went wrong.
        item: the run that is shown.
        changes: the rows that differ from those before.
        expected: the rows that the clean run changes.
        steady: names for values that differ from run to run.
    """
    run, judgement = item.run, item.judgement
    outside = cause.kind in _OUTSIDE or (cause.kind is CauseKind.RESEND and bool(cause.subject))
    claim = _CLAIMS.get(judgement.word, Claim.NOTHING if outside and changes else Claim.CLEAN)
    rows = sentence(tuple(changes), tuple(expected), claim)
    told = _told(baseline, item, steady)
    if run.failed_step is not None:
        return steady.text(title_of_failed(run.failed_step, told, rows))
    if is_only_owed(item):
        return (
            "a refused COMMIT leaves its transaction open, and the operation does not roll it back: whoever owns the "
            "session has to, as acidity did here"
        )
    if judgement.word == "leaked":
        return f"{'; '.join(run.leaks) or 'something was left open'}" + (
            f", and the next unit of work was stopped by it ({run.stopped})" if run.stopped else ""
        )
    if judgement.word == "not refused":
        return f"the call should have been refused and was not: {rows}"
    if judgement.word == "left in doubt":
        return f"{in_doubt_in_words(run)}, with locks that stay until somebody commits or rolls back; {told}"
    lost = rows
    if outside:
        lost = f"{_effects(baseline, run)}, and {rows}"
    elif cause.kind is CauseKind.COMMIT_LEFT_OPEN and judgement.by_stranger and changes:
        lost = f"{rows}: the next user of the connection committed what the failed COMMIT had left open"
    elif run.effects:
        lost = f"{rows}; {_effects(baseline, run)}"
    doubt = f"; {in_doubt_in_words(run)}" if run.in_doubt else ""
    known = judgement.told in {Told.OK, Told.FAILED} and not run.ending.killed
    return f"{lost}{', although' if known else ';'} {told}{doubt}"


def in_doubt_in_words(run: Run) -> str:
    """How many, and where; what they are called is another name in every run."""
    databases = {event.call.database for event in run.whole_history if event.call.database}
    where = dict.fromkeys(name for found in run.in_doubt for name in databases if found.startswith(f"{name}: "))
    count = len(run.in_doubt)
    text = (
        "1 prepared transaction is left in doubt" if count == 1 else f"{count} prepared transactions are left in doubt"
    )
    return f"{text} in {' and '.join(where)}" if where else text


def misfit_in_words(baseline: Baseline, run: Run, changes: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    """How often each effect took place, and what became of the rows, which are whole and do not fit it."""
    rows = sentence(changes, expected, Claim.NOTHING if changes else Claim.CLEAN)
    return f"{_effects(baseline, run)}, and {rows}"


def _effects(baseline: Baseline, run: Run) -> str:
    """How often each effect took place, with the clean run's count where that is another."""
    clean = baseline.clean[0].effects
    said = []
    for name in sorted({*clean, *run.effects}):
        count, planned = run.effects.get(name, 0), clean.get(name, 0)
        often = f"took place {count}×" if count else "did not take place"
        said.append(f"{name} {often}" + (f" ({planned}× in the clean run)" if planned != count else ""))
    return ", ".join(said)


def _told(baseline: Baseline, item: Judged, steady: Steady) -> str:
    """What the caller was told; an answer is quoted where it was not that of success."""
    ending, told = item.run.ending, item.judgement.told
    if ending.killed:
        return "the process was killed before it answered"
    if ending.status:
        if told is Told.UNKNOWN:
            return f"the client was left in doubt by {spoken(ending.status)}"
        return f"the client was told {spoken(ending.status)}"
    if ending.exception:
        if told is Told.UNKNOWN:
            return f"the caller was left in doubt by {ending.exception}"
        return f"the caller was told that it failed ({ending.exception})"
    if told is Told.OK:
        return "the caller was told that all went well"
    return f"the operation answered {answer_in_words(baseline, item, steady)}"

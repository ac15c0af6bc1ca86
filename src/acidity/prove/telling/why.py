"""Explain the run that a finding shows: what was struck, what was told, and where the rows stood."""

from __future__ import annotations

from acidity.core.http import spoken
from acidity.core.outcome import Told
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.faults import FAULTS
from acidity.prove.stage.run import Break, Run
from acidity.prove.telling.shorten import shorten
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.steps import explained
from acidity.prove.telling.title import in_doubt_in_words

_COMMIT_FIRST = (
    'the answer has to wait for COMMIT; in FastAPI a dependency that commits after yield needs scope="function", as in '
    'Depends(get_session, scope="function")'
)


def explain(baseline: Baseline, item: Judged, steady: Steady) -> list[str]:
    """The steps of an explanation, one sentence each."""
    run, judgement = item.run, item.judgement
    steps = [*_struck(baseline, run, steady), *_ended(item, steady), *run.leaks]
    if run.in_doubt:
        steps.append(f"{in_doubt_in_words(run)}, and nothing in this run decided it")
    if judgement.by_stranger:
        steps.append("after a stranger's commit on the same pool the rows were different")
    steps.extend(map(steady.text, explained(baseline, run)))
    steps.append(f"rows read over an independent connection: {judgement.rows}")
    return steps


def on_the_way(broken: Break, run: Run) -> list[str]:
    """That a state was not the last one makes it no less readable."""
    if broken.between is None:
        return []
    call, step = broken.between.call, broken.between.step
    which = f"a COMMIT of {step}" if step else f"call {call.index} of {len(run.history)} ({shorten(call.label)})"
    return [f"{which} was acknowledged, and from then on everybody could read these rows"]


def _struck(baseline: Baseline, run: Run, steady: Steady) -> list[str]:
    total = len(baseline.clean[0].history)
    for event in run.history:
        if event.fault:
            call = event.call
            what = FAULTS[event.fault].sentence.format(
                call=f"call {call.index} of {total} ({shorten(steady.text(call.label))})"
            )
            return [what + (f" at {call.site}" if call.site else "")]
    return []


def _ended(item: Judged, steady: Steady) -> list[str]:
    run, judgement = item.run, item.judgement
    if run.ending.status:
        raised = run.ending.answer["raised"]
        late = f", then {shorten(steady.text(raised))} was raised" if raised else ""
        said = [f"{spoken(run.ending.status)} was sent{late}: told {judgement.told}"]
        return [*said, _COMMIT_FIRST] if raised and judgement.word == "false success" else said
    if run.ending.answered:
        undecided = judgement.told is Told.UNDECIDED
        told = "only you can say what that means (succeeded=)" if undecided else f"told {judgement.told}"
        return [f"the operation returned {shorten(repr(steady.value(run.ending.answer)))}: {told}"]
    return [f"{run.ending.exception} left the operation: told {judgement.told}"] if run.ending.exception else []

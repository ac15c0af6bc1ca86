"""Before a finding is said, the run that it shows is made once more: what does not come again is not said as a fact.

If the run differs, the next plainest run with the same cause is tried, three at most. If none of them comes again, the
verdict is unknown, with the Histories of both runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from acidity.core.finding import Finding
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.findings import Cause, atomicity_causes, consistency_causes
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.telling.shorten import shorten

TRIED_MAX = 3
_SHOWN_MAX = 40
Known = dict[str, Judged | BaseException]


@dataclass(slots=True)
class Confirmed:
    """What can be said.

    Attributes:
        findings: what came again; all that was seen, once somebody has stopped the check.
        unknowns: what did not come again, with both Histories.
    """

    findings: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)


def confirmed_findings(examiner: Examiner, examination: Examination) -> tuple[list[Finding], list[Finding]]:
    """The findings of letters A and C that came again; the examination notes what did not."""
    baseline, judged = examination.baseline, examination.judged
    known: Known = {}
    atomicity = confirm(atomicity_causes(baseline, judged), examiner, baseline, known)
    consistency = confirm(consistency_causes(baseline, judged), examiner, baseline, known)
    examination.unknowns += [*atomicity.unknowns, *consistency.unknowns]
    return atomicity.findings, consistency.findings


def confirm(causes: Iterable[Cause], examiner: Examiner, baseline: Baseline, known: Known | None = None) -> Confirmed:
    """Make the run of each finding once more.

    Args:
        causes: what there is to say.
        examiner: makes the runs.
        baseline: what they are compared with.
        known: what came of a run before, by its Schedule; one run may show several findings.
    """
    confirmed = Confirmed()
    known = {} if known is None else known
    for cause in causes:
        try:
            shown = cause.members[0] if examiner.runs.stopped_by else _shown(cause, examiner, baseline, known)
        except (KeyboardInterrupt, Terminated) as stop:
            examiner.runs.stop(stop)
            shown = cause.members[0]
        if shown is not None:
            confirmed.findings.append(cause.finding(shown))
        else:
            confirmed.unknowns.append(_unconfirmed(cause, examiner.operation.name, known))
    return confirmed


def _shown(cause: Cause, examiner: Examiner, baseline: Baseline, known: Known) -> Judged | None:
    """The plainest run that comes again."""
    for item in _plainest(cause):
        again = _again(item, examiner, baseline, known)
        if isinstance(again, Judged) and again.run.struck is item.run.struck and cause.shown_by(again):
            return item
    return None


def _unconfirmed(cause: Cause, operation: str, known: Known) -> str:
    item = cause.members[0]
    return (
        f"{operation}: {cause.word} was seen in {_which(item)}, and did not come again when that was repeated: "
        f"at first {_told(item)}; the second time {_told(known[str(item.run.schedule)])}"
    )


def _plainest(cause: Cause) -> Iterator[Judged]:
    """The plainest runs, each Schedule once."""
    for number, schedule in enumerate(dict.fromkeys(item.run.schedule for item in cause.members)):
        if number == TRIED_MAX:
            return
        yield next(item for item in cause.members if item.run.schedule == schedule)


def _again(item: Judged, examiner: Examiner, baseline: Baseline, known: Known) -> Judged | BaseException:
    """The same run a second time."""
    name = str(item.run.schedule)
    if name not in known:
        try:
            known[name] = examiner.repeat(baseline, item.run.schedule)
        except (Exception, Unsettled) as error:  # whatever it is, it is no second sight of what was found
            known[name] = error
    return known[name]


def _which(item: Judged) -> str:
    return str(item.run.schedule) if item.run.schedule.choices else "a clean run"


def _told(item: Judged | BaseException) -> str:
    """A History in one line, with what was told and where the rows stood."""
    if isinstance(item, BaseException):
        return f"{type(item).__name__}: {shorten(str(item))}"
    run, judgement = item.run, item.judgement
    calls = []
    for event in run.history:
        struck = f" struck by {event.fault}" if event.fault else ""
        ended = "" if event.reply.status == "ok" else f" {event.reply.status}"
        calls.append(f"{event.call.actor}{event.call.index} {shorten(event.call.label, _SHOWN_MAX)}{struck}{ended}")
    leaks = f", {run.leaks[0]}" if run.leaks else ""
    stopped = f", the stranger was stopped ({run.stopped})" if run.stopped else ""
    return f"[{' | '.join(calls)}] told {judgement.told}, rows {judgement.rows}{leaks}{stopped}"

"""Before a finding is said, the run that it shows is made once more: what does not come again is not said as a fact.

If the run differs, the next plainest run with the same cause is tried, three at most. If none of them comes again, the
verdict is unknown, with the Histories of both runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from acidity.core.cause import Cause
from acidity.core.finding import Finding
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.findings import Suspect, Suspects
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
        causes: the cause of each of them.
        rules: the names of the rules that they break.
        unknowns: what did not come again, with both Histories.
    """

    findings: list[Finding] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    rules: frozenset[str] = frozenset()
    unknowns: list[str] = field(default_factory=list)


def confirmed_findings(examiner: Examiner, examination: Examination) -> tuple[Confirmed, Confirmed]:
    """The findings of letters A and C that came again; the examination notes what did not."""
    baseline = examination.baseline
    known: Known = {}
    suspects = Suspects(baseline, examination.judged)
    atomicity = confirm(suspects.atomicity(), examiner, baseline, known)
    consistency = confirm(suspects.consistency(), examiner, baseline, known)
    examination.unknowns += [*atomicity.unknowns, *consistency.unknowns]
    return atomicity, consistency


def confirm(
    suspects: Iterable[Suspect], examiner: Examiner, baseline: Baseline, known: Known | None = None
) -> Confirmed:
    """Make the run of each finding once more.

    Args:
        suspects: what there is to say.
        examiner: makes the runs.
        baseline: what they are compared with.
        known: what came of a run before, by its Schedule; one run may show several findings.
    """
    confirmed = Confirmed()
    known = {} if known is None else known
    for suspect in suspects:
        try:
            shown = suspect.members[0] if examiner.runs.stopped_by else _shown(suspect, examiner, baseline, known)
        except (KeyboardInterrupt, Terminated) as stop:
            examiner.runs.stop(stop)
            shown = suspect.members[0]
        if shown is not None:
            confirmed.findings.append(suspect.finding(shown))
            confirmed.causes.append(suspect.cause)
            confirmed.rules |= suspect.rules
        else:
            confirmed.unknowns.append(_unconfirmed(suspect, examiner.operation.name, known))
    return confirmed


def _shown(suspect: Suspect, examiner: Examiner, baseline: Baseline, known: Known) -> Judged | None:
    """The plainest run that comes again."""
    for item in _plainest(suspect):
        again = _again(item, examiner, baseline, known)
        if isinstance(again, Judged) and again.run.struck is item.run.struck and suspect.shown_by(again, item):
            return item
    return None


def _unconfirmed(suspect: Suspect, operation: str, known: Known) -> str:
    item = suspect.members[0]
    return (
        f"{operation}: {suspect.word} was seen in {_which(item)}, and did not come again when that was repeated: "
        f"at first {_told(item)}; the second time {_told(known[str(item.run.schedule)])}"
    )


def _plainest(suspect: Suspect) -> Iterator[Judged]:
    """The plainest runs, each Schedule once."""
    for number, schedule in enumerate(dict.fromkeys(item.run.schedule for item in suspect.members)):
        if number == TRIED_MAX:
            return
        yield next(item for item in suspect.members if item.run.schedule == schedule)


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

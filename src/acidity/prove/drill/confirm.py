"""Before a finding is said, the run that it shows is made once more: what does not come again is not said as a fact.

If the run differs, the next plainest run with the same cause is tried, three at most. If none of them comes again, the
verdict is unknown, with the Histories of both runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from acidity.core.finding import Finding
from acidity.core.schedule import Schedule
from acidity.engines.base import Unsettled
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.findings import Cause, atomicity_causes, consistency_causes
from acidity.prove.drill.judge import Judged
from acidity.prove.telling.shorten import shorten

TRIED_MAX = 3
_SHOWN_MAX = 40


@dataclass(slots=True)
class Confirmed:
    """What can be said.

    Attributes:
        findings: what came again.
        unknowns: what did not, with both Histories.
        interrupted: the user pressed Ctrl-C; what was left is said as it was seen.
    """

    findings: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    interrupted: bool = False


def confirmed_findings(examiner: Examiner, examination: Examination) -> tuple[list[Finding], list[Finding]]:
    """The findings of letters A and C that came again; the examination notes what did not, and an interruption."""
    found = []
    bench = examination.bench
    known: dict[str, Judged | BaseException] = {}
    for causes_of in (atomicity_causes, consistency_causes):
        causes = causes_of(bench, examination.judged)
        if examination.interrupted:
            found.append([cause.finding(cause.members[0]) for cause in causes])
            continue
        confirmed = confirm(causes, examiner.operation.name, lambda each: examiner.repeat(bench, each), known)
        examination.unknowns.extend(confirmed.unknowns)
        examination.interrupted = confirmed.interrupted
        found.append(confirmed.findings)
    atomicity, consistency = found
    return atomicity, consistency


def confirm(
    causes: Iterable[Cause],
    operation: str,
    repeat: Callable[[Schedule], Judged],
    known: dict[str, Judged | BaseException] | None = None,
) -> Confirmed:
    """Make the run of each finding once more.

    Args:
        causes: what there is to say.
        operation: its name.
        repeat: makes the run of a Schedule once more, and judges it.
        known: what came of it before, by Schedule; one run may show several findings.
    """
    confirmed = Confirmed()
    known = {} if known is None else known
    for cause in causes:
        if confirmed.interrupted:
            confirmed.findings.append(cause.finding(cause.members[0]))
            continue
        try:
            _confirm(cause, operation, repeat, known, confirmed)
        except KeyboardInterrupt:
            confirmed.interrupted = True
            confirmed.findings.append(cause.finding(cause.members[0]))
            confirmed.unknowns.append(f"{operation}: interrupted before what was found was seen a second time")
    return confirmed


def _confirm(
    cause: Cause,
    operation: str,
    repeat: Callable[[Schedule], Judged],
    known: dict[str, Judged | BaseException],
    confirmed: Confirmed,
) -> None:
    for item in _plainest(cause):
        again = _again(item, repeat, known)
        if isinstance(again, Judged) and again.run.struck is item.run.struck and cause.shown_by(again):
            confirmed.findings.append(cause.finding(item))
            return
    item = cause.members[0]
    confirmed.unknowns.append(
        f"{operation}: {cause.word} was seen in {_which(item)}, and did not come again when that was repeated: "
        f"at first {_told(item)}; the second time {_told(known[str(item.run.schedule)])}"
    )


def _plainest(cause: Cause) -> Iterator[Judged]:
    """The plainest runs, each Schedule once."""
    for number, schedule in enumerate(dict.fromkeys(item.run.schedule for item in cause.members)):
        if number == TRIED_MAX:
            return
        yield next(item for item in cause.members if item.run.schedule == schedule)


def _again(
    item: Judged, repeat: Callable[[Schedule], Judged], known: dict[str, Judged | BaseException]
) -> Judged | BaseException:
    """The same run a second time."""
    name = str(item.run.schedule)
    if name not in known:
        try:
            known[name] = repeat(item.run.schedule)
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

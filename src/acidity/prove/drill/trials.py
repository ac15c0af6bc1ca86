"""Trials of remedies: the operation is drilled again with a change made at the seam, and judged by the same check.

A change is judged by whether it ends one finding; what remains with it is said, and at most one pair of changes is
tried together for each finding. A trial never costs a finding: whatever goes wrong in it, a usage error too, only means
that the change was not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from acidity.adapters.seam import Interceptor, Layer
from acidity.core.call import History
from acidity.core.cause import Cause, CauseKind
from acidity.core.finding import Finding, Remedy, Tried
from acidity.core.report import ExitReason
from acidity.core.scenario import Operation
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.drill.confirm import Confirmed, confirm
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.findings import Suspects
from acidity.prove.drill.uncommitted import Undecided
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial
from acidity.prove.runs import Runs, reason_of
from acidity.prove.stage.inspector import Inspector

Key = tuple[object, ...]
_OWNER = "whoever owns the session rolls back after a failed COMMIT"
_OWNER_DID = "acidity, who lent the session, did it in these runs, and the rows stayed as before"


@dataclass(frozen=True, slots=True)
class Remains:
    """An error that is there although a change was made.

    Attributes:
        key: its cause.
        kind: the kind of that.
        code: what it is called.
        where: the line, if there is one.
    """

    key: Key
    kind: CauseKind
    code: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one change, or of two together.

    Attributes:
        key: what it is called in the registry.
        name: the change in words.
        runs: how many runs were made.
        left: the errors that remain.
        known: the causes of the errors without the change.
        unfinished: why it was not tried, or not to its end; empty if it was.
        did: what the reader must know of how it was made.
        brings: the causes that may come with it → what is needed against each.
    """

    key: str
    name: str
    runs: int = 0
    left: tuple[Remains, ...] = ()
    known: frozenset[Key] = frozenset()
    unfinished: str = ""
    did: str = ""
    brings: Mapping[CauseKind, str] = field(default_factory=dict)

    def against(self, cause: Cause) -> Remedy:
        """What it means for one finding.

        A finding is there still if its cause is, or if another one has come up in its place: a change that only moves
        what is wrong to another line, or makes another word of it, ends nothing. What the change cannot do without (a
        COMMIT that may be left open, an effect that may fail after COMMIT) is only said to remain. What was seen again
        was seen, however the trial ended.

        Args:
            cause: of the finding.
        """
        brought = [each for each in self.left if each.key not in self.known]
        moved = any(each.kind not in {CauseKind.COMMIT_LEFT_OPEN, *self.brings} for each in brought)
        if moved or any(each.key == cause.key for each in self.left):
            return Remedy(self.name, Tried.FAILED, self.runs, self.did, self.key)
        if self.unfinished:
            return Remedy(self.name, Tried.NOT_TRIED, self.runs, self.unfinished, self.key)
        if not self.left:
            return Remedy(self.name, Tried.PASSED, self.runs, self.did, self.key)
        remain = tuple(sorted({each.code for each in self.left}))
        needs = " and ".join(text for kind, text in self.brings.items() if any(each.kind is kind for each in self.left))
        parts = (_lines(self.left), self.did, needs and f"needs also {needs}")
        note = "; ".join(filter(None, parts))
        return Remedy(self.name, Tried.ENDS_THIS, self.runs, note, self.key, remain)


def _lines(left: Sequence[Remains]) -> str:
    """Where the errors are that remain, in words that follow their codes; a single code is not said again."""
    places = list(dict.fromkeys((each.code, each.where) for each in left if each.where))
    if not places:
        return ""
    if len({each.code for each in left}) > 1:
        return f"their lines: {', '.join(f'{code} at {where}' for code, where in places)}"
    return f"its line{'s' * (len(places) > 1)}: {', '.join(where for _, where in places)}"


@dataclass(slots=True)
class Trials:
    """The trials of one operation; each change, and each pair, is tried once.

    Attributes:
        runs: of the check that they are a part of.
        operation: what they are tried on.
        examination: of it, without a change.
        found: what was found in it, by letter.
    """

    runs: Runs
    operation: Operation
    examination: Examination
    found: Sequence[Confirmed]
    _tried: dict[str, Trial | None] = field(default_factory=dict)
    _known: frozenset[Key] = frozenset()
    _patient: Patient = field(default_factory=lambda: Patient(()))

    def __post_init__(self) -> None:
        both = [pair for found in self.found for pair in zip(found.findings, found.causes, strict=True)]
        self._known = frozenset(cause.key for finding, cause in both if finding.severity == "error")
        engines = {name: part.engine_name for name, part in self.runs.stage.parts.items()}
        shown: list[History] = [finding.history for finding, _ in both]
        self._patient = Patient(self.examination.baseline.clean[0].history, shown, {**engines, "": _only(engines)})

    def helping(self, finding: Finding, cause: Cause) -> tuple[Remedy, ...]:
        """What each change that is meant against this cause does for a finding, the cheapest first."""
        if finding.severity == "warning":
            owed = cause.kind is CauseKind.COMMIT_LEFT_OPEN and self._is_owed(finding)
            return (Remedy(_OWNER, Tried.PASSED, finding.occurrences, _OWNER_DID, by_caller=True),) if owed else ()
        names = [name for name in REMEDIES if cause.kind in REMEDIES[name].kinds]
        trials = [trial for name in names if (trial := self._of(name)) is not None]
        found = [(trial, trial.against(cause)) for trial in trials]
        if not any(remedy.verdict is Tried.PASSED for _, remedy in found):
            pair = self._pair([trial for trial, remedy in found if remedy.verdict is Tried.ENDS_THIS])
            found += [(pair, pair.against(cause))] if pair is not None else []
        return tuple(remedy for _, remedy in found)

    def _is_owed(self, finding: Finding) -> bool:
        return any(item.run.owed and item.run.schedule == finding.schedule for item in self.examination.judged)

    def _pair(self, ending: Sequence[Trial]) -> Trial | None:
        """The first that ends the finding, with the first that may end what remains then."""
        for trial in ending:
            left = {each.kind for each in trial.left}
            for name in REMEDIES:
                if name != trial.key and left & REMEDIES[name].kinds and REMEDIES[name].misfit(self._patient) is None:
                    return self._of(trial.key, name)
        return None

    def _of(self, *names: str) -> Trial | None:
        key = "+".join(names)
        if key not in self._tried:
            self._tried[key] = self._try(key, [REMEDIES[name] for name in names])
        return self._tried[key]

    def _try(self, key: str, changes: Sequence[RemedyTrial]) -> Trial | None:
        """Drill with these changes; None where that would be nothing that anybody asks for."""
        misfit: Misfit | None = None
        for change in changes:
            misfit = misfit or change.misfit(self._patient)
        if misfit is not None:
            return self._not_tried(key, changes, misfit.reason) if misfit.worth_saying else None
        if self.runs.over():
            return self._not_tried(key, changes, _why_over(self.runs))
        patient = Patient(self._patient.history, self._patient.shown, self._patient.engines)
        examiner = Examiner(self.runs, self.operation, Inspector(self.runs.stage), wrap=_all_of(changes, patient))
        try:
            again = examiner.examine()
        except (KeyboardInterrupt, Terminated) as stop:
            return self._not_tried(key, changes, self.runs.stop(stop).value)
        except Undecided as error:
            return self._not_tried(key, changes, patient.spoiled or str(error))
        except (Exception, Unsettled) as error:
            why = patient.spoiled or f"with this change {type(error).__name__}: {error}"
            return self._not_tried(key, changes, why)
        return self._judged(key, changes, patient, examiner, again)

    def _not_tried(self, key: str, changes: Sequence[RemedyTrial], reason: str) -> Trial:
        return Trial(key, _named(changes), known=self._known, unfinished=reason)

    def _judged(
        self, key: str, changes: Sequence[RemedyTrial], patient: Patient, examiner: Examiner, again: Examination
    ) -> Trial:
        baseline = again.baseline
        suspects = Suspects(baseline, again.judged)
        found = confirm([*suspects.atomicity(), *suspects.consistency()], examiner, baseline)
        reasons = [patient.spoiled] if patient.spoiled else [*again.unknowns, *found.unknowns]
        return Trial(
            key,
            _named(changes),
            len(again.judged),
            () if patient.spoiled else _errors(found),
            self._known,
            reasons[0] if reasons else "",
            patient.did,
            {kind: text for change in changes for kind, text in change.brings.items()},
        )


def _errors(found: Confirmed) -> tuple[Remains, ...]:
    """Each cause once: what letter C says of one that letter A names, too, stands in that."""
    left: dict[Key, Remains] = {}
    for finding, cause in zip(found.findings, found.causes, strict=True):  # those of letter A first
        if finding.severity == "error":
            left.setdefault(cause.key, _remains(finding, cause))
    return tuple(left.values())


def _remains(finding: Finding, cause: Cause) -> Remains:
    where = "" if cause.place is None else str(cause.place.site)
    return Remains(cause.key, cause.kind, finding.code, where)


def _all_of(changes: Sequence[RemedyTrial], patient: Patient) -> Callable[[], Interceptor]:
    def wrap() -> Interceptor:
        outer: Layer | None = None
        for change in reversed(changes):
            layer = change.interceptor(patient)
            if outer is not None:
                layer.inner = outer
            outer = layer
        assert outer is not None, "there is at least one change"
        return outer

    return wrap


def _named(changes: Sequence[RemedyTrial]) -> str:
    return "; and ".join(change.name for change in changes)


def _only(engines: dict[str, str]) -> str:
    return engines.get("") or next(iter(engines.values()))


def _why_over(runs: Runs) -> str:
    return (ExitReason.BUDGET if runs.stopped_by is None else reason_of(runs.stopped_by)).value

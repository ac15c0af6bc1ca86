"""Turn judged runs into Findings: grouped by cause, earliest Call first, in the user's terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acidity.analysis.canonical import equal_raw
from acidity.analysis.diff import Claim, row_changes, sentence
from acidity.core.call import Event, Kind, Site
from acidity.core.codes import CONSTRAINT, INVARIANT, LEFT_OPEN, OF_WORD
from acidity.core.finding import Finding, RowChange
from acidity.core.http import spoken
from acidity.core.outcome import Told
from acidity.prove.drill.judge import Baseline, Judged, Word
from acidity.prove.faults import FAULTS
from acidity.prove.stage.run import Break, Run
from acidity.prove.telling.answers import answer_in_words
from acidity.prove.telling.shorten import shorten
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.steps import changes_again, explained, title_of_failed, title_of_repeated

_COMMIT_FIRST = (
    'the answer has to wait for COMMIT; in FastAPI a dependency that commits after yield needs scope="function", as in '
    'Depends(get_session, scope="function")'
)


_CLAIMS: Mapping[Word, Claim] = {
    "doubled": Claim.TWICE,
    "not refused": Claim.REFUSED,
    "false success": Claim.SUCCEEDED,
    "false failure": Claim.FAILED,
    "failed after commit": Claim.FAILED,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Runs that show the same thing, and how to say it.

    Attributes:
        word: what is wrong.
        members: the runs, the plainest first.
        shown_by: whether a run shows this, too.
        finding: makes the Finding that shows one of the runs.
    """

    word: str
    members: tuple[Judged, ...]
    shown_by: Callable[[Judged], bool]
    finding: Callable[[Judged], Finding]


def atomicity_causes(baseline: Baseline, judged: Sequence[Judged]) -> list[Cause]:
    """What letter A has to say of one operation."""
    groups: dict[Any, list[Judged]] = {}
    for item in judged:
        if item.judgement.severity is None:
            continue
        groups.setdefault(_cause(baseline, item), []).append(item)
    return [_atomicity_cause(baseline, key[0], members) for key, members in groups.items()]


def _atomicity_cause(baseline: Baseline, code: str, members: list[Judged]) -> Cause:
    first = members[0].judgement

    def shown_by(item: Judged) -> bool:
        """The rows may differ in places by chance; word, severity and the kind of rows may not."""
        seen = item.judgement
        return (seen.word, seen.severity, seen.rows) == (first.word, first.severity, first.rows)

    return Cause(
        first.text,
        tuple(sorted(members, key=_simplest)),
        shown_by,
        lambda item: _finding(baseline, code, item, len(members)),
    )


def _cause(baseline: Baseline, item: Judged) -> tuple[Any, ...]:
    """Runs that end in the same rows with the same word have one cause."""
    code = OF_WORD[item.judgement.word].name
    if committed_by_stranger(item):
        return LEFT_OPEN.name, item.judgement.severity
    if item.judgement.word == "leaked":
        return code, item.judgement.text, item.judgement.severity, item.run.leaks, bool(item.run.stopped)
    effects = tuple(sorted(item.run.effects.items()))
    return (
        code,
        item.judgement.text,
        item.judgement.severity,
        baseline.comparer.digest(item.run.end),
        effects,
        _in_doubt(item.run),
    )


def committed_by_stranger(item: Judged) -> bool:
    """SQLAlchemy's own trap: a failed COMMIT went back to the pool unrolled, and the next user committed it."""
    if not item.run.leaks or equal_raw(item.run.first, item.run.second):
        return False
    failed: set[int] = set()
    for event in item.run.history:
        if event.call.kind is Kind.COMMIT and event.reply.status != "ok":
            failed.add(event.call.connection)
        elif event.call.kind in {Kind.ROLLBACK, Kind.COMMIT}:
            failed.discard(event.call.connection)
    return bool(failed)


def _simplest(item: Judged) -> tuple[bool, tuple[int, int, int, str]]:
    """A word that misleads the caller before one that only warns, then the simplest Schedule."""
    return item.judgement.word == "leaked", item.run.schedule.simplicity


def _finding(baseline: Baseline, code: str, item: Judged, occurrences: int) -> Finding:
    run, judgement, steady = item.run, item.judgement, Steady.of(baseline)
    repeated = baseline.changed_again(run) if judgement.word == "not idempotent" else None
    found = changes_again(repeated, run) if repeated is not None else row_changes(baseline.seed, run.end)
    changes = _compared(baseline, steady.changes(found))
    expected = _compared(baseline, steady.fresh().changes(row_changes(baseline.seed, baseline.clean[0].end)))
    return Finding(
        code=code,
        severity=judgement.severity or "error",
        title=steady.text(title_of_repeated(repeated, changes))
        if repeated is not None
        else _title(baseline, code, item, changes, expected, steady),
        word=judgement.text,
        operation=baseline.operation.name,
        schedule=run.schedule,
        sites=_sites(run),
        diff=changes,
        explanation=tuple(_explain(baseline, item, steady)),
        occurrences=occurrences,
        history=steady.history(run.history),
    )


def _compared(baseline: Baseline, changes: tuple[RowChange, ...]) -> tuple[RowChange, ...]:
    """The changes in tables that count."""
    return tuple(change for change in changes if change.table not in baseline.masks.tables)


def _title(
    baseline: Baseline,
    code: str,
    item: Judged,
    changes: Sequence[RowChange],
    expected: Sequence[RowChange],
    steady: Steady,
) -> str:
    run, judgement = item.run, item.judgement
    told = _told(baseline, item, steady)
    claim = _CLAIMS.get(judgement.word, Claim.CLEAN)
    if claim is Claim.FAILED and not run.ending.exception:
        claim = Claim.NOTHING  # the answer was quoted, and need not be explained
    rows = sentence(tuple(changes), tuple(expected), claim)
    effects = ", ".join(f"{name} took place {count}×" for name, count in sorted(run.effects.items()))
    if run.failed_step is not None:
        return steady.text(title_of_failed(run.failed_step, told, rows))
    if code == LEFT_OPEN.name:
        return (
            f"{told}, and yet {rows}: SQLAlchemy gave the connection back with the transaction of the failed COMMIT "
            f"still open, and the next user of the pool committed it"
        )
    if judgement.word == "leaked":
        return f"{'; '.join(run.leaks) or 'something was left open'}" + (
            f", and the next unit of work was stopped by it ({run.stopped})" if run.stopped else ""
        )
    if judgement.word == "not refused":
        return f"the call should have been refused and was not: {rows}"
    if judgement.word == "left in doubt":
        return f"{told}, and {_in_doubt(run)}, with locks that stay until somebody commits or rolls back"
    doubt = f"; {_in_doubt(run)}" if run.in_doubt else ""
    return f"{told}, and yet {rows}" + (f"; {effects}" if effects else "") + doubt


def _in_doubt(run: Run) -> str:
    """How many, and where; what they are called is another name in every run."""
    databases = {event.call.database for event in run.whole_history if event.call.database}
    where = dict.fromkeys(name for found in run.in_doubt for name in databases if found.startswith(f"{name}: "))
    count = len(run.in_doubt)
    text = (
        "1 prepared transaction is left in doubt" if count == 1 else f"{count} prepared transactions are left in doubt"
    )
    return f"{text} in {' and '.join(where)}" if where else text


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


def _sites(run: Run) -> tuple[Site, ...]:
    """The struck Call first, then the COMMIT before it that came too early, then the last write."""
    struck = [event for event in run.history if event.fault]
    found: list[Site | None] = [event.call.site for event in struck[:1]]
    before: Sequence[Event] = run.history
    if struck:
        before = run.history[: run.history.index(struck[0])]
    for kinds in ({Kind.COMMIT, Kind.RELEASE}, {Kind.STATEMENT, Kind.EFFECT}):
        found.extend(event.call.site for event in [event for event in before if event.call.kind in kinds][-1:])
    return tuple(dict.fromkeys(site for site in found if site is not None))


def _explain(baseline: Baseline, item: Judged, steady: Steady) -> list[str]:
    run, judgement = item.run, item.judgement
    total = len(baseline.clean[0].history)
    steps = []
    for event in run.history:
        if event.fault:
            call = event.call
            what = FAULTS[event.fault].sentence.format(
                call=f"call {call.index} of {total} ({shorten(steady.text(call.label))})"
            )
            steps.append(what + (f" at {call.site}" if call.site else ""))
            break
    if run.ending.status:
        raised = run.ending.answer["raised"]
        late = f", then {shorten(steady.text(raised))} was raised" if raised else ""
        steps.append(f"{spoken(run.ending.status)} was sent{late}: told {judgement.told}")
        if raised and judgement.word == "false success":
            steps.append(_COMMIT_FIRST)
    elif run.ending.answered:
        undecided = judgement.told is Told.UNDECIDED
        told = "only you can say what that means (succeeded=)" if undecided else f"told {judgement.told}"
        steps.append(f"the operation returned {shorten(repr(steady.value(run.ending.answer)))}: {told}")
    elif run.ending.exception:
        steps.append(f"{run.ending.exception} left the operation: told {judgement.told}")
    steps.extend(run.leaks)
    if run.in_doubt:
        steps.append(f"{_in_doubt(run)}, and nothing in this run decided it")
    if judgement.by_stranger:
        steps.append("after a stranger's commit on the same pool the rows were different")
    steps.extend(map(steady.text, explained(baseline, run)))
    steps.append(f"rows read over an independent connection: {judgement.rows}")
    return steps


def consistency_causes(baseline: Baseline, judged: Sequence[Judged]) -> list[Cause]:
    """What letter C has to say of one operation: each constraint or invariant that was broken."""
    groups: dict[tuple[str, bool], dict[int, Judged]] = {}
    counts: Counter[tuple[str, bool]] = Counter()
    for item in judged:
        for broken in item.run.breaks:
            key = (broken.violation.called, broken.between is None)
            groups.setdefault(key, {})[id(item)] = item
            counts[key] += 1
    return [_consistency_cause(baseline, key, list(members.values()), counts[key]) for key, members in groups.items()]


def _consistency_cause(baseline: Baseline, key: tuple[str, bool], members: list[Judged], occurrences: int) -> Cause:
    def broken_in(item: Judged) -> Break | None:
        return next((each for each in item.run.breaks if (each.violation.called, each.between is None) == key), None)

    def finding(item: Judged) -> Finding:
        broken = broken_in(item)
        assert broken is not None, "only runs that show it are asked"
        return _inconsistent(baseline, item, broken, occurrences)

    members.sort(key=_simplest)
    return Cause(INVARIANT.word, tuple(members), lambda item: broken_in(item) is not None, finding)


def _inconsistent(baseline: Baseline, item: Judged, broken: Break, occurrences: int) -> Finding:
    steady = Steady.of(baseline)
    seen, violation = steady.text(str(broken.violation)), broken.violation
    what = "a declared constraint" if violation.declared else f"the invariant {violation.called}"
    site = broken.between.call.site if broken.between is not None else None
    return Finding(
        code=(CONSTRAINT if violation.declared else INVARIANT).name,
        severity="error",
        title=f"{what} is broken{broken.where}: {seen}",
        word=INVARIANT.word,
        operation=baseline.operation.name,
        schedule=item.run.schedule,
        sites=tuple(dict.fromkeys([*([site] if site else []), *_sites(item.run)])),
        diff=steady.changes(row_changes(baseline.seed, broken.state)),
        explanation=(*_on_the_way(broken, item.run), *_explain(baseline, item, steady)),
        occurrences=occurrences,
        history=steady.history(item.run.history),
    )


def _on_the_way(broken: Break, run: Run) -> list[str]:
    """That a state was not the last one makes it no less readable."""
    if broken.between is None:
        return []
    call, step = broken.between.call, broken.between.step
    which = f"a COMMIT of {step}" if step else f"call {call.index} of {len(run.history)} ({shorten(call.label)})"
    return [f"{which} was acknowledged, and from then on everybody could read these rows"]

"""Turn judged runs into Findings: one for each cause, with everything that it breaks, in the user's terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from acidity.analysis.diff import row_changes
from acidity.core.call import Event, Kind, Site
from acidity.core.cause import AlsoBroken, Cause, CauseKind, Place, Rate, Severity
from acidity.core.codes import CONSTRAINT, INVARIANT, LEFT_OPEN, OF_WORD
from acidity.core.finding import Finding, RowChange
from acidity.prove.drill.causes import Causes, committed_by_stranger, is_only_owed, parted, place_of
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.drill.plainest import plainness
from acidity.prove.stage.run import Break, Run
from acidity.prove.telling.cause import cause_in_words
from acidity.prove.telling.fates import fates
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.steps import changes_again, title_of_repeated
from acidity.prove.telling.title import title
from acidity.prove.telling.why import explain, on_the_way


@dataclass(slots=True)
class Group:
    """The runs that have one cause.

    Attributes:
        cause: which.
        wrong: those that letter A has something to say of.
        broken: the name of a rule → the runs in which it does not hold, each with where.
    """

    cause: Cause
    wrong: list[Judged] = field(default_factory=list)
    broken: dict[str, list[tuple[Judged, Break]]] = field(default_factory=dict)

    @property
    def words(self) -> list[AlsoBroken]:
        """What letter A says of its runs, errors first."""
        found: dict[str, AlsoBroken] = {}
        for item in sorted(self.wrong, key=plainness):
            found.setdefault(
                _code(item), AlsoBroken(_code(item), item.judgement.text, item.judgement.severity or "error")
            )
        return list(found.values())

    @property
    def rules(self) -> list[AlsoBroken]:
        """The rules that do not hold in its runs: what the schema declares first."""
        return sorted(
            (AlsoBroken(_code_of(members[0][1]), name) for name, members in self.broken.items()),
            key=lambda rule: (rule.code != CONSTRAINT.name, rule.name),
        )


@dataclass(frozen=True, slots=True)
class Suspect:
    """A finding before the run that it shows has come again.

    Attributes:
        cause: what it is about.
        word: what is wrong.
        members: the runs that show it, the plainest first.
        shown_by: whether a run shows what another one shows.
        finding: makes the Finding that shows one of the runs.
        rules: the names of the rules of letter C that it breaks.
    """

    cause: Cause
    word: str
    members: tuple[Judged, ...]
    shown_by: Callable[[Judged, Judged], bool]
    finding: Callable[[Judged], Finding]
    rules: frozenset[str] = frozenset()


class Suspects:
    """What there is to say of one operation.

    Args:
        baseline: what its runs are compared with.
        judged: the runs.
    """

    def __init__(self, baseline: Baseline, judged: Sequence[Judged]) -> None:
        self._baseline = baseline
        self._judged = judged
        self._causes = Causes(baseline, judged)
        self._groups = self._grouped()

    def _grouped(self) -> list[Group]:
        groups: dict[object, Group] = {}
        for item in self._judged:
            if item.judgement.severity is not None:
                cause = self._causes.of(item)
                groups.setdefault(cause.key, Group(cause)).wrong.append(item)
            for broken in item.run.breaks:
                cause = self._causes.of_break(item, broken)
                group = groups.setdefault(cause.key, Group(cause))
                group.broken.setdefault(broken.violation.called, []).append((item, broken))
        return list(groups.values())

    def atomicity(self) -> list[Suspect]:
        """What letter A has to say: one for each cause."""
        return [self._of_words(group) for group in self._groups if group.wrong]

    def consistency(self) -> list[Suspect]:
        """What letter C has to say: one for each cause that breaks a rule."""
        return [self._of_rules(group) for group in self._groups if group.broken]

    def _of_words(self, group: Group) -> Suspect:
        def shown_by(again: Judged, item: Judged) -> bool:
            """The rows may differ in places by chance; cause, word, severity and the kind of rows may not."""
            seen, said = again.judgement, item.judgement
            if (seen.word, seen.severity, seen.rows) != (said.word, said.severity, said.rows):
                return False
            return self._causes.of(again).key == group.cause.key

        members = tuple(sorted(group.wrong, key=plainness))
        return Suspect(group.cause, members[0].judgement.text, members, shown_by, lambda item: self._wrong(group, item))

    def _of_rules(self, group: Group) -> Suspect:
        rule = group.rules[0]
        found = {id(item): (item, broken) for item, broken in group.broken[rule.name]}
        members = tuple(sorted((item for item, _ in found.values()), key=plainness))

        def shown_by(again: Judged, item: Judged) -> bool:
            between = {broken.between is None for broken in item.run.breaks if broken.violation.called == rule.name}
            return any(
                broken.violation.called == rule.name and (broken.between is None) in between
                for broken in again.run.breaks
            )

        def finding(item: Judged) -> Finding:
            return self._inconsistent(group, rule, item, found[id(item)][1])

        return Suspect(group.cause, INVARIANT.word, members, shown_by, finding, frozenset(group.broken))

    # Findings

    def _wrong(self, group: Group, item: Judged) -> Finding:
        baseline, run, judgement, steady = self._baseline, item.run, item.judgement, Steady.of(self._baseline)
        repeated = baseline.changed_again(run) if judgement.word == "not idempotent" else None
        found = changes_again(repeated, run) if repeated is not None else row_changes(baseline.seed, run.end)
        changes = _compared(baseline, steady.changes(found))
        expected = _compared(baseline, steady.fresh().changes(row_changes(baseline.seed, baseline.whole)))
        words = (
            title_of_repeated(repeated, changes)
            if repeated is not None
            else title(baseline, group.cause, item, changes, expected, steady)
        )
        code = _code(item)
        return self._finding(
            group,
            item,
            code=code,
            severity=judgement.severity or "error",
            title=steady.text(words) if repeated is not None else words,
            word=judgement.text,
            diff=changes,
            steady=steady,
            explanation=tuple(explain(baseline, item, steady)),
            also=tuple(each for each in (*group.words, *group.rules) if each.code != code),
            members=group.wrong,
        )

    def _inconsistent(self, group: Group, rule: AlsoBroken, item: Judged, broken: Break) -> Finding:
        baseline, steady = self._baseline, Steady.of(self._baseline)
        seen, violation = steady.text(str(broken.violation)), broken.violation
        what = "a declared constraint" if violation.declared else f"the invariant {violation.called}"
        return self._finding(
            group,
            item,
            code=rule.code,
            severity="error",
            title=f"{what} is broken{broken.where}: {seen}",
            word=INVARIANT.word,
            diff=steady.changes(row_changes(baseline.seed, broken.state)),
            steady=steady,
            explanation=(*on_the_way(broken, item.run), *explain(baseline, item, steady)),
            also=tuple(each for each in (*group.words, *group.rules) if each != rule),
            members=[member for members in group.broken.values() for member, _ in members],
            first=broken.between.call.site if broken.between is not None else None,
        )

    def _finding(
        self,
        group: Group,
        item: Judged,
        *,
        code: str,
        severity: Severity,
        title: str,
        word: str,
        diff: tuple[RowChange, ...],
        steady: Steady,
        explanation: tuple[str, ...],
        also: tuple[AlsoBroken, ...],
        members: Sequence[Judged],
        first: Site | None = None,
    ) -> Finding:
        """What every Finding has, whatever its letter."""
        baseline, run = self._baseline, item.run
        cause = group.cause
        broke = _broke(run, cause)
        compared = cause.kind not in {CauseKind.CLEAN_RUN, CauseKind.FOLLOW_UP}
        runs = len({id(member) for member in members})
        return Finding(
            code=code,
            severity=severity,
            title=title,
            word=word,
            operation=baseline.operation.name,
            schedule=run.schedule,
            sites=_sites(run, first, cause.place),
            diff=diff,
            explanation=explanation,
            occurrences=runs,
            history=steady.history(run.history),
            kind=cause.kind,
            cause=cause_in_words(cause, item, broke),
            also=also,
            permanent=cause.place,
            broke=broke,
            rows=fates(baseline, item, Steady.of(baseline)) if compared else (),
            rate=Rate(runs, len(self._judged)),
            mode=run.mode if run.schedule.choices else None,
        )


def _code(item: Judged) -> str:
    """The code of what letter A says of a run."""
    if is_only_owed(item) or committed_by_stranger(item.run):
        return LEFT_OPEN.name
    return OF_WORD[item.judgement.word].name


def _code_of(broken: Break) -> str:
    return (CONSTRAINT if broken.violation.declared else INVARIANT).name


def _compared(baseline: Baseline, changes: tuple[RowChange, ...]) -> tuple[RowChange, ...]:
    """The changes in tables that count."""
    return tuple(change for change in changes if baseline.counted(change.table))


def _broke(run: Run, cause: Cause) -> Place | None:
    """Where the run was struck: a line that does not also lead to where the change became permanent."""
    struck = next((event.call for event in run.history if event.fault), None)
    place = None if struck is None else place_of(struck)
    if place is None or cause.place is None or cause.place.path == place.path:
        return place
    return parted(place, cause.place.path)


def _sites(run: Run, first: Site | None, permanent: Place | None) -> tuple[Site, ...]:
    """The struck Call first, then the COMMIT before it, the last write before it, and where it became permanent."""
    struck = [event for event in run.history if event.fault]
    found: list[Site | None] = [first, *(event.call.site for event in struck[:1])]
    before: Sequence[Event] = run.history
    if struck:
        before = run.history[: run.history.index(struck[0])]
    for kinds in ({Kind.COMMIT, Kind.RELEASE}, {Kind.STATEMENT, Kind.EFFECT}):
        found.extend(event.call.site for event in [event for event in before if event.call.kind in kinds][-1:])
    if permanent is not None:
        found += [permanent.site, *permanent.path[:1]]
    return tuple(dict.fromkeys(site for site in found if site is not None))

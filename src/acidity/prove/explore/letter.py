"""The Report of an exploration: letter I, isolated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from acidity.core.finding import TOLD, Finding
from acidity.core.options import CheckOptions
from acidity.core.report import Bound, ExitReason, Report
from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule
from acidity.prove.checks import Check
from acidity.prove.drill.letters import versions
from acidity.prove.explore.callers import Callers, pairs, require_named, together
from acidity.prove.explore.control import TRIES
from acidity.prove.explore.explore import run_explore
from acidity.prove.explore.explored import Explored, Group

_NOT_COVERED = (
    "other arguments",
    "more callers at once",
    "faults beside other callers",
    "other isolation levels",
    "other callers in the middle of one call",
)
_LOCK = (
    "--actors processes is worth it: a lock, a pool or the event loop keeps these callers apart that two workers would "
    "not share,"
)
_STEP = "one step: an executemany, a statement on several rows, the program's code from one Call to the next"


def isolation_report(explored: Explored, asked: CheckOptions) -> Report:
    """Letter I: what came of callers at once comes of some order of them."""
    groups = explored.groups
    findings = _once(finding for group in groups for finding in (*group.findings, *group.inconsistent))
    unknowns = [*explored.unknowns, *(f"{_named(group)}: {why}" for group in groups for why in group.unknowns)]
    runs = sum(group.searched.runs for group in groups)
    return Report(
        check="explore",
        target=asked.target,
        engine=explored.engine.at(asked.isolation_level),
        runs=runs,
        bounds=tuple(_bounds(groups)),
        findings=tuple(findings),
        unknowns=tuple(unknowns),
        headline=_headline(explored),
        notes=tuple(_notes(explored)),
        not_covered=tuple(_not_covered(explored)),
        ended=next(
            (it.searched.ended for it in groups if it.searched.ended is not ExitReason.FINISHED), explored.ended
        ),
        own_levels=_own_levels(explored),
        shown=next((group.shown for group in groups if group.shown), None),
        seed=asked.seed,
        versions=versions(),
        elapsed_s=explored.elapsed_s,
    )


def _not_covered(explored: Explored) -> Iterator[str]:
    yield from _NOT_COVERED
    if "mariadb" in explored.engine.name:  # one of several, perhaps
        yield "rows that are purged among the callers"
    yield from dict.fromkeys(each for group in explored.groups for each in group.left_out)
    yield from explored.hidden
    idle = [name for name in explored.effects if not any(name in group.effects for group in explored.groups)]
    yield from (f"the effect {name} (never called)" for name in idle)
    if explored.effects:
        yield "effects of a caller that the database turned away (letter A)"
    if explored.keyed_effects:
        yield "what effects are told under a key that several callers have"


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """A finding is a cause: groups that differ in the arguments alone have one, shown by the gravest, then the first.

    What has no name is one cause only as far as the same is wrong with it.
    """
    causes: dict[tuple[object, ...], Finding] = {}
    for each in sorted(findings, key=_gravity):
        key = (each.code, each.anomaly or each.wrong, each.operation, each.sites)
        known = causes.get(key)
        causes[key] = each if known is None else replace(known, occurrences=known.occurrences + each.occurrences)
    return list(causes.values())


def _gravity(finding: Finding) -> tuple[bool, bool]:
    """Errors first, and of them those in which more is wrong than what callers were told."""
    return finding.severity != "error", finding.wrong == TOLD


def _headline(explored: Explored) -> str:
    groups = explored.groups
    if not groups:
        return ""
    runs = sum(group.searched.runs for group in groups)
    broken = sum(group.searched.violations for group in groups)
    away = sum(group.searched.turned_away for group in groups)
    most = max(len(group.callers) for group in groups)
    apart = " in processes of their own" if explored.apart else ""
    where = f"{most} callers{apart}{f', {explored.level}' if explored.level else ''}"
    if own := _own_levels(explored):
        where += f" ({'; '.join(own)})"
    if len(groups) > 1:
        where += f", {len(groups)} groups"
    if all(group.only_reads for group in groups):
        return f"{where}: they only read, so that all orders come to the same"
    if not runs:
        return f"{where}: no schedule was run"
    wrong = "not serial, or break a rule" if explored.several else "not serial"
    order = "an order of their transactions" if explored.several else "a serial order"
    count = f"{runs:,} {_what_is_run(groups, runs)}"
    text = f"{where}: {broken} of {count} {'is' if broken == 1 else 'are'} {wrong}"
    if not broken:
        whole = all(group.searched.ended is ExitReason.FINISHED for group in groups)
        of = f"{runs:,} of " if whole else ""
        text = f"{where}: {of}{count}, and what came of each comes of {order}"
    text += f" · somebody was turned away in {away}" if away else ""
    locks = dict.fromkeys(line for group in groups for line in group.locks)
    return text + (f" · {_LOCK} {', '.join(locks)}" if locks else "")


def _what_is_run(groups: Sequence[Group], runs: int) -> str:
    """Schedules, or one of each class; the word for so many."""
    if all(group.searched.classes or group.only_reads for group in groups):
        return "class of schedules" if runs == 1 else "classes of schedules"
    return "schedule" if runs == 1 else "schedules"


def _own_levels(explored: Explored) -> tuple[str, ...]:
    return tuple(f"{name} sets {' and '.join(levels)} itself" for name, levels in explored.own_levels.items())


def _bounds(groups: list[Group]) -> Iterator[Bound]:
    runs = sum(group.searched.runs for group in groups)
    notes = [
        f"{_named(group)}: {_so_far(group)}" for group in groups if group.searched.ended is not ExitReason.FINISHED
    ]
    text = "; ".join(notes) or "; ".join([*dict.fromkeys(map(_searched, groups)), _STEP])
    if reading := [_named(group) for group in groups if group.only_reads]:
        text += f"; not run at once, since they only read: {', '.join(reading)}"
    yield Bound(_what_is_run(groups, 0), runs, None if notes else runs, text)
    yield Bound(
        "serial runs", sum(group.serial for group in groups), None, "each order twice, those of equal callers as one"
    )
    if orders := sum(group.orders for group in groups):
        yield Bound("orders of transactions", orders, None, "rules are asked after each COMMIT, as in every schedule")


def _searched(group: Group) -> str:
    """Which search it was, and how well that is measured, or why nothing was left out."""
    text = _sequences(group)
    if deviated := group.searched.deviated:
        runs = f"{deviated} run{'s' if deviated > 1 else ''}"
        text += (
            f"; {runs} went another way than one that began alike, and {'were' if deviated > 1 else 'was'} made again"
        )
    return f"{text}; equal callers begin in one order" if group.in_order else text


def _sequences(group: Group) -> str:
    if group.searched.classes:
        agreed = f"{group.measured} agreed" if group.measured else "not measured"
        return f"one sequence of Calls of each class, of callers not seen to share anything but the database ({agreed})"
    return f"every sequence of Calls ({group.searched.every})" if group.searched.every else "every sequence of Calls"


def _so_far(group: Group) -> str:
    """How much of all was run; whoever was interrupted has not reckoned it."""
    searched = group.searched
    if not searched.covered:
        return searched.ended.value
    why = f"; {_sequences(group)}" if searched.every and not searched.classes else ""
    return f"{searched.coverage()}{_surely(searched.switches)}{why}"


def _surely(switches: int) -> str:
    """Up to which number of switches nothing was left out."""
    return "" if switches < 0 else f", every one with {switches} switches or fewer among them"


def _notes(explored: Explored) -> Iterator[str]:
    if explored.slept:
        yield f"callers slept as long as they say, since a clock is read that would tell: {explored.slept}"
    spins = dict.fromkeys(line for group in explored.groups for line in group.searched.spins)
    if spins:
        yield f"who is refused {TRIES} times in a row lets others go on before he tries again: {', '.join(spins)}"
    yield from dict.fromkeys(f"{_named(group)}: {text}" for group in explored.groups for text in group.masked)


def _named(group: Group) -> str:
    return " and ".join(group.names)


def _gather(scenario: Scenario, asked: CheckOptions) -> Explored:
    return run_explore(scenario, asked, pairs(scenario), spares=True)


def _gather_together(scenario: Scenario, asked: CheckOptions) -> Explored:
    return run_explore(scenario, asked)


ISOLATED = Check("explore", _gather, isolation_report, covers=("several callers at once",))
"""The letter of a card: every operation beside itself, and beside every other one."""
PAIRS = Check("explore", _gather, isolation_report)
"""``prove.explore(pairs=True)``: the same as a check of its own."""
EXPLORE = Check("explore", _gather_together, isolation_report)
"""`prove.explore`: all operations of the scenario at once."""


def one_schedule(schedule: Schedule, callers: Callers = ()) -> Check[Explored]:
    """The check that runs only this schedule, of these callers or of all operations."""

    def gather(scenario: Scenario, asked: CheckOptions) -> Explored:
        chosen = callers or together(scenario)
        require_named(schedule, chosen)
        return run_explore(scenario, asked, [chosen], schedule)

    return Check("explore", gather, isolation_report)

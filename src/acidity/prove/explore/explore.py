"""`explore`: several callers at once, every order of their Calls, and a Report of what no serial order gives."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from shlex import quote
from typing import get_args

from acidity.core.call import Kind
from acidity.core.finding import Finding
from acidity.core.options import Actors, CheckOptions
from acidity.core.report import ExitReason
from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule
from acidity.core.turn import grants_of, schedule_of
from acidity.engines.sandbox import Unsettled
from acidity.errors import Terminated, UsageError
from acidity.prove.explore.callers import Callers, require_callers, together
from acidity.prove.explore.classes.fit import SLEEPS, Classes, Manners, classes_of
from acidity.prove.explore.every import Chooser, Deviated
from acidity.prove.explore.explored import Explored, Group, replay_command
from acidity.prove.explore.fewer import of_fewest
from acidity.prove.explore.findings import Told, told
from acidity.prove.explore.lab import Lab, asking
from acidity.prove.explore.on_the_way import commits_on_the_way
from acidity.prove.explore.oracle import Oracle
from acidity.prove.explore.own_level import own_levels
from acidity.prove.explore.rules import broken_one_by_one
from acidity.prove.explore.search import Search
from acidity.prove.explore.serial import NoOracle
from acidity.prove.explore.showing import shown
from acidity.prove.runs import Runs, reason_of
from acidity.prove.stage.effects import names_of
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.naps import ClockRead, skipping
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage

_LEARNT_FROM = 3  # runs that do not come again
ORDERS_FIRST = 300  # orders of transactions that are run before any other schedule
LETTER_MAX = 2_000  # schedules of all groups of a letter, unless ``runs_max=`` says how many of each


def run_explore(
    scenario: Scenario,
    asked: CheckOptions,
    groups: Sequence[Callers] | None = None,
    schedule: Schedule | None = None,
    *,
    spares: bool = False,
) -> Explored:
    """Let the operations of a scenario at its rows at once.

    Args:
        scenario: whose operations.
        asked: the options.
        groups: which of them together, by their positions; by default all of them, and a single one twice.
        schedule: the only one to run.
        spares: all groups share a number of schedules, and callers that only read are not run at once.

    Raises:
        UsageError: the input is wrong.
        EngineUnavailable: the engine cannot be started.
    """
    groups = groups if groups is not None else [together(scenario)]
    if asked.actors not in get_args(Actors):
        raise UsageError(f"actors= is one of {', '.join(get_args(Actors))}, not {asked.actors!r}")
    if asked.actors == "processes" and not hasattr(os, "fork"):
        raise UsageError("callers in processes of their own are forked, which this system cannot do")
    require_callers(groups, scenario)
    began, explore = time.monotonic(), partial(_explored, scenario, asked, groups, schedule, spares=spares)
    try:
        with skipping():
            explored = explore()
    except ClockRead as read:
        explored = explore(slept=str(read))
    explored.elapsed_s = time.monotonic() - began
    return explored


def _explored(
    scenario: Scenario,
    asked: CheckOptions,
    groups: Sequence[Callers],
    schedule: Schedule | None,
    *,
    spares: bool,
    slept: str = "",
) -> Explored:
    explored: Explored | None = None
    try:
        with Stage(scenario, asked.db, asked.settings, asked.isolation_level, asked.run_timeout) as stage, quiet():
            several = scenario.commits == "several"
            apart = asked.actors == "processes"
            explored = Explored(stage.sandbox.info(), asked.isolation_level or "", several, apart, slept=slept)
            explored.effects = names_of(scenario.effects)
            explored.keyed_effects = any(getattr(effect, "key", None) for effect in scenario.effects)
            _explore_all(Runs(stage, asked), groups, schedule, explored, spares=spares)
            explored.hidden = tuple(stage.effects.hidden)
            with suppress(Unsettled), asking():  # what the operations themselves have set
                explored.engine = stage.sandbox.info()
        stage.overseer.leave_if_told()
    except (KeyboardInterrupt, Terminated) as stop:  # while everything was taken back
        if explored is None:
            raise
        explored.stop(stop)
    return explored


def _explore_all(
    runs: Runs, groups: Sequence[Callers], schedule: Schedule | None, explored: Explored, *, spares: bool
) -> None:
    Inspector(runs.stage).check_seed()
    try:
        manners = Manners(runs.stage, SLEEPS if explored.slept else "")
        compared = _compared(runs, manners, groups, explored, spares=spares)
        if explored.level:
            explored.own_levels = own_levels(runs.stage, explored.level)
        _search_all(runs, manners, compared, schedule, explored, spares=spares)
        if (done := len(explored.groups)) < len(groups):
            of = f"{len(groups)} group{'' if len(groups) == 1 else 's'} of callers"
            explored.unknowns.append(f"{ExitReason.BUDGET.value} after {done} of {of}")
    except (KeyboardInterrupt, Terminated) as stop:
        runs.stop(stop)
        explored.stop(stop)
    explored.groups.sort(key=lambda group: groups.index(group.callers))


@dataclass(frozen=True, slots=True)
class _Compared:
    """A group whose serial orders are known, and whose schedules are to be run."""

    group: Group
    lab: Lab
    oracle: Oracle


def _compared(
    runs: Runs, manners: Manners, groups: Sequence[Callers], explored: Explored, *, spares: bool
) -> list[_Compared]:
    """The groups whose schedules have to be run; those that have none are put to what was explored at once."""
    found: list[_Compared] = []
    for callers in groups:
        if runs.over():
            break
        group = _group(runs, callers)
        compared = _compare(runs, manners, group, spares=spares)
        if compared is None:
            explored.groups.append(group)
        else:
            found.append(compared)
    return found


def _search_all(
    runs: Runs,
    manners: Manners,
    compared: Sequence[_Compared],
    schedule: Schedule | None,
    explored: Explored,
    *,
    spares: bool,
) -> None:
    """Run the schedules of each group; of a shared number the shortest leave to the longest what they do not need."""
    left = LETTER_MAX
    for number, each in enumerate(sorted(compared, key=lambda one: one.oracle.calls) if spares else compared):
        if runs.over():
            break
        group = each.group
        explored.groups.append(group)
        if spares and runs.options.runs_max is None:
            group.share = max(1, left // (len(compared) - number))
        _search(_sharing(runs, group.share), manners, each, schedule)
        left -= group.searched.runs
        if schedule is None:
            few = of_fewest(group.findings, group.callers, lambda some: _findings_of(runs, manners, some))
            group.findings = list(few)


def _group(runs: Runs, callers: Callers) -> Group:
    return Group(callers, tuple(runs.stage.scenario.operations[each].name for each in callers))


def _sharing(runs: Runs, share: int | None) -> Runs:
    """As many schedules as fall to one group of them all."""
    return runs if share is None else Runs(runs.stage, replace(runs.options, runs_max=share))


def _compare(runs: Runs, manners: Manners, group: Group, *, spares: bool) -> _Compared | None:
    """Run a group in every serial order; None where nothing can be compared with them, or nothing has to be."""
    stage = runs.stage
    operations = [stage.scenario.operations[position] for position in group.callers]
    lab = Lab(stage, operations, apart=runs.options.actors == "processes")
    manners.prepare(lab, group.callers)
    try:
        oracle = Oracle(lab, stage.scenario.ignore, manners.filled(group.callers))
    except NoOracle as error:
        group.unknowns.append(str(error))
        return None
    group.serial, group.masked = lab.runs, oracle.described()
    events = [event for histories in oracle.histories() for history in histories for event in history]
    group.unknowns += commits_on_the_way(events, stage.parts.values())
    group.left_out = oracle.left_out()
    group.effects = frozenset(event.call.sql for event in events if event.call.kind is Kind.EFFECT)
    group.inconsistent = list(broken_one_by_one(lab, oracle))
    if spares and oracle.only_reads():
        group.only_reads = True
        return None
    return _Compared(group, lab, oracle)


def _search(runs: Runs, manners: Manners, compared: _Compared, schedule: Schedule | None) -> None:
    group, lab, stage = compared.group, compared.lab, runs.stage
    known, group.orders = list(group.unknowns), 0
    classes = Classes(None, "")
    if schedule is None:
        manner, oracle = manners.of(group.callers), compared.oracle
        classes = classes_of(stage, manner, len(group.callers), oracle.histories(), kin=oracle.kin)
        group.in_order = bool(classes.in_order)
    group.measured = classes.said
    search = Search(lab, compared.oracle, runs, classes)
    group.searched = search.found
    group.locks = lab.locks
    try:
        if schedule is None:
            _judge_orders(compared.oracle, search, group, runs)
        search.through(None if schedule is None else grants_of(schedule))
    except (KeyboardInterrupt, Terminated) as stop:
        search.found.ended = reason_of(stop)  # so that what was run is not taken for all there is
        raise
    finally:
        group.searched = search.found
        group.unknowns += [undecided(why, runs) for why, runs in group.searched.undecided.items()]
    if group.searched.ended is not ExitReason.FINISHED:
        covered = group.searched.coverage()
        covered += f", {group.searched.by_chance}" if group.searched.by_chance else ""
        group.unknowns.append(f"{_why_ended(group)}: {covered}")
    elif schedule is None and group.searched.covered != 1 and not group.unknowns:
        group.unknowns.append(f"not every schedule was run: {group.searched.coverage()}")
    try:
        learnt = search.found.learnt or (
            search.found.shows and not lab.left and compared.oracle.once_more(search.found.states)
        )
    except (NoOracle, Unsettled) as error:
        group.unknowns.append(str(error))
        return
    said = Told() if learnt else told(lab, search)
    if learnt or (said.unknowns and _learns(compared, search)):
        group.unknowns, group.masked = known, compared.oracle.described()
        group.left_out = compared.oracle.left_out()
        _search(runs, manners, compared, schedule)
        return
    group.left_out += tuple(f"whether {compared.oracle.called(name)} may {what}" for name, what in search.found.unread)
    group.left_out += tuple(
        f"the order of what {name} reads without ORDER BY" for name in compared.oracle.sayings.in_any_order
    )
    group.unknowns += said.unknowns
    group.shown = None if schedule is None else shown(lab, search)
    command = replay_command(runs.options, group.callers, stage.scenario)
    group.findings += [
        replace(finding, replay=command.format(schedule=quote(str(finding.schedule)))) for finding in said.findings
    ]


def _learns(compared: _Compared, search: Search) -> bool:
    """Whether a run that does not come again as it was differs in what chance makes, which is masked from now on."""
    shown = [*search.found.illegal.values(), *search.found.between.values()][:_LEARNT_FROM]
    learnt = False
    for judged in shown:
        chosen = judged.played.trace.grants
        with suppress(Deviated, Unsettled):
            again = [compared.lab.run(Chooser(chosen)) for _ in range(2)]
            learnt |= compared.oracle.learns(judged.played, again)
    return learnt


def _judge_orders(oracle: Oracle, search: Search, group: Group, runs: Runs) -> None:
    """Begin with the plainest orders of their transactions: they show what goes wrong between two of them."""
    with suppress(NoOracle):  # a run that would have needed one that cannot be made says so
        for serial in islice(oracle.alternations(oracle.names), min(ORDERS_FIRST, group.share or ORDERS_FIRST)):
            search.beside(serial.runs[0])
            group.orders += 1
            if runs.over():
                break


def _findings_of(runs: Runs, manners: Manners, callers: Callers) -> list[Finding]:
    """What some of the callers show without the others; nothing when time is up."""
    group = _group(runs, callers)
    if not runs.over() and (compared := _compare(runs, manners, group, spares=False)):
        _search(runs, manners, compared, None)
    return group.findings


def undecided(why: str, runs: Iterable[Sequence[str]]) -> str:
    """Why runs could not be judged: in one line, with the first of their schedules, and how many more there are.

    Args:
        why: the reason, the same for all of them.
        runs: who went on in each of them, turn by turn; of one that nobody asked for, nothing.
    """
    first, *more = dict.fromkeys(map(tuple, runs))
    if not first:
        return why
    return f"{schedule_of(first)}{f' and {len(more)} more' if more else ''}: {why}"


def _why_ended(group: Group) -> str:
    """Why no more schedules of it were run."""
    if group.share is None or group.searched.ended is not ExitReason.RUNS_MAX:
        return group.searched.ended.value
    share = f", its share of {LETTER_MAX:,} for all groups of callers" if group.share < LETTER_MAX else ""
    return (
        f"the search ended at {group.share:,} schedule{'' if group.share == 1 else 's'}{share} (runs_max= allows more)"
    )

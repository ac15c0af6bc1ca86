"""The Report of power cuts: letter D, durable; what it found torn belongs to letter A."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from acidity.core.options import CheckOptions
from acidity.core.report import Bound, ExitReason, Report
from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.prove.checks import Check
from acidity.prove.crash.crash import Crashed, Wanted, Weathered, not_built, run_crash
from acidity.prove.crash.findings import POWER_LOSS
from acidity.prove.crash.judge import Word
from acidity.prove.drill.letters import counted, versions

_NOT_COVERED = ("other arguments", "power cuts beside other callers", "disks that lie")


def durability_report(crashed: Crashed, asked: CheckOptions) -> Report:
    """Letter D: every acknowledged COMMIT is there after every power cut, and none in part."""
    operations = crashed.operations
    findings = [finding for each in operations for finding in each.findings]
    words: Counter[Word] = sum((each.words for each in operations), Counter())
    return Report(
        check="crash",
        target=asked.target,
        engine=crashed.engine.at(asked.isolation_level),
        runs=sum(each.tried for each in operations),
        bounds=tuple(_bounds(operations)),
        findings=tuple(findings),
        unknowns=(*crashed.unknowns, *(why for each in operations for why in each.unknowns)),
        headline=_headline(operations, words),
        counts={word.value: words[word] for word in Word},
        notes=tuple(_notes(crashed)),
        not_covered=_NOT_COVERED,
        ended=next((each.ended for each in operations if each.ended is not ExitReason.FINISHED), crashed.ended),
        seed=asked.seed,
        versions=versions(),
        elapsed_s=crashed.elapsed_s,
    )


def _headline(operations: list[Weathered], words: Counter[Word]) -> str:
    if not operations:
        return ""
    tried, planned = sum(each.tried for each in operations), sum(each.planned for each in operations)
    of = f"{tried:,}" if tried == planned else f"{tried:,} of {planned:,}"
    where = f"{of} power-loss state{'' if planned == 1 else 's'}"
    if not any(each.commits for each in operations):
        return f"{where}: nothing is committed, so nothing can be lost"
    bad = [f"{words[word]:,} {word.value}" for word in Word if word is not Word.OK and words[word]]
    return f"{where}: {' · '.join(bad)}" if bad else f"{where}: every acknowledged commit was there, none in part"


def _bounds(operations: list[Weathered]) -> Iterator[Bound]:
    if not operations:
        return
    opened = sum(each.opened for each in operations)
    yield Bound(
        "power-loss states",
        sum(each.tried for each in operations),
        sum(each.planned for each in operations),
        f"simulated from what was written; {counted(opened, 'different one')} recovered by SQLite",
    )
    cuts, exhaustive = (sum(each.cuts[place] for each in operations) for place in range(2))
    if cuts:
        yield Bound(
            "cuts with every subset of the pending writes",
            exhaustive,
            cuts,
            "of more than 7 pending writes: every beginning and end, all but one, each alone, and 24 drawn by the seed",
        )


def _notes(crashed: Crashed) -> Iterator[str]:
    yield "a disk writes sectors of 512 bytes whole, and what it says is synced stays"
    for each in crashed.operations:
        yield f"{each.operation.name}: {counted(each.commits, 'COMMIT')} acknowledged, {len(each.log.entries)} entries"


def _gather(scenario: Scenario, asked: CheckOptions) -> Crashed:
    return run_crash(scenario, asked)


DURABLE = Check("crash", _gather, durability_report, covers=("power loss",), not_built=not_built)
CRASH = Check("crash", _gather, durability_report)


def one_state(schedule: Schedule, operation: int) -> Check[Crashed]:
    """The check that looks at one state alone.

    Raises:
        UsageError: the Schedule names none.
    """
    choice = schedule.choices[0] if len(schedule.choices) == 1 else None
    if choice is None or choice.fault != POWER_LOSS or not choice.state:
        raise UsageError(f"a state after a power cut is one choice, as in ac1:A3!power-loss@14.0, not {schedule}")
    op, _, kept = choice.state.partition(".")
    wanted = Wanted(operation, choice.calls, int(op), kept)

    def gather(scenario: Scenario, asked: CheckOptions) -> Crashed:
        return run_crash(scenario, asked, wanted)

    return Check("crash", gather, durability_report)

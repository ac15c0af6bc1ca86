"""The Report of power cuts: letter D, durable; what it found torn belongs to letter A."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.report import Bound, ExitReason, Report
from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.prove.checks import Check, add
from acidity.prove.crash.amid import AMID
from acidity.prove.crash.bad_disk import REFUSALS_MAX
from acidity.prove.crash.crash import Wanted, not_built, run_crash
from acidity.prove.crash.findings import POWER_LOSS
from acidity.prove.crash.judge import Word
from acidity.prove.crash.kills import COMMITS_MAX, KILLED, NAMES, SERVER_KILLS
from acidity.prove.crash.refusals import NAMES as REFUSALS
from acidity.prove.crash.seen import Blow, Crashed, Tried, Weathered
from acidity.prove.drill.letters import counted, versions

_NOT_COVERED = {
    Blow.POWER_LOSS: ("other arguments", "power cuts beside other callers", "disks that lie"),
    Blow.KILLED: ("other arguments", "power loss of the server (fsync, flush_log=2)"),
}

_GOOD = "all or nothing, and told so"


def durability_report(crashed: Crashed, asked: CheckOptions) -> Report:
    """Letter D: every acknowledged COMMIT is there after every power cut, and none in part."""
    operations = crashed.operations
    more = [part for each in operations for part in (each.refusals, each.client) if part is not None]
    seen: list[Tried] = [*operations, *more]
    findings: list[Finding] = []
    for each in seen:
        for finding in each.findings:
            add(findings, finding)
    words: Counter[str] = sum((each.words for each in seen), Counter())
    return Report(
        check="crash",
        target=asked.target,
        engine=crashed.engine.at(asked.isolation_level),
        runs=sum(each.tried for each in seen),
        bounds=tuple(_bounds(crashed)),
        findings=tuple(findings),
        unknowns=(*crashed.unknowns, *(why for each in seen for why in each.unknowns)),
        headline=_headline(crashed),
        counts={word.value: words[word] for word in Word} | {word: count for word, count in words.items() if count},
        notes=tuple(_notes(crashed)),
        not_covered=_NOT_COVERED[crashed.blow],
        ended=next((each.ended for each in seen if each.ended is not ExitReason.FINISHED), crashed.ended),
        seed=asked.seed,
        versions=versions(),
        elapsed_s=crashed.elapsed_s,
    )


def _headline(crashed: Crashed) -> str:
    operations, one = crashed.operations, crashed.blow.value
    words: Counter[str] = sum((each.words for each in operations), Counter())
    refused: Counter[str] = sum((each.refusals.words for each in operations if each.refusals is not None), Counter())
    clients: Counter[str] = sum((each.client.words for each in operations if each.client is not None), Counter())
    if not operations:
        return ""
    tried, planned = sum(each.tried for each in operations), sum(each.planned for each in operations)
    bad = [f"{words[word]:,} {word.value}" for word in Word if word is not Word.OK and words[word]]
    bad += [f"{count:,} {word} on a bad disk" for word, count in sorted(refused.items())]
    bad += [f"{count:,} {word} with a killed client" for word, count in clients.items() if word != Word.OK]
    if not planned and clients:
        return f"{counted(clients.total(), 'killed client')}: {' · '.join(bad) or _GOOD}"
    if not planned and any(each.refusals is not None for each in operations):
        runs = sum(each.refusals.tried for each in operations if each.refusals is not None)
        return f"{counted(runs, 'refused request')}: {' · '.join(bad) or _GOOD * bool(runs) or 'nothing was refused'}"
    of = f"{tried:,}" if tried == planned else f"{tried:,} of {planned:,}"
    where = f"{of} {one}{'' if planned == 1 else 's'}"
    if planned and not tried:
        return f"{where}: nothing was looked at"
    if not any(each.commits for each in operations) and not refused:
        unseen = any(each.unknowns for each in operations)
        what = "what is committed is not known" if unseen else "nothing is committed, so nothing can be lost"
        return f"{where}: {what}"
    return f"{where}: {' · '.join(bad)}" if bad else f"{where}: every acknowledged commit was there, none in part"


def _bounds(crashed: Crashed) -> Iterator[Bound]:
    operations = crashed.operations
    if not operations:
        return
    if crashed.blow is Blow.KILLED:
        yield from _bounds_of_kills(operations)
        return
    tried, planned = sum(each.tried for each in operations), sum(each.planned for each in operations)
    opened = counted(sum(each.opened for each in operations), "different one")
    yield Bound("power-loss states", tried, planned, f"simulated from what was written; {opened} recovered by SQLite")
    refusals = [each.refusals for each in operations if each.refusals is not None]
    if any(each.planned for each in refusals):
        tried, planned = sum(each.tried for each in refusals), sum(each.planned for each in refusals)
        note = "each write, sync, truncation and deletion fails, once and with all after it; and the disk is full"
        note += f"; {REFUSALS_MAX} of each operation, drawn by the seed" if tried < planned else ""
        yield Bound("requests that the disk refused", tried, planned, note)
    cuts, exhaustive = (sum(each.cuts[place] for each in operations) for place in range(2))
    if cuts:
        yield Bound(
            "cuts with every subset of the pending writes",
            exhaustive,
            cuts,
            "of more than 7 pending writes: every beginning and end, all but one, each alone, and 24 drawn by the seed",
        )


def _bounds_of_kills(operations: Sequence[Weathered]) -> Iterator[Bound]:
    note = "kill -9 of every process, then recovery; what the system still had in memory was not lost by that"
    alone = [each for each in operations if each.clients == 1]
    yield _bound("killed servers", alone, note) if alone else Bound("killed servers", 0, 0, note)
    if any(each.planned for each in operations if each.clients > 1):
        together = [each for each in operations if each.clients > 1]
        yield _bound(f"killed servers under {together[0].clients} clients at once", together, "also at any moment")
    clients = [each.client for each in alone if each.client is not None]
    if clients:
        yield _bound("killed clients", clients, f"the program's own process, at its first {COMMITS_MAX} COMMITs")


def _bound(name: str, seen: Sequence[Tried], note: str) -> Bound:
    return Bound(name, sum(each.tried for each in seen), sum(each.planned for each in seen), note)


def _notes(crashed: Crashed) -> Iterator[str]:
    if crashed.blow is Blow.KILLED:
        yield from (note for each in crashed.operations for note in each.notes)
        yield from (f"{each.operation}: {own.said}" for each in crashed.operations for own in each.own)
        return
    yield "a disk writes sectors of 512 bytes whole, and what it says is synced stays"
    for each in crashed.operations:
        yield f"{each.operation}: {counted(each.commits, 'COMMIT')} acknowledged, {each.entries} entries of the log"
        yield from (f"{each.operation}: {own.said}" for own in each.own)


def _gather(scenario: Scenario, asked: CheckOptions) -> Crashed:
    return run_crash(scenario, asked)


DURABLE = Check("crash", _gather, durability_report, covers=("power loss",), not_built=not_built)
CRASH = Check("crash", _gather, durability_report)


CRASHES = frozenset({POWER_LOSS, KILLED, *NAMES, *REFUSALS})
"""What a Schedule of a crash names instead of a fault of the drill."""
_ONE = {(name, False) for name in NAMES - {AMID}} | {(name, True) for name in {POWER_LOSS, AMID, *REFUSALS}}
_UNDER_CLIENTS = {(KILLED, True), *((name, False) for name in SERVER_KILLS - {AMID})}


def one_state(schedule: Schedule, operation: int) -> Check[Crashed]:
    """The check that looks at one state alone.

    Raises:
        UsageError: the Schedule names none.
    """
    choice = schedule.choices[0] if schedule.choices else None
    beside = schedule.choices[1:]
    known = choice is not None and (choice.fault, bool(choice.state)) in (_UNDER_CLIENTS if beside else _ONE)
    clients = sorted({each.actor for each in schedule.choices})
    if not known or any(each.fault for each in beside) or clients != list("ABC"[: len(clients)]):
        raise UsageError(
            f"a crash is one choice, as in ac1:A3!power-loss@14.0 or ac1:A3!server-killed-after, not {schedule}"
        )
    wanted = Wanted(operation, schedule)

    def gather(scenario: Scenario, asked: CheckOptions) -> Crashed:
        return run_crash(scenario, asked, wanted)

    return Check("crash", gather, durability_report)

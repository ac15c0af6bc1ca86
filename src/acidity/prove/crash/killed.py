"""Servers under ``kill -9``: the operation runs on a server of its own, which is killed, restarted and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from shlex import quote

from acidity.analysis.canonical import equal_raw
from acidity.analysis.diff import Claim, row_changes, sentence
from acidity.core.call import calls, commits_acknowledged
from acidity.core.cause import CauseKind, Rate
from acidity.core.codes import LOST_COMMIT, TORN_BY_POWER_LOSS
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.outcome import Rows, State
from acidity.core.scenario import Operation
from acidity.core.schedule import Schedule
from acidity.engines.hosted import HostedSandbox
from acidity.prove.crash.judge import Word
from acidity.prove.crash.kills import CLIENT_KILLS, SERVER_KILLS, Settled, Witness, cycles, named, of_the_client
from acidity.prove.crash.seen import Tried, Weathered
from acidity.prove.drill.causes import place_of
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.judge import Judged
from acidity.prove.drill.striker import Strike
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector

CYCLES = 6  # of each operation, unless ``runs_max=`` says how many
_GETS_SIGKILL = {
    "program": "its own process gets SIGKILL",
    "server": "every process of the server gets SIGKILL; it starts again on its data, and recovers",
}
OWN_SERVER: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"acidity.server": "dedicated", "fsync": "on"},
    "mariadb": {"acidity.server": "on-disk", "innodb_flush_log_at_trx_commit": "1"},
}
"""Nobody else's server is killed; and what the engine does by itself, acidity's private servers do not."""


def kill_and_see(runs: Runs, operation: Operation, position: int, schedule: Schedule | None) -> Weathered:
    """Kill the server at every COMMIT of an operation and elsewhere, and read what has recovered.

    Args:
        runs: of the check.
        operation: whose.
        position: where it stands in the scenario, from 0.
        schedule: the only kill to make.

    Raises:
        Undecided: the operation cannot be judged.
    """
    asked = runs.options
    whole = Runs(runs.stage, replace(asked, runs_max=None))
    (part,) = runs.stage.parts.values()
    assert isinstance(part, HostedSandbox)
    examiner = Examiner(whole, operation, Inspector(runs.stage), lambda: Settled(part), label=operation.name)
    weathered = Weathered(operation=operation.name)
    witness = Witness()
    of_the_server, of_the_client = _planned(examiner, asked, schedule, witness)
    examination = examiner.examine(of_the_server + of_the_client)
    weathered.commits = sum(event.call.commits for event in examination.baseline.clean[0].history)
    weathered.unknowns = list(examination.unknowns)
    client = Tried(planned=len(of_the_client), ended=examination.ended)
    weathered.planned, weathered.ended = len(of_the_server), examination.ended
    for tried, names in ((weathered, SERVER_KILLS), (client, CLIENT_KILLS)):
        struck = [item for item in examination.struck if item.run.schedule.choices[0].fault in names]
        words = [(_word(item, witness), item) for item in struck]
        tried.tried, tried.words = len(struck), Counter(word.value for word, _ in words)
        for word in (Word.LOST, Word.TORN):
            wrong = [item for each, item in words if each is word]
            if wrong:
                rate = Rate(len(wrong), len(struck))
                tried.findings.append(_finding(word, wrong[0], rate, examination, asked, position, witness))
    weathered.client = client if of_the_client else None
    return weathered


def _planned(
    examiner: Examiner, asked: CheckOptions, schedule: Schedule | None, witness: Witness
) -> tuple[list[Strike], list[Strike]]:
    """Kills of the server, and of the program itself."""
    if schedule is not None:
        choice = schedule.choices[0]
        strike = named(choice.fault, choice.calls, asked.seed, witness)
        return ([], [strike]) if choice.fault in CLIENT_KILLS else ([strike], [])
    made = calls(examiner.examine([]).baseline.clean[0].history)
    count = CYCLES if asked.runs_max is None else asked.runs_max
    return cycles(made, count, asked.seed, witness), of_the_client(made, asked.seed)


def _forgot(item: Judged, witness: Witness) -> tuple[State, State] | None:
    choice = item.run.schedule.choices[0]
    return witness.forgot.get((choice.fault, choice.calls))


def _word(item: Judged, witness: Witness) -> Word:
    """What was committed before the kill has to be there; a change that was not, whole or not at all."""
    rows = item.judgement.rows
    if _forgot(item, witness) is not None:
        return Word.LOST
    if rows is Rows.BEFORE and commits_acknowledged(item.run.history):
        return Word.LOST
    return Word.TORN if rows in {Rows.TORN, Rows.DOUBLED} else Word.OK


def _finding(
    word: Word,
    item: Judged,
    rate: Rate,
    examination: Examination,
    asked: CheckOptions,
    position: int,
    witness: Witness,
) -> Finding:
    run, baseline = item.run, examination.baseline
    code = LOST_COMMIT if word is Word.LOST else TORN_BY_POWER_LOSS
    committed = [event.call for event in run.history if event.call.commits]
    place = place_of(committed[-1]) if committed else None
    changes = row_changes(baseline.seed, run.end)
    wanted = row_changes(baseline.seed, baseline.clean[0].end)
    where = f" at {place.site}" if place is not None else ""
    victim = "program" if run.schedule.choices[0].fault in CLIENT_KILLS else "server"
    if word is Word.LOST:
        title = f"the {victim} is killed after COMMIT{where} was acknowledged, and "
        there, recovered = _forgot(item, witness) or (baseline.clean[0].end, baseline.seed)
        if equal_raw(recovered, baseline.seed):
            title += f"its change is gone: {sentence(row_changes(recovered, there), (), Claim.NOTHING)}"
        else:
            title += f"what was committed is not as it was: {sentence(row_changes(there, recovered), ())}"
    else:
        title = f"the {victim} is killed, and only a part of the change is there: {sentence(changes, wanted)}"
    return Finding(
        code=code.name,
        severity="error",
        title=title,
        word=code.word,
        operation=baseline.operation.name,
        schedule=run.schedule,
        sites=() if place is None else (place.site,),
        diff=changes,
        explanation=(
            f"the operation runs until {run.schedule}: {_GETS_SIGKILL[victim]}",
            f"the caller was told {item.judgement.told}; rows read over a new connection: {item.judgement.rows}",
        ),
        occurrences=rate.runs,
        history=run.history,
        replay=replayed(run.schedule, position, asked),
        kind=CauseKind.NOT_DURABLE if word is Word.LOST else CauseKind.SEVERAL_COMMITS,
        cause="COMMIT is answered before the log of the server has it" if word is Word.LOST else "",
        permanent=place,
        rate=rate,
        mode="real",
    )


def replayed(schedule: Schedule, position: int, asked: CheckOptions) -> str:
    """The command that kills in the same way again."""
    parts = ["acidity replay", quote(asked.target or "TARGET"), quote(str(schedule))]
    parts += [f"--operation {position + 1}"] if position else []
    parts.append(f"--db {quote(asked.db)}")
    parts += [f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items())]
    return " ".join(parts)

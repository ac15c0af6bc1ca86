"""What comes of several clients under killed servers, counted and told: one finding for what was lost."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.analysis.canonical import TooSymmetric
from acidity.analysis.diff import Claim, row_changes, sentence
from acidity.core.cause import CauseKind, Rate
from acidity.core.codes import LOST_COMMIT
from acidity.core.finding import Finding
from acidity.core.scenario import Operation
from acidity.core.schedule import Schedule
from acidity.engines.sandbox import Unsettled
from acidity.errors import Terminated
from acidity.prove.crash.forgetful import cause_of
from acidity.prove.crash.judge import Word
from acidity.prove.crash.killed import replayed
from acidity.prove.crash.seen import Weathered
from acidity.prove.crash.together import CLIENTS_MAX, ROUNDS, Clients, Kill, Round
from acidity.prove.drill.causes import place_of
from acidity.prove.explore.serial import NoOracle
from acidity.prove.runs import Runs

_INTENDED = "several commits are intended, and what of them may be there beside another client's is not judged"
_IN_PIECES = "one of them commits more than once, which is judged with one client alone"


def kill_under_clients(runs: Runs, operations: tuple[Operation, ...], schedule: Schedule | None) -> Weathered:
    """Let the operations at the rows at once, one alone beside itself, and kill the server under them.

    Args:
        runs: of the check.
        operations: of the scenario; the first few of them.
        schedule: the only kill to make.

    Raises:
        UsageError: an operation fails alone.
    """
    chosen = (operations * 2)[:2] if len(operations) == 1 else operations[:CLIENTS_MAX]
    found = Weathered(operation=" beside ".join(each.name for each in chosen), clients=len(chosen))
    if runs.stage.scenario.commits == "several" or runs.stage.scenario.steps:
        found.notes.append(f"{found.operation}: {_INTENDED}")
        return found
    try:
        clients = Clients(runs, chosen)
    except (NoOracle, Unsettled, TooSymmetric) as error:
        found.unknowns.append(f"{found.operation}: {error}")
        return found
    found.commits = sum(clients.commits.values())
    if any(count > 1 for count in clients.commits.values()):
        found.notes.append(f"{found.operation}: {_IN_PIECES}")
        return found
    asked = runs.options
    count = ROUNDS if asked.runs_max is None else asked.runs_max
    kills = clients.kills(count, asked.seed) if schedule is None else [clients.meant(schedule, asked.seed)]
    found.planned = len(kills)
    rounds = _made(runs, clients, kills, found)
    _tell(runs, clients, rounds, found)
    return found


def _made(runs: Runs, clients: Clients, kills: list[Kill], found: Weathered) -> list[Round]:
    made: list[Round] = []
    for number, kill in enumerate(kills, start=1):
        if runs.over():
            found.unknowns.append(f"{found.operation}: the budget ended after {len(made)} of {len(kills)} kills")
            break
        try:
            each = clients.round(kill)
        except (Unsettled, TooSymmetric) as error:
            found.unknowns.append(f"{found.operation}: {clients.schedule_of(kill)}: {error}")
            continue
        except (KeyboardInterrupt, Terminated) as stop:
            found.ended = runs.stop(stop)
            break
        if each is not None:
            made.append(each)
        if runs.options.progress is not None:
            runs.options.progress(number, len(kills), found.operation)
    return made


def _tell(runs: Runs, clients: Clients, rounds: list[Round], found: Weathered) -> None:
    judged = [each for each in rounds if each.word is not None]
    found.tried = len(judged)
    found.words.update(each.word.value for each in judged if each.word is not None)
    lost = [each for each in judged if each.word is Word.LOST and not each.forgot]
    if lost:
        found.findings.append(_finding(lost[0], Rate(len(lost), len(judged)), runs, found))
    forgot = [each for each in judged if each.forgot]
    if forgot:
        found.findings.append(_forgotten(forgot[0], Rate(len(forgot), len(judged)), runs, found, clients.forgetful))
    unlike = len(rounds) - len(judged)
    if unlike and runs.stopped_by is None:
        if clients.are_isolated():
            found.unknowns.append(
                f"{found.operation}: after {unlike} of {len(rounds)} kills there were rows that no order of the "
                f"clients gives ({next(each.schedule for each in rounds if each.word is None)})"
            )
        else:
            found.notes.append(
                f"{found.operation}: {unlike} of {len(rounds)} kills are not judged: the clients are not isolated from "
                f"one another, without any kill either, which is letter I's"
            )


def _finding(shown: Round, rate: Rate, runs: Runs, found: Weathered) -> Finding:
    assert shown.wanted is not None, "something is lost"
    player = next(each for each in shown.players if each.actor.name in shown.lost)
    committed = [event.call for event in player.actor.history if event.call.commits]
    place = place_of(committed[-1])
    where = f" at {place.site}" if place is not None else ""
    gone = sentence(row_changes(shown.state, shown.wanted), (), Claim.NOTHING)
    who = ", ".join(shown.lost)
    return Finding(
        code=LOST_COMMIT.name,
        severity="error",
        title=f"the server is killed under {len(shown.players)} clients after COMMIT{where} of {who} was acknowledged, "
        f"and its change is gone: {gone}",
        word=LOST_COMMIT.word,
        operation=found.operation,
        schedule=shown.schedule,
        sites=() if place is None else (place.site,),
        diff=row_changes(runs.stage.seed, shown.state),
        explanation=(
            *_killed(shown),
            f"COMMIT of {who} had been acknowledged, and what acidity had written in the same transaction is gone",
        ),
        occurrences=rate.runs,
        history=tuple(event for each in shown.players for event in each.actor.history),
        replay=replayed(shown.schedule, 0, runs.options),
        kind=CauseKind.NOT_DURABLE,
        cause="COMMIT is answered before the log of the server has it",
        permanent=place,
        rate=rate,
        mode="real",
    )


def _killed(shown: Round) -> tuple[str, str]:
    return (
        f"{len(shown.players)} clients are at work ({shown.schedule}): every process of the server gets SIGKILL",
        "the server starts again on its data, and recovers",
    )


def _forgotten(shown: Round, rate: Rate, runs: Runs, found: Weathered, known: Mapping[str, str]) -> Finding:
    """Rows are gone of tables that keep none over a crash, whoever has committed them."""
    assert shown.wanted is not None, "something is lost"
    changes = row_changes(shown.wanted, shown.state)
    there = [name for name, table in shown.wanted.tables.items() if table.rows and not shown.state.tables[name].rows]
    return Finding(
        code=LOST_COMMIT.name,
        severity="error",
        title=f"the server is killed under {len(shown.players)} clients, and what was committed is not as it was: "
        f"{sentence(changes, ())}",
        word=LOST_COMMIT.word,
        operation=found.operation,
        schedule=shown.schedule,
        diff=row_changes(runs.stage.seed, shown.state),
        explanation=_killed(shown),
        occurrences=rate.runs,
        history=tuple(event for each in shown.players for event in each.actor.history),
        replay=replayed(shown.schedule, 0, runs.options),
        kind=CauseKind.OTHER,
        cause=cause_of(known.keys() & there, known),
        rate=rate,
        mode="real",
    )

"""``acidity replay``: one schedule again, or what a saved report found about a target.

A report is data: what it says about the target's module, its tables or its arguments is never imported or run. The
target stands on the command line, and the report tells which runs of it to repeat.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from acidity.cli.asking import printing_to_stderr
from acidity.cli.delivery import check_writable, deliver
from acidity.cli.lookup import dotted
from acidity.cli.options import (
    DETAIL,
    EXIT_ZERO,
    FUNCTION,
    OUTPUT,
    Request,
    actors,
    engine_options,
    run_timeout,
    with_options,
)
from acidity.cli.target import Target, resolve
from acidity.core.parting import Parting, parting
from acidity.core.report import Report
from acidity.core.schedule import PREFIX, Schedule, actor_name
from acidity.errors import UsageError
from acidity.report.rerun import ReplayedRun, Rerun
from acidity.report.saved import SavedFinding, findings, read
from acidity.report.secret import safe


@dataclass(frozen=True, slots=True)
class Again:
    """One run to repeat.

    Attributes:
        target: the Scenario, as the command line names it.
        schedule: what is done to the run, in its printed form.
        operation: the name of the operation, or its number from 1; empty where it is not said.
        request: the options.
        expected: the words that a saved report said of this run; none for a schedule that was typed.
        callers: the positions, from 0, of the operations that several callers call; none where that is not said.
    """

    target: Target
    schedule: Schedule
    operation: str
    request: Request
    expected: tuple[str, ...] = ()
    callers: tuple[int, ...] = ()


@click.command(short_help="Run one schedule again, or a saved report's.")
@click.argument("target", metavar="TARGET")
@click.argument("what", metavar="SCHEDULE|REPORT.json", required=False)
@with_options(
    click.option(
        "--operation",
        metavar="NAME|NUMBER",
        help="Which operation, counted from 1; of several callers one of each, as in 1,2.  [default: the first; all]",
    ),
    *engine_options(from_environment=False),
    actors(from_environment=False),
    run_timeout(from_environment=False),
    *OUTPUT,
    *DETAIL,
    EXIT_ZERO,
    *FUNCTION,
)
@click.pass_context
def replay(ctx: click.Context, /, target: str, what: str | None, **options: Any) -> None:
    """Run one schedule again and show every call, what the caller was told, and the rows.

    \b
    acidity replay app.bank:scenario 'ac1:A5!error-after'     (quote it: ! and * mean something to a shell)
    acidity replay app.bank:scenario card.json                (what a saved JSON report found about this target)

    From a report come schedules, operations, engines by name, seeds, and settings of isolation and durability.
    It is data: nothing else that it names is used, imported or run.
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity.adapters.site import told_from_here

    request = Request.of(options)
    check_writable(request.output)
    if len(request.db) > 1:
        raise UsageError("a schedule is replayed on one database; give one --db")
    with told_from_here():
        ctx.exit(_replayed(ctx, target, what, request, options))


def _replayed(ctx: click.Context, target: str, what: str | None, request: Request, options: Mapping[str, Any]) -> int:
    operation = options["operation"]
    if operation == "":
        raise UsageError("--operation names no operation")
    if what is not None and what.startswith(PREFIX):
        schedule = Schedule.parse(what)
        runs = [Again(_one_of(target, request), schedule, operation or "", request)]
    else:
        target, file = _in_order(target, what)
        typed = {name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
        runs = _saved(target, file, request, typed, operation)
    return _deliver([replace(run, callers=_callers(run)) for run in runs], request)


def _deliver(runs: Iterable[Again], request: Request) -> int:
    answers: list[Rerun | Report] = []
    streams = sys.stdout, sys.stderr

    def part(end: Parting) -> None:
        sys.stdout, sys.stderr = streams
        if end.answer is not None:
            answers.append(end.answer)
        if answers:
            end.code = deliver(answers, request.output) or end.code

    for run in runs:
        with parting(part):
            answers.append(_repeated(run))
    return deliver(answers, request.output)


def _one_of(text: str, request: Request) -> Target:
    targets = resolve(text, request.function)
    if len(targets) > 1:
        names = ", ".join(target.name for target in targets)
        raise UsageError(f"{text!r} holds several Scenarios; name one of: {names}")
    return targets[0]


def _in_order(first: str, second: str | None) -> tuple[str, Path]:
    """The target and the report, in whichever order they were typed.

    Raises:
        UsageError: one of them is missing.
    """
    if second is None:
        if _is_file(Path(first)) and not first.endswith(".py"):
            raise UsageError(
                f"a report is data, and nothing that only {first} names is run: say whose runs to repeat, as in: "
                f"acidity replay package.module:name {first}"
            )
        if ":" in first or not Path(first).suffix:
            raise UsageError(
                f"say which schedule of {first!r} to replay, as in: acidity replay {first} 'ac1:A3!error-after'"
            )
        raise UsageError(f"there is no report {first!r}")
    if _is_file(Path(second)):
        return first, Path(second)
    if _is_file(Path(first)) and not first.endswith(".py"):
        return second, Path(first)
    if second.endswith(".json"):
        raise UsageError(f"there is no report {second!r}")
    Schedule.parse(second)
    raise UsageError(f"neither a schedule nor a report: {second!r}")


def _saved(text: str, file: Path, request: Request, typed: set[str], operation: str | None) -> list[Again]:
    """The runs behind what a saved report found about this target.

    Args:
        text: the target, as it was typed.
        file: the report.
        request: the options; those that were typed go before what the report says.
        typed: the names of these.
        operation: the only operation that is wanted.

    Raises:
        UsageError: the file is not one of our reports, or holds nothing about this target.
    """
    found = findings(read(file))
    if not found:
        raise UsageError(f"{file} holds no finding to replay")
    name = dotted(text)
    about = [saved for saved in found if saved.target == name or saved.target.startswith((f"{name}:", f"{name}."))]
    if not about:
        others = ", ".join(dict.fromkeys(saved.target for saved in found))
        raise UsageError(f"{file} holds no finding about {name!r}; it speaks of: {others[:400]}")
    targets = {target.name: target for target in resolve(text, request.function)}
    known = [saved for saved in about if saved.target in targets]
    if not known:
        raise UsageError(f"{file} holds no finding about {name!r}, which stands for: {', '.join(targets)}")
    _tell_ignored(known)
    runs: dict[SavedFinding, Again] = {}
    for saved in (_as_typed(each, request, typed, operation) for each in known):
        # A run that two letters speak of is made once.
        key = replace(saved, word="", ignored=())
        again = Again(
            targets[saved.target],
            Schedule.parse(saved.schedule),
            saved.operation,
            _as_saved(saved, request),
            (saved.word,),
        )
        expected = (*(runs[key].expected if key in runs else ()), saved.word)
        runs[key] = replace(again, expected=tuple(dict.fromkeys(expected)))
    return list(runs.values())


def _tell_ignored(found: Iterable[SavedFinding]) -> None:
    ignored = dict.fromkeys(name for saved in found for name in saved.ignored)
    if ignored:
        click.echo(f"acidity: not taken from a report, type it if you want it: {safe(', '.join(ignored))}", err=True)


def _as_typed(saved: SavedFinding, request: Request, typed: set[str], operation: str | None) -> SavedFinding:
    """The finding with what was typed, which goes before what the report says."""
    return replace(
        saved,
        db=request.db[0] if "db" in typed else saved.db,
        seed=request.seed if "seed" in typed else saved.seed,
        operation=str(operation) if "operation" in typed else saved.operation,
        isolation_level=request.isolation_level if "isolation_level" in typed else saved.isolation_level,
        actors=request.actors if "actors" in typed else saved.actors,
        settings=tuple(sorted({**dict(saved.settings), **request.settings}.items())),
    )


def _as_saved(saved: SavedFinding, request: Request) -> Request:
    return replace(
        request,
        db=(saved.db,),
        seed=saved.seed,
        isolation_level=saved.isolation_level,
        actors=saved.actors or request.actors,
        settings=dict(saved.settings),
    )


def _repeated(run: Again) -> Rerun | Report:
    from acidity import prove

    if _is_crash(run.schedule):
        with printing_to_stderr():
            found = prove.replay_crash(
                run.target.scenario,
                run.schedule,
                db=run.request.db[0],
                operation=_position(run.operation or "1"),
                target=run.target.name,
                **run.request.engine_options,
            )
        return replace(found, expected=run.expected)
    if len(_actors(run.schedule)) > 1:
        with printing_to_stderr():
            found = prove.replay_together(
                run.target.scenario,
                run.schedule,
                db=run.request.db[0],
                callers=run.callers,
                target=run.target.name,
                **run.request.engine_options,
            )
        return replace(found, expected=run.expected)
    with printing_to_stderr():
        again: ReplayedRun = prove.replay(
            run.target.scenario,
            run.schedule,
            db=run.request.db[0],
            operation=_position(run.operation or "1"),
            target=run.target.name,
            **run.request.engine_options,
        )
    return Rerun(again, run.expected)


def _actors(schedule: Schedule) -> set[str]:
    return {choice.actor for choice in schedule.choices}


def _is_crash(schedule: Schedule) -> bool:
    from acidity import prove

    return any(choice.fault in prove.CRASHES for choice in schedule.choices)


def _callers(run: Again) -> tuple[int, ...]:
    """The operations that several callers call, from 0; none where they were not named, as ``1,2``.

    Raises:
        UsageError: these are not one for each caller.
    """
    actors = _actors(run.schedule)
    if not run.operation or len(actors) < 2 or _is_crash(run.schedule):
        return ()
    fewest = next(number for number in count(1) if actor_name(number - 1) == max(actors))
    found = [_position(each) for each in run.operation.split(",")]
    numbers = tuple(each for each in found if isinstance(each, int))
    if len(numbers) < max(fewest, len(found)):
        example = ",".join(map(str, (1, *range(3, fewest + 2))))
        raise UsageError(
            f"{run.schedule} has {fewest} callers; --operation takes the number of an operation for each of them, as "
            f"in {example}, not {run.operation!r}"
        )
    return numbers


def _position(operation: str) -> int | str:
    """The operation as `prove.replay` takes it: its name, or its number from 0."""
    if not operation.isdecimal() or len(operation) > 9:
        return operation
    if int(operation) == 0:
        raise UsageError("operations are counted from 1")
    return int(operation) - 1


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False

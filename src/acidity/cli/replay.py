"""``acidity replay``: one schedule again, or every finding of a saved report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from acidity.cli.asking import printing_to_stderr
from acidity.cli.delivery import check_writable, deliver
from acidity.cli.options import EXIT_ZERO, FUNCTION, OUTPUT, Request, engine_options, with_options
from acidity.cli.target import resolve
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.report.rerun import ReplayedRun, Rerun
from acidity.report.saved import SavedFinding, findings

COMMAND = ("acidity", "replay")


@dataclass(frozen=True, slots=True)
class Again:
    """One run to repeat, as a command line describes it.

    Attributes:
        target: how the user names the Scenario.
        schedule: what is done to the run, in its printed form.
        operation: the name of the operation, or its number from 1.
        request: the options.
        expected: the words that a saved report said of this run; none for a schedule that was typed.
    """

    target: str
    schedule: str
    operation: str
    request: Request
    expected: tuple[str, ...] = ()


@click.command(short_help="Run one schedule again, or a saved report's.")
@click.argument("target", metavar="TARGET|REPORT.json")
@click.argument("schedule", required=False)
@with_options(
    click.option(
        "--operation", default="1", metavar="NAME|NUMBER", help="Which operation, counted from 1.  [default: the first]"
    ),
    *engine_options(from_environment=False),
    *OUTPUT,
    EXIT_ZERO,
    *FUNCTION,
)
@click.pass_context
def replay(ctx: click.Context, /, target: str, schedule: str | None, operation: str, **options: Any) -> None:
    """Run one schedule again and show every call, what the caller was told, and the rows.

    \b
    acidity replay app.bank:scenario 'ac1:A5!error-after'     (quote it: ! and * mean something to a shell)
    acidity replay card.json                                  (every finding of a saved JSON report)
    """  # noqa: D301 - \b is click's mark for lines to keep
    request = Request.of(options)
    check_writable(request.output)
    runs = _saved(target) if schedule is None else [Again(target, schedule, operation, request)]
    ctx.exit(deliver([_repeated(run) for run in runs], request.output))


def _repeated(run: Again) -> Rerun:
    from acidity import prove

    schedule = Schedule.parse(run.schedule)
    targets = resolve(run.target, run.request.function)
    if len(targets) > 1:
        names = ", ".join(target.name for target in targets)
        raise UsageError(f"{run.target!r} holds several Scenarios; name one of: {names}")
    if len(run.request.db) > 1:
        raise UsageError("a schedule is replayed on one database; give one --db")
    operation: int | str = int(run.operation) - 1 if run.operation.isdecimal() else run.operation
    if operation == -1:
        raise UsageError("operations are counted from 1")
    with printing_to_stderr():
        again: ReplayedRun = prove.replay(
            targets[0].scenario,
            schedule,
            db=run.request.db[0],
            operation=operation,
            target=targets[0].name,
            **run.request.engine_options,
        )
    return Rerun(again, run.expected)


def _saved(file: str) -> list[Again]:
    """The runs behind the findings of a saved report."""
    path = Path(file)
    if not _is_file(path):
        if ":" in file or not path.suffix:
            raise UsageError(
                f"say which schedule of {file!r} to replay, as in: acidity replay {file} 'ac1:A3!error-after'"
            )
        raise UsageError(f"there is no report {file!r}")
    try:
        found = findings(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from None
    if not found:
        raise UsageError(f"{file} holds no finding to replay")
    runs: dict[str, Again] = {}
    for finding in found:
        # A run that two letters speak of is made once.
        key = finding.replay or repr(replace(finding, word=""))
        earlier = runs.get(key)
        runs[key] = _again(finding) if earlier is None else replace(earlier, expected=(*earlier.expected, finding.word))
    return list(runs.values())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _again(finding: SavedFinding) -> Again:
    """A saved finding as a run: its printed command describes it wholly; without one, its fields have to do."""
    try:
        words = shlex.split(finding.replay)
    except ValueError:
        words = []
    if tuple(words[:2]) == COMMAND:
        arguments = words[2:]
    else:
        arguments = [finding.target, finding.schedule, "--db", finding.db, "--operation", finding.operation]
        arguments += ["--seed", str(finding.seed)]
    try:
        options = replay.make_context("replay", arguments).params
    except (click.ClickException, click.exceptions.Exit):
        raise UsageError(f"the report's command {finding.replay!r} cannot be read") from None
    request = Request.of(options)
    if options["schedule"] is None:
        raise UsageError(f"the report's command {finding.replay!r} names no schedule")
    return Again(options["target"], options["schedule"], options["operation"], request, (finding.word,))

"""Ask one question of every target on every engine, and deliver all the answers there are."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from acidity.cli.delivery import check_writable, deliver
from acidity.cli.leaving import leave_if_told
from acidity.cli.options import Request
from acidity.cli.progress import Progress, progress_bar
from acidity.cli.target import Target, resolve_all
from acidity.core.report import Card, Levels, Report
from acidity.errors import Interrupted, NotApplicable, Terminated, UsageError
from acidity.report.secret import safe

USAGE, INTERRUPTED = 2, 130
Answer = Report | Card | Levels
Ask = Callable[..., Answer]


def ask_all(texts: Sequence[str], request: Request, ask: Ask, **more: Any) -> int:
    """Ask, deliver, and give the exit code; what was found before a Ctrl-C or a polite kill is delivered, too.

    A target that is not applicable on an engine is told with its reason, and counts for nothing; where nothing else was
    asked, that is wrong use.

    Args:
        texts: the targets as typed.
        request: the options.
        ask: a function of `prove`.
        more: further arguments of `ask`.

    Raises:
        UsageError: a target means nothing; nothing was run then.
    """
    check_writable(request.output)
    items = [(target, db) for target in resolve_all(texts, request.function) for db in request.db]
    answers: list[Answer] = []
    troubles: dict[str, str] = {}
    left_out: list[str] = []
    stopped: int | None = None
    try:
        for target, db in items:
            try:
                leave_if_told()
                answers.append(_ask_one(target, db, request, ask, more))
            except NotApplicable as error:
                left_out.append(f"{target.name}: {safe(str(error))}")
            except UsageError as error:
                troubles.setdefault(str(error), target.name)
    except KeyboardInterrupt as stop:
        answers.extend([stop.report] if isinstance(stop, Interrupted) else [])
        click.echo(f"acidity: interrupted; {len(answers)} of {len(items)} answers are there", err=True)
        stopped = INTERRUPTED
    except Terminated as stop:
        answers.extend([stop.report] if stop.report is not None else [])
        stopped = int(stop.code or 0)
    found = (
        deliver([with_options_in_replay(answer, request) for answer in answers], request.output) if answers else None
    )
    for line in left_out:
        click.echo(f"acidity: {line}", err=True)
    for message, name in troubles.items():
        click.echo(f"acidity: {name}: {safe(message)}", err=True)
    if stopped is not None:
        return stopped
    return USAGE if troubles or found is None else found


def _ask_one(target: Target, db: str, request: Request, ask: Ask, more: dict[str, Any]) -> Answer:
    with progress_bar(target.name) as progress, quiet():
        return ask(
            target.scenario, db=db, target=target.name, **bounds(request, progress), **request.engine_options, **more
        )


def bounds(request: Request, progress: Progress) -> dict[str, Any]:
    """The keyword arguments that bound a check and show how far it is."""
    return {"budget": request.budget, "runs_max": request.runs_max, "progress": progress}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the user's function prints, some hundred times, out of the report; ``replay`` shows it."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield


@contextlib.contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Let what the user's function prints be seen, but not in the middle of the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def with_options_in_replay(answer: Answer, request: Request) -> Answer:
    """Complete the printed commands: how a plain function was described is known only here."""
    typed = request.function.as_typed
    if not typed:
        return answer
    if isinstance(answer, Levels):
        return replace(answer, levels={level: _at_level(each, typed) for level, each in answer.levels.items()})
    return _at_level(answer, typed)


def _at_level(answer: Report | Card, typed: str) -> Report | Card:
    if isinstance(answer, Card):
        letters = {
            name: _completed(row, typed) if isinstance(row, Report) else row for name, row in answer.letters.items()
        }
        return replace(answer, letters=letters)
    return _completed(answer, typed)


def _completed(report: Report, typed: str) -> Report:
    findings = tuple(
        replace(found, replay=f"{found.replay} {typed}") if found.replay else found for found in report.findings
    )
    return replace(report, findings=findings)

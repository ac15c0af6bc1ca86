"""Ask one question of every target on every engine, and deliver all the answers there are."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from acidity.cli.delivery import check_writable, deliver
from acidity.cli.options import Request
from acidity.cli.progress import Progress, progress_bar
from acidity.cli.target import Target, resolve_all
from acidity.core.report import Card, EngineInfo, Report
from acidity.errors import EngineUnavailable, UsageError
from acidity.report.secret import masked

USAGE, UNKNOWN, INTERRUPTED = 2, 3, 130
# How a check says that it was stopped by Ctrl-C, maybe behind the name of an operation.
_INTERRUPTED = re.compile(r"(^|: )interrupted($| after \d)")
Answer = Report | Card
Ask = Callable[..., Answer]


def ask_all(
    texts: Sequence[str], request: Request, ask: Ask, *, unavailable: Callable[[Report], Answer], **more: Any
) -> int:
    """Ask, deliver, and give the exit code.

    Args:
        texts: the targets as typed.
        request: the options.
        ask: a function of `prove`.
        unavailable: makes the answer of an engine that did not start, from a report that says so.
        more: further arguments of `ask`.

    Raises:
        UsageError: a target means nothing; nothing was run then.
    """
    check_writable(request.output)
    items = [(target, db) for target in resolve_all(texts, request.function) for db in request.db]
    answers: list[Answer] = []
    troubles: dict[str, str] = {}
    code: int | None = None
    try:
        for target, db in items:
            try:
                answers.append(_ask_one(target, db, request, ask, more))
            except EngineUnavailable as error:
                answers.append(unavailable(_not_started(target, db, request, str(error))))
            except UsageError as error:
                troubles.setdefault(str(error), target.name)
            if answers and _was_interrupted(answers[-1]):
                raise KeyboardInterrupt  # noqa: TRY301 - the check has swallowed it to save what it had found
    except KeyboardInterrupt:
        click.echo(f"acidity: interrupted; {len(answers)} of {len(items)} answers are there", err=True)
        code = UNKNOWN if answers else INTERRUPTED
    if answers:
        delivered = deliver([with_options_in_replay(answer, request) for answer in answers], request.output)
        code = delivered if code is None or delivered == 1 else code
    for message, name in troubles.items():
        click.echo(f"acidity: {name}: {masked(message)}", err=True)
    return USAGE if troubles or code is None else code


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


def _not_started(target: Target, db: str, request: Request, message: str) -> Report:
    """An engine that cannot start is an answer, unknown, not a reason to drop the others."""
    return Report(
        check="",
        target=target.name,
        engine=EngineInfo(masked(db), ""),
        unknowns=(message,),
        headline="not run",
        seed=request.seed,
    )


def _was_interrupted(answer: Answer) -> bool:
    reports = answer.letters.values() if isinstance(answer, Card) else (answer,)
    return any(_INTERRUPTED.search(reason) for row in reports if isinstance(row, Report) for reason in row.unknowns)

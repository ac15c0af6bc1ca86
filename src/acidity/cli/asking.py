"""Ask one question of every target on every engine, and deliver all the answers there are."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click

from acidity.cli.delivery import check_writable, deliver
from acidity.cli.leaving import leave_if_told
from acidity.cli.options import Request
from acidity.cli.progress import Progress, progress_bar
from acidity.cli.target import Target, resolve_all
from acidity.core.parting import Parting, parting
from acidity.core.report import Card, Levels, Report
from acidity.errors import Interrupted, NotApplicable, Terminated, UsageError
from acidity.report.secret import safe

USAGE, INTERRUPTED = 2, 130
Answer = Report | Card | Levels
Ask = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Item:
    """One target on one engine.

    Attributes:
        target: what is asked about.
        db: the engine.
    """

    target: Target
    db: str


@dataclass(slots=True)
class Heard:
    """What became of some items.

    Attributes:
        answers: by the position of the item.
        left_out: why an item is not applicable on its engine.
        troubles: what was wrong with a request, and with which target it was met first.
        stopped: the exit code, where Ctrl-C or a polite kill has ended the asking.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    stopped: int | None = None

    def interrupted(self, planned: int) -> None:
        """Ctrl-C."""
        click.echo(f"acidity: interrupted; {len(self.answers)} of {planned} answers are there", err=True)
        self.stopped = INTERRUPTED

    def stuck(self, planned: int) -> None:
        """The process is about to end for the sake of a run that does not."""
        if len(self.answers) < planned:
            click.echo(f"acidity: {len(self.answers)} of {planned} answers are there", err=True)


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
    from acidity.adapters.site import told_from_here

    check_writable(request.output)
    with told_from_here():
        return _asked(texts, request, ask, more)


def _asked(texts: Sequence[str], request: Request, ask: Ask, more: dict[str, Any]) -> int:
    """The same, in the folder in which the command began."""
    items = [Item(target, db) for target in resolve_all(texts, request.function) for db in request.db]
    if request.jobs > 1 and len(items) > 1:
        from acidity.cli.jobs import at_once

        heard = at_once(items, request, ask, more)
    else:
        heard = _one_by_one(items, request, ask, more)
    return _deliver(items, heard, request)


def _deliver(items: Sequence[Item], heard: Heard, request: Request) -> int:
    answers = [with_options_in_replay(heard.answers[at], request) for at in sorted(heard.answers)]
    found = deliver(answers, request.output) if answers else None
    for at in sorted(heard.left_out):
        click.echo(f"acidity: {items[at].target.name}: {safe(heard.left_out[at])}", err=True)
    for message, name in heard.troubles.items():
        click.echo(f"acidity: {name}: {safe(message)}", err=True)
    if heard.stopped is not None:
        return heard.stopped
    return USAGE if heard.troubles or found is None else found


def _one_by_one(items: Sequence[Item], request: Request, ask: Ask, more: dict[str, Any]) -> Heard:
    heard, streams = Heard(), (sys.stdout, sys.stderr)

    def part(end: Parting) -> None:
        sys.stdout, sys.stderr = streams  # what runs is kept from the user's screen, and the answers are not
        if end.answer is not None:
            heard.answers[at] = end.answer
        heard.stuck(len(items))
        if heard.answers:
            end.code = _deliver(items, heard, request) or end.code

    try:
        for at, item in enumerate(items):
            try:
                leave_if_told()
                with parting(part), progress_bar(item.target.name) as progress:
                    heard.answers[at] = ask_one(item, request, ask, more, progress)
            except NotApplicable as error:
                heard.left_out[at] = str(error)
            except UsageError as error:
                heard.troubles.setdefault(str(error), item.target.name)
    except KeyboardInterrupt as stop:
        if isinstance(stop, Interrupted):
            heard.answers[at] = stop.report
        heard.interrupted(len(items))
    except Terminated as stop:
        if stop.report is not None:
            heard.answers[at] = stop.report
        heard.stopped = int(stop.code or 0)
    return heard


def ask_one(item: Item, request: Request, ask: Ask, more: dict[str, Any], progress: Progress) -> Answer:
    """The answer for one target on one engine; see `prove` for what it raises."""
    with quiet():
        return ask(
            item.target.scenario,
            db=item.db,
            target=item.target.name,
            **bounds(request, progress),
            **request.engine_options,
            **more,
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

"""``acidity demo``: a small program that breaks, and the same program mended, drilled on SQLite."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from acidity.cli.asking import quiet
from acidity.cli.delivery import check_writable, say, wants_color, width_of, write_file
from acidity.cli.options import OUTPUT, Output, Request, with_options
from acidity.cli.progress import progress_bar
from acidity.core.report import Detail, Report
from acidity.core.scenario import Scenario
from acidity.report.json import report_json
from acidity.report.page import Page
from acidity.report.text import not_covered, say_answer
from acidity.report.values import json_ready

BANK = "acidity.cli.demo_bank"


@dataclass(frozen=True, slots=True)
class Act:
    """One program of the demo.

    Attributes:
        name: of the Scenario in the bank.
        title: what the program does.
        expected: a word that some error must carry; empty for a program that must pass.
        look_at: what the reader should see in the answer.
    """

    name: str
    title: str
    expected: str
    look_at: str


ACTS = (
    Act(
        "torn",
        "A payment in two transactions",
        "torn",
        "the rows: the money has left one account and has not arrived on the other. Each of the two COMMITs is "
        "correct, but together they are not one unit.",
    ),
    Act(
        "mended",
        "The same payment in one transaction",
        "",
        "the counts: under every failure the rows are as before or as after the payment, never between.",
    ),
)


@click.command(short_help="See it work on a small program.")
@with_options(*OUTPUT)
@click.pass_context
def demo(ctx: click.Context, /, **options: Any) -> None:
    """See acidity at work: a small program that moves money is put through every failure, and breaks.

    Then the same program mended, which does not. Needs nothing but Python; SQLite is part of it. The exit code is 0
    when both do what the demo says, else 1.
    """
    output = Request.of(options).output
    check_writable(output)
    reports = [_drilled(act) for act in ACTS]
    if output.format == "json":
        _put(_as_json(reports), output)
    else:
        _put(_as_text(reports, output), output)
    ctx.exit(0 if all(as_promised(act, report) for act, report in zip(ACTS, reports, strict=True)) else 1)


def as_promised(act: Act, report: Report) -> bool:
    """Whether a program did what the demo says of it."""
    if not act.expected:
        return report.verdict == "pass"
    return any(found.severity == "error" and act.expected in found.word for found in report.findings)


def _drilled(act: Act) -> Report:
    from acidity import prove

    with progress_bar(act.title) as progress, quiet():
        report: Report = prove.drill(_scenario(act), db="sqlite", target=f"{BANK}:{act.name}", progress=progress)
    return report


def _scenario(act: Act) -> Scenario:
    from acidity.cli import demo_bank

    found = getattr(demo_bank, act.name)
    if not isinstance(found, Scenario):
        raise TypeError(act.name)
    return found


def _as_text(reports: list[Report], output: Output) -> str:
    to_terminal = output.file is None
    page = Page(width_of(sys.stdout) if to_terminal else 120)
    page.say(
        "Ann has 70, Bob has 30, and Ann pays 50 to Bob. Two programs do it. acidity runs each of them on a real "
        "database again and again, lets another database call fail each time, and looks at the rows."
    )
    for number, (act, report) in enumerate(zip(ACTS, reports, strict=True), start=1):
        page.blank()
        page.say((act.title, "bold"), label=f"{number}. ", label_style="bold")
        page.blank()
        _say_source(page, _scenario(act).operations[0].function)
        page.blank()
        say_answer(page, report, Detail.CARD)
        page.blank()
        page.say(act.look_at, label="Look at ", label_style="bold cyan")
    page.blank()
    if uncovered := not_covered(reports):
        page.say((uncovered, "bright_black"))
    kept = sum(as_promised(act, report) for act, report in zip(ACTS, reports, strict=True))
    page.say(
        (f"{kept} of {len(ACTS)} programs did what this demo promises: ", "green" if kept == len(ACTS) else "bold red"),
        "one breaks, and mended it holds.",
    )
    page.say("Your own code is next: acidity check package.module:scenario")
    return page.render(color=to_terminal and wants_color(sys.stdout))


def _say_source(page: Page, function: Callable[..., Any]) -> None:
    """The program itself, with the line numbers that the answer refers to."""
    lines, first = inspect.getsourcelines(function)
    file = Path(inspect.getsourcefile(function) or "").name
    page.say((f"{file}:{first}", "bright_black"), indent=3)
    for number, line in enumerate(lines, start=first):
        page.say(line.rstrip(), label=f"{number:4} | ", label_style="bright_black", indent=3, wrap=False)


def _as_json(reports: list[Report]) -> str:
    items = [
        {
            "expected": act.expected or "pass",
            "as_promised": as_promised(act, report),
            "report": report_json(report, verdict=report.verdict),
        }
        for act, report in zip(ACTS, reports, strict=True)
    ]
    return json.dumps(json_ready({"schema": "acidity.demo/1", "items": items}), indent=2)


def _put(text: str, output: Output) -> None:
    if output.file:
        write_file(output.file, text)
    else:
        say(text)

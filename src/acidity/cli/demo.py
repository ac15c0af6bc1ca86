"""``acidity demo``: a small program that breaks in two ways, and the same program mended, checked on SQLite."""

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
from acidity.core.report import Card, Detail
from acidity.core.scenario import Scenario
from acidity.report.card import reports_of
from acidity.report.json import as_json
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
        "lost",
        "One transaction, which reads before it writes",
        "lost update",
        "the lanes: A and B read the same balance, and A writes over what B has paid. No failure shows that, and no "
        "invariant: the sum is what it was.",
    ),
    Act(
        "mended",
        "The same payment, computed by the database",
        "",
        "the counts: under every failure the rows are as before or as after the payment, never between, and two "
        "payments at once leave what one after the other leaves.",
    ),
)


@click.command(short_help="See it work on a small program.")
@with_options(*OUTPUT)
@click.pass_context
def demo(ctx: click.Context, /, **options: Any) -> None:
    """See acidity at work: a small program that moves money is put through every failure, and breaks.

    Then it is called twice at once, and breaks in another way; then the same program mended, which does neither. Needs
    nothing but Python; SQLite is part of it. The exit code is 0 when all do what the demo says, else 1.
    """
    output = Request.of(options).output
    check_writable(output)
    cards = [_checked(act) for act in ACTS]
    if output.format == "json":
        _put(_as_json(cards), output)
    else:
        _put(_as_text(cards, output), output)
    ctx.exit(0 if all(as_promised(act, card) for act, card in zip(ACTS, cards, strict=True)) else 1)


def as_promised(act: Act, card: Card) -> bool:
    """Whether a program did what the demo says of it."""
    if not act.expected:
        return card.verdict == "pass"
    found = [finding for report in reports_of(card) for finding in report.findings if finding.severity == "error"]
    return any(act.expected in (finding.word, finding.anomaly) for finding in found)


def _checked(act: Act) -> Card:
    from acidity import prove

    with progress_bar(act.title) as progress, quiet():
        card: Card = prove.check(_scenario(act), db="sqlite", target=f"{BANK}:{act.name}", progress=progress)
    return card


def _scenario(act: Act) -> Scenario:
    from acidity.cli import demo_bank

    found = getattr(demo_bank, act.name)
    if not isinstance(found, Scenario):
        raise TypeError(act.name)
    return found


def _as_text(cards: list[Card], output: Output) -> str:
    to_terminal = output.file is None
    page = Page(width_of(sys.stdout) if to_terminal else 120)
    page.say(
        "Ann has 70, Bob has 30, and Ann pays 30 to Bob. Three programs do it. acidity runs each of them on a real "
        "database, lets each database call fail, then two callers at it at once in every order, and looks at the rows."
    )
    for number, (act, card) in enumerate(zip(ACTS, cards, strict=True), start=1):
        page.blank()
        page.say((act.title, "bold"), label=f"{number}. ", label_style="bold")
        page.blank()
        _say_source(page, _scenario(act).operations[0].function)
        page.blank()
        say_answer(page, card, Detail.CARD)
        page.blank()
        page.say(act.look_at, label="Look at ", label_style="bold cyan")
    page.blank()
    if uncovered := not_covered(cards):
        page.say((uncovered, "bright_black"))
    kept = sum(as_promised(act, card) for act, card in zip(ACTS, cards, strict=True))
    page.say(
        (f"{kept} of {len(ACTS)} programs did what this demo promises: ", "green" if kept == len(ACTS) else "bold red"),
        "two break, and mended it holds.",
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


def _as_json(cards: list[Card]) -> str:
    items = [
        {
            "expected": act.expected or "pass",
            "as_promised": as_promised(act, card),
            "card": as_json(card),
        }
        for act, card in zip(ACTS, cards, strict=True)
    ]
    return json.dumps(json_ready({"schema": "acidity.demo/1", "items": items}), indent=2)


def _put(text: str, output: Output) -> None:
    if output.file:
        write_file(output, text)
    else:
        say(text)

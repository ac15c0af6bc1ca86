"""``acidity doctor --durability``: what settings promise, the weakest that passed when tried, and its price."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from acidity.cli.asking import INTERRUPTED, quiet
from acidity.cli.delivery import say, wants_color, width_of, write_file
from acidity.cli.options import Output
from acidity.cli.progress import progress_bar
from acidity.engines.durability import DEFAULTS, promises, read_from
from acidity.errors import EngineUnavailable, Terminated
from acidity.report.page import Page
from acidity.report.secret import masked

if TYPE_CHECKING:
    from acidity.prove.crash.weakest import Trial

BUDGET_S = 120.0  # for all engines together


@dataclass(slots=True)
class Told:
    """What there is to say of one engine.

    Attributes:
        name: of the engine.
        settings: whose promises are said.
        tried: what came of the settings that were tried.
        trouble: why none was.
    """

    name: str
    settings: Mapping[str, str]
    tried: list[Trial] = field(default_factory=list)
    trouble: str = ""


def say_durability(output: Output, url: str | None, *, tries: bool, budget: float | None) -> int:
    """Say what the defaults of each engine promise, or the settings of the database behind a URL; and try some.

    Args:
        output: where to and how.
        url: of the database whose settings are read; None for the defaults.
        tries: whether settings are tried.
        budget: after so many seconds no further one is; None for `BUDGET_S`.

    Returns:
        The exit code: 0, or that of the Ctrl-C or signal that ended it; what was found until then is said.

    Raises:
        UsageError: it is no URL of a database, or the database does not answer.
    """
    chosen = dict(DEFAULTS) if url is None else dict([read_from(url)])
    told = [Told(name, settings) for name, settings in chosen.items()]
    code = 0
    try:
        if tries:
            _try_all(told, time.monotonic() + (BUDGET_S if budget is None else budget))
    except KeyboardInterrupt:
        click.echo("acidity: interrupted; what was tried until then is said", err=True)
        code = INTERRUPTED
    except Terminated as stop:
        code = int(stop.code or 0)
    text = _as_json(told) if output.format == "json" else _as_text(told, output, defaults=url is None)
    write_file(output, text) if output.file else say(text)
    return code


def _try_all(told: Sequence[Told], deadline: float) -> None:
    from acidity.prove.crash.weakest import try_all

    for each in told:
        try:
            with progress_bar(each.name) as progress, quiet():
                try_all(each.name, deadline, progress, each.tried)
        except EngineUnavailable as error:
            each.trouble = masked(str(error))


def _as_text(told: Sequence[Told], output: Output, *, defaults: bool) -> str:
    page = Page(width_of(sys.stdout) if output.file is None else 120)
    page.say(("What the defaults promise" if defaults else "What these settings promise", "bold"))
    for each in told:
        page.blank()
        shown = ", ".join(f"{key}={value}" for key, value in each.settings.items())
        page.say(shown, label=f" {each.name}  ", label_style="bold")
        for promise in promises(each.name, each.settings):
            page.say(promise, indent=4)
        if each.trouble:
            page.say(each.trouble, label="not tried: ", label_style="yellow", indent=4)
        if each.tried:
            _say_tried(page, each)
    return page.render(color=output.file is None and wants_color(sys.stdout))


def _say_tried(page: Page, told: Told) -> None:
    from acidity.prove.crash.weakest import named, weakest

    for trial in told.tried:
        style = {"pass": "green", "fail": "red"}.get(trial.verdict, "yellow")
        price = "" if trial.price is None else f"; a COMMIT takes {_times(trial.price)} as long as by default"
        beyond = "" if trial.kept or trial.verdict != "pass" else "; a kill cannot show what a power loss takes here"
        label = f"tried {named(trial.settings)}: {trial.verdict}  "
        page.say(f"{trial.headline}{beyond}{price}", label=label, label_style=style, indent=4)
    best = weakest(told.tried)
    if best is None:
        page.say("none of those that were tried is shown to be durable", label="weakest that passed: ", indent=4)
        return
    cost = (
        f", {best.commit_ms:.2f} ms, {_times(best.price)} as long as by default"
        if best.commit_ms and best.price
        else ""
    )
    page.say(f"{named(best.settings)}{cost}", label="weakest that passed: ", label_style="bold", indent=4)


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times" if ratio >= 0.1 else f"{ratio:.3f} times"


def _as_json(told: Sequence[Told]) -> str:
    from acidity.prove.crash.weakest import weakest

    items = []
    for each in told:
        item: dict[str, Any] = {
            "name": each.name,
            "settings": dict(each.settings),
            "promises": promises(each.name, each.settings),
        }
        if each.tried:
            best = weakest(each.tried)
            item["tried"] = [_document(trial) for trial in each.tried]
            item["weakest"] = None if best is None else _document(best)
        if each.trouble:
            item["trouble"] = each.trouble
        items.append(item)
    return json.dumps({"schema": "acidity.durability/1", "items": items}, indent=2)


def _document(trial: Trial) -> dict[str, Any]:
    return {
        "settings": dict(trial.settings),
        "verdict": trial.verdict,
        "headline": trial.headline,
        "promises_durability": trial.kept,
        "commit_ms": trial.commit_ms,
        "price": trial.price,
    }

"""``acidity explain``: what a code means, a program that has it, and the fix."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from acidity.cli.delivery import check_writable, say, wants_color, width_of, write_file
from acidity.cli.options import OUTPUT, Output, Request, with_options
from acidity.core.codes import CODES, Code
from acidity.errors import UsageError

if TYPE_CHECKING:
    from acidity.explained.explanation import Explanation

SCHEMA = "acidity.explain/1"


@click.command(short_help="What a code means, and the fix.")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@with_options(*OUTPUT)
@click.pass_context
def explain(ctx: click.Context, /, codes: tuple[str, ...], **options: Any) -> None:
    """Explain a code: what it means, a program that has it, what happens in production, and the fix.

    \b
    acidity explain               all codes
    acidity explain ACI201        one of them; its word does, too: acidity explain torn
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity.explained import EXPLANATIONS

    output = Request.of(options).output
    check_writable(output)
    asked = [code for text in codes for code in codes_called(text)] or list(CODES.values())
    pages = [EXPLANATIONS[code.name] for code in dict.fromkeys(asked)]
    text = _as_json(pages) if output.format == "json" else _as_text(pages, output, listed=not codes)
    if output.file:
        write_file(output, text)
    else:
        say(text)
    ctx.exit(0)


def codes_called(text: str) -> list[Code]:
    """The code of that name, or those with that word.

    Raises:
        UsageError: there is none; the message names those that are near.
    """
    name, word = text.strip().upper(), _plain(text)
    if name in CODES:
        return [CODES[name]]
    by_word: dict[str, list[Code]] = {}
    for code in CODES.values():
        for each in (code.word, *code.also):
            by_word.setdefault(_plain(each), []).append(code)
    if word in by_word:
        return by_word[word]
    raise UsageError(f"there is no code {text!r}; {_near(name, word, by_word)}")


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", " ").replace("_", " ")


def _near(name: str, word: str, by_word: Mapping[str, list[Code]]) -> str:
    close = [CODES[each] for each in get_close_matches(name, CODES, n=3, cutoff=0.7)]
    close += [code for each in get_close_matches(word, by_word, n=2, cutoff=0.6) for code in by_word[each]]
    if not close:
        return "acidity explain lists all codes"
    return f"near it: {', '.join(f'{code.name} ({code.word})' for code in dict.fromkeys(close))}"


def _as_text(pages: list[Explanation], output: Output, *, listed: bool) -> str:
    from acidity.report.page import Page

    to_terminal = output.file is None
    paper = Page(width_of(sys.stdout) if to_terminal else 120)
    if listed:
        width = max(len(page.code.word) for page in pages)
        for page in pages:
            code = page.code
            paper.say(code.title, label=f"{code.name}  {code.letter}  {code.word:<{width}}  ", label_style="cyan")
        paper.blank()
        paper.say("acidity explain CODE shows a program that has it, and the fix.")
    else:
        for page in pages:
            paper.blank()
            _say_page(paper, page)
    return paper.render(color=to_terminal and wants_color(sys.stdout))


def _say_page(paper: Any, page: Explanation) -> None:
    code = page.code
    paper.say((f"{code.name}  {code.word}", "bold"), f"  {code.title}")
    paper.blank()
    paper.say(page.meaning)
    paper.blank()
    paper.say(("A program that has it", "bold cyan"))
    _say_source(paper, page.source)
    paper.say(f"{page.shown_by.replace('`', '')}:", indent=1)
    paper.say(page.command, indent=3, wrap=False)
    paper.blank()
    paper.say(("What happens in production", "bold cyan"))
    paper.say(page.production, indent=1)
    paper.blank()
    paper.say(("The fix", "bold cyan"))
    paper.say(page.fix, indent=1)
    _say_source(paper, page.mended_source)
    paper.say(("Near", "bold cyan"))
    for near in page.near:
        paper.say(near.title, label=f"{near.name}  {near.word}: ", indent=1)
    if page.literature:
        paper.blank()
        paper.say(("Where it is defined", "bold cyan"))
        paper.say(f"{page.literature}.", indent=1)


def _say_source(paper: Any, source: str) -> None:
    paper.blank()
    for line in source.splitlines():
        if line:
            paper.say(line, indent=3, wrap=False)
        else:
            paper.blank()
    paper.blank()


def _as_json(pages: list[Explanation]) -> str:
    items = [
        {
            "code": page.code.name,
            "letter": page.code.letter,
            "word": page.code.word,
            "title": page.code.title,
            "meaning": page.meaning,
            "program": page.source,
            "command": page.command,
            "fault": page.fault,
            "production": page.production,
            "fix": page.fix,
            "mended": page.mended_source,
            "near": [near.name for near in page.near],
            "literature": page.literature,
        }
        for page in pages
    ]
    return json.dumps({"schema": SCHEMA, "items": items}, indent=2)

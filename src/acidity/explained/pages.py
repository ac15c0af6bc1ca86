"""The page of a code as Markdown: what stands in ``docs/codes/``."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from acidity.explained.explanation import Explanation

_WIDTH = 120


def markdown(page: Explanation) -> str:
    """One page, whole."""
    code = page.code
    parts = [
        f"# {code.name}: {code.word}",
        f"*{code.title}*",
        _wrapped(page.meaning),
        "## A program that has it",
        _python(page.source),
        _wrapped(f"{page.shown_by}; the whole program is `{page.target}`:"),
        f"```sh\n{page.command}\n```",
        "## What happens in production",
        _wrapped(page.production),
        "## The fix",
        _wrapped(page.fix),
        _python(page.mended_source),
        "## Near",
        "\n".join(f"- [{near.name}: {near.word}]({near.name}.md): {near.title}" for near in page.near),
    ]
    if page.literature:
        parts += ["## Where it is defined", _wrapped(f"{page.literature}.")]
    return "\n\n".join(parts) + "\n"


def index(pages: Iterable[Explanation]) -> str:
    """The table of all pages."""
    rows = [
        f"| [{page.code.name}]({page.code.name}.md) | {page.code.letter} | {page.code.word} | {page.code.title} |"
        for page in pages
    ]
    head = (
        "# The codes\n\nEvery finding has a code. `acidity explain CODE` shows the page of one in the terminal; each "
        "page has a\nprogram that acidity finds the code in, and the same program put right. `acidity drill` finds "
        "what a failure brings to\nlight, letter I and `acidity explore` what several callers at once do, letter D and "
        "`acidity crash` what a power cut\nleaves; each page says which. These pages are written by a test from "
        "[core/codes.py](../../src/acidity/core/codes.py)\nand [explained](../../src/acidity/explained).\n\n"
    )
    return head + "\n".join(["| code | letter | word | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _wrapped(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _python(source: str) -> str:
    return f"```python\n{source}\n```"

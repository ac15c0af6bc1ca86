"""``acidity check``: the card with the four letters."""

from __future__ import annotations

from typing import Any

import click

from acidity.cli.asking import ask_all
from acidity.cli.options import (
    BOUNDS,
    EXIT_ZERO,
    FUNCTION,
    OUTPUT,
    Request,
    engine_options,
    letters,
    targets,
    with_options,
)


@click.command(short_help="The card with the four letters, A C I D.")
@with_options(targets, letters, *engine_options(), *BOUNDS, *OUTPUT, EXIT_ZERO, *FUNCTION)
@click.pass_context
def check(ctx: click.Context, /, targets: tuple[str, ...], letters: str, **options: Any) -> None:
    """Prove a transaction: one row for each letter.

    \b
    A  atomic      all of it or nothing, and the caller is told which
    C  consistent  constraints and invariants hold in every end state
    I  isolated    concurrent callers get what some order of them would give
    D  durable     what was acknowledged survives a crash

    \b
    TARGET is package.module:name (a Scenario, a function that makes one, or a
    plain function described by --args, --setup, --metadata …), or a module:
    all its Scenarios.
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity import prove

    ctx.exit(ask_all(targets, Request.of(options), prove.check, letters=letters))

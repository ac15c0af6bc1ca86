"""``acidity drill``: a fault at every database call."""

from __future__ import annotations

from typing import Any

import click

from acidity.cli.asking import ask_all
from acidity.cli.options import (
    BOUNDS,
    DETAIL,
    EXIT_ZERO,
    FUNCTION,
    JOBS,
    OUTPUT,
    Request,
    engine_options,
    targets,
    with_options,
)


@click.command(short_help="A fault at every database call.")
@with_options(targets, *engine_options(), *BOUNDS, JOBS, *OUTPUT, *DETAIL, EXIT_ZERO, *FUNCTION)
@click.pass_context
def drill(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Let every database call of an operation fail in every way that fits it, each time in a fresh database.

    Then read over an independent connection what is left in the rows, and compare it with what the caller was told.

    \b
    TARGET is package.module:name (a Scenario, a function that makes one, or a
    plain function described by --args, --setup, --metadata …), or a module:
    all its Scenarios.
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity import prove

    ctx.exit(ask_all(targets, Request.of(options), prove.drill))

"""``acidity explore``: several callers at once."""

from __future__ import annotations

from typing import Any

import click

from acidity.cli.asking import ask_all
from acidity.cli.options import (
    ALL_LEVELS,
    BOUNDS,
    DETAIL,
    EXIT_ZERO,
    FUNCTION,
    JOBS,
    OUTPUT,
    Request,
    actors,
    engine_options,
    targets,
    with_options,
)


@click.command(short_help="Several callers at once, in every order.")
@with_options(
    targets,
    click.option("--pairs", is_flag=True, help="Each operation beside itself, and beside every other one."),
    *engine_options(),
    ALL_LEVELS,
    actors(),
    *BOUNDS,
    JOBS,
    *OUTPUT,
    *DETAIL,
    EXIT_ZERO,
    *FUNCTION,
)
@click.pass_context
def explore(ctx: click.Context, /, targets: tuple[str, ...], *, pairs: bool, **options: Any) -> None:
    """Let the operations of a Scenario at its rows at once, a single one twice, in every order of their calls.

    What comes of it is compared with what comes of them one after the other, in every order: rows, answers and
    exceptions. What no order gives is named (lost update, write skew, …), and the shortest schedule is shown.

    \b
    TARGET is package.module:name (a Scenario, a function that makes one, or a
    plain function described by --args, --setup, --metadata …), or a module:
    all its Scenarios.

    \b
    acidity explore app.bank:scenario --db postgresql --isolation-level "REPEATABLE READ"
    acidity explore app.bank:scenario --db postgresql --db mariadb --all-levels
    acidity explore app.bank:scenario --pairs
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity import prove

    ask = prove.levels if options.pop("all_levels") else prove.explore
    ctx.exit(ask_all(targets, Request.of(options), ask, pairs=pairs))

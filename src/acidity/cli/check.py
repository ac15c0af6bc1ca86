"""``acidity check``: the card with the four letters."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click
from click.core import ParameterSource

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
    letters,
    targets,
    with_options,
)
from acidity.core.report import LETTERS
from acidity.errors import UsageError


@click.command(short_help="The card with the four letters, A C I D.")
@with_options(
    targets, letters, *engine_options(), ALL_LEVELS, actors(), *BOUNDS, JOBS, *OUTPUT, *DETAIL, EXIT_ZERO, *FUNCTION
)
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

    \b
    acidity check app.bank:scenario
    acidity check app.bank --db sqlite --db postgresql --letters AC
    acidity check app.bank:scenario --db postgresql --letters I --all-levels
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity import prove
    from acidity.prove.checks import CHECKS

    if ctx.get_parameter_source("letters") is not ParameterSource.DEFAULT:
        _require_built(letters, tuple(CHECKS))

    ask = prove.levels if options.pop("all_levels") else prove.check
    ctx.exit(ask_all(targets, Request.of(options), ask, letters=letters))


def _require_built(letters: str, built: Collection[str]) -> None:
    """Whoever names a letter wants its verdict; leaving it out without a word would look like one.

    Raises:
        UsageError: this version cannot check one of them.
    """
    missing = [letter for letter in LETTERS if letter in letters and letter not in built]
    if missing:
        raise UsageError(
            f"--letters {letters}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not built into "
            f"acidity check yet; ask for {', '.join(built)}, or leave --letters out for all that it can check"
        )

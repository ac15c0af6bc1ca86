"""``acidity crash``: power loss."""

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


@click.command(short_help="Power loss: is every acknowledged commit there?")
@with_options(targets, *engine_options(), *BOUNDS, JOBS, *OUTPUT, *DETAIL, EXIT_ZERO, *FUNCTION)
@click.pass_context
def crash(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Cut the power or kill the server, and see whether every acknowledged commit is there, and none in part.

    On SQLite each operation runs once, and what it asks of the file system is recorded: writes, syncs, deletions, and
    when a COMMIT was answered. Every state that a power cut can leave is built from that and recovered by SQLite;
    then each of these requests fails, as on a bad or full disk, once and with all after it. On
    PostgreSQL and MariaDB a server of acidity's own is killed at each COMMIT and elsewhere, under one client and under
    several, and restarted. A setting that would have kept what was lost is tried.

    \b
    TARGET is package.module:name (a Scenario, a function that makes one, or a
    plain function described by --args, --setup, --metadata …), or a module:
    all its Scenarios.

    \b
    acidity crash app.bank:scenario
    acidity crash app.bank:scenario --setting journal_mode=wal --setting synchronous=full
    acidity crash app.bank:scenario --db postgresql --setting synchronous_commit=off
    acidity replay app.bank:scenario 'ac1:A3!power-loss@16.0'
    """  # noqa: D301 - \b is click's mark for lines to keep
    from acidity import prove

    ctx.exit(ask_all(targets, Request.of(options), prove.crash))

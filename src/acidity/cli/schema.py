"""``acidity schema``: the JSON Schema of what ``--output-format json`` writes."""

from __future__ import annotations

import json

import click

from acidity.cli.delivery import say
from acidity.report.json import schema as json_schema


@click.command(short_help="The JSON Schema of the answers.")
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema of the answers that --output-format json writes: reports, cards, replayed runs and sets."""
    say(json.dumps(json_schema(), indent=2))
    ctx.exit(0)

"""The command line: a table of verbs that are imported only when they are run, and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NoReturn, cast

import click

from acidity import __version__
from acidity.cli.leaving import end_undisturbed, signals_as_exits
from acidity.core.exits import called, outliving
from acidity.errors import EngineUnavailable, Terminated, UsageError

OK, FAIL, USAGE, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 130

VERBS: dict[str, tuple[str, str]] = {
    "check": ("acidity.cli.check:check", "Prove a transaction: the card with its four letters, A C I D."),
    "drill": (
        "acidity.cli.drill:drill",
        "Let every database call fail in every way, and read what is left in the rows.",
    ),
    "explore": (
        "acidity.cli.explore:explore",
        "Let several callers at it at once, in every order, and compare with one after the other.",
    ),
    "crash": (
        "acidity.cli.crash:crash",
        "Cut the power, or kill the server: is every acknowledged commit there, and none in part?",
    ),
    "demo": (
        "acidity.cli.demo:demo",
        "See it work on a small program, broken and mended (SQLite, seconds, nothing to set up).",
    ),
    "replay": ("acidity.cli.replay:replay", "Run one schedule again, or what a saved report found about a target."),
    "explain": ("acidity.cli.explain:explain", "Say what a code means: a program that has it, and the fix."),
    "schema": ("acidity.cli.schema:schema", "Print the JSON Schema of what --output-format json writes."),
    "doctor": ("acidity.cli.doctor:doctor", "Say which database engines can be used here, and how they are set."),
}

EPILOG = """\b
Examples:
  acidity demo
  acidity check examples.budget
  acidity check app.bank:scenario --output-format json --output-file card.json
  acidity drill app.bank:transfer --args "1, 2, 50" --metadata app.models:Base
  acidity replay app.bank:scenario 'ac1:A3!error-after'
  acidity explain ACI201

\b
A target is package.module:name, looked up from the current directory:
a Scenario, a function that makes one, or a plain function described by
options. A module alone means all its Scenarios.

\b
Exit codes: 0 everything passed, 1 something failed, 3 something could not
be decided, 2 wrong usage.
"""


class LazyGroup(click.Group):
    """A group whose verbs live in `VERBS`; listing them imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the verb that is about to run."""
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs with their texts from the table."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    subcommand_metavar="VERB TARGET…",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "--version", prog_name="acidity", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Prove your transactions.

    acidity runs the function you already have on a real database, through every failure it can reach, and
    reads from the rows whether the transaction is all-or-nothing.
    """
    from acidity.cli.config import defaults

    settings = defaults()
    # A replayed run must not depend on the settings of the day; only how it is shown may.
    shown = {name: value for name, value in settings.items() if name.startswith("output")}
    ctx.default_map = {name: shown if name == "replay" else settings for name in VERBS}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    _open_what_is_closed()
    with signals_as_exits(), outliving():
        try:
            code = _run(argv)
        except KeyboardInterrupt:  # another one, while the first was being told
            code = _complain("interrupted", INTERRUPTED)
        _flush()
    end_undisturbed()
    sys.exit(code)


def _run(argv: Sequence[str] | None) -> int:
    """The exit code of one command line; every expected trouble is one message without a traceback."""
    try:
        return int(group.main(args=argv, prog_name="acidity", standalone_mode=False) or OK)
    except click.ClickException as error:
        from acidity.report.secret import safe

        written = StringIO()
        error.show(file=written)
        click.echo(safe(written.getvalue()), err=True, nl=False)
        return USAGE
    except UsageError as error:
        return _complain(str(error), USAGE)
    except EngineUnavailable as error:
        return _complain(str(error), UNKNOWN)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return OK
    except Terminated:
        raise
    except SystemExit as error:
        return _complain(f"the program ended the check by itself: it called {called(error)}", USAGE)
    except Exception:
        # Python's own code for this would be 1, which means "your transaction failed".
        import traceback

        from acidity.report.secret import safe

        click.echo(safe(traceback.format_exc()), err=True, nl=False)
        return _complain(
            "this is a bug in acidity, not an answer about your code; please report the lines above", USAGE
        )


def _complain(message: str, code: int) -> int:
    if code != INTERRUPTED:
        from acidity.report.secret import safe

        message = safe(message)
    click.echo(f"acidity: {message}", err=True)
    return code


def _open_what_is_closed() -> None:
    """Whoever closed the standard output (``>&-``) wants to read nothing, and asks for the exit code."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _flush() -> None:
    """Write out what is buffered; a reader that has gone away (``| head``) is no trouble of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

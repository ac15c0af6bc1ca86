"""The options that several verbs share, and the `Request` they add up to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from acidity.cli.function import NOTHING, FunctionOptions
from acidity.core.options import SEEDS, Actors
from acidity.core.report import LETTERS, Detail
from acidity.core.scenario import INJECTIONS
from acidity.report import FORMATS

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|)")
_LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT")
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Output:
    """Where the answer goes, with how much detail, and whether findings change the exit code.

    Attributes:
        folder: from which the file is named; the program may go to another one.
    """

    format: str = "text"
    file: str | None = None
    exit_zero: bool = False
    detail: Detail = Detail.CARD
    folder: Path = field(default_factory=Path.cwd)

    @property
    def path(self) -> Path | None:
        """The file, wherever the program has gone."""
        return None if self.file is None else self.folder / self.file


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, besides the targets."""

    db: tuple[str, ...] = ("sqlite",)
    seed: int = 0
    budget: float | None = None
    run_timeout: float | None = None
    runs_max: int | None = None
    jobs: int = 1
    isolation_level: str | None = None
    actors: Actors = "threads"
    settings: Mapping[str, str] = field(default_factory=dict)
    output: Output = field(default_factory=Output)
    function: FunctionOptions = field(default_factory=FunctionOptions)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Request:
        """Sort the options of a verb into their groups; a verb may have only some of them."""
        own = {it.name: options[it.name] for it in fields(cls) if it.name in options}
        function = {it.name: options[it.name] for it in fields(FunctionOptions) if it.name in options}
        quiet, verbose = options.get("quiet", False), options.get("verbose", False)
        if quiet and verbose:
            raise click.UsageError("-q and -v exclude each other")
        detail = Detail.LINE if quiet else Detail.ALL if verbose else Detail.CARD
        output = Output(options["output_format"], options["output_file"], options.get("exit_zero", False), detail)
        if options.get("settings_from"):
            from acidity.engines.durability import read_from

            own["settings"] = {**read_from(options["settings_from"])[1], **own["settings"]}
        return cls(**own, output=output, function=FunctionOptions(**function))

    @property
    def engine_options(self) -> dict[str, Any]:
        """The keyword arguments that every `prove` function takes."""
        asked: dict[str, Any] = {"settings": dict(self.settings) or None, "isolation_level": self.isolation_level}
        asked |= {"seed": self.seed, "actors": self.actors}
        return asked if self.run_timeout is None else {**asked, "run_timeout": self.run_timeout}


def seconds(text: str) -> float:
    """A duration in seconds.

    >>> seconds("2m"), seconds("500ms"), seconds("30")
    (120.0, 0.5, 30.0)

    Raises:
        click.BadParameter: it is not a duration, or not a positive one.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not a duration; write 30s, 2m or 500ms")
    duration = float(match["number"]) * _SECONDS[match["unit"]]
    if duration <= 0:
        raise click.BadParameter(f"{text!r} leaves no time for a run; write 30s, 2m or 500ms")
    return duration


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that is a duration; see `seconds`."""
    return None if value is None else seconds(str(value))


def _databases(_ctx: click.Context, _param: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    """Names may share one option, separated by commas; URLs may hold commas of their own."""
    names = [part.strip() for value in values for part in ([value] if "://" in value else value.split(","))]
    found = tuple(dict.fromkeys(name for name in names if name))
    if not found:
        raise click.BadParameter("it names no database; write sqlite, postgresql, mariadb or the URL of a server")
    return found


def _settings(_ctx: click.Context, _param: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise click.BadParameter(f"{name!r} sets nothing; write name=value, as in journal_mode=wal")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _level(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """The level as SQL spells it; ``repeatable_read`` and ``Repeatable-Read`` are the same."""
    if value is None:
        return None
    level = value.replace("_", " ").replace("-", " ").upper()
    if level not in _LEVELS:
        raise click.BadParameter(f"{value!r} is not an isolation level; the levels are {', '.join(_LEVELS)}")
    return level


def _seed(_ctx: click.Context, _param: click.Parameter, value: int) -> int:
    if value not in SEEDS:
        raise click.BadParameter(f"{value} is not a whole number of at most 64 bits; take a smaller one")
    return value


def _file(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A dash is the standard output, as everywhere."""
    if value is not None and not value:
        raise click.BadParameter("it names no file")
    return None if value == "-" else value


def _letters(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    letters = value.replace(",", "").upper()
    strange = sorted(set(letters) - set(LETTERS))
    if strange or not letters:
        raise click.BadParameter(
            f"{value!r} holds {', '.join(strange) or 'no letter'}; the letters are {', '.join(LETTERS)}"
        )
    return letters


def _option(*names: str, **settings: Any) -> Decorator[Any]:
    return click.option(*names, **settings)


targets = click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
letters = _option(
    "--letters",
    default="ACID",
    envvar="ACIDITY_LETTERS",
    callback=_letters,
    show_default=True,
    help="Which letters, as in AC.",
)


def engine_options(*, from_environment: bool = True) -> tuple[Decorator[Any], ...]:
    """On which database, how it is set, and the seed.

    Args:
        from_environment: False for ``replay``, whose command describes a run wholly.
    """

    def option(*names: str, env: str, **settings: Any) -> Decorator[Any]:
        return _option(*names, envvar=f"ACIDITY_{env}" if from_environment else None, **settings)

    return (
        option(
            "--db",
            env="DB",
            multiple=True,
            default=("sqlite",),
            callback=_databases,
            metavar="NAME",
            help="The database to run on; repeat it for several.  [default: sqlite]",
        ),
        option("--isolation-level", env="ISOLATION_LEVEL", callback=_level, help="Of every transaction."),
        option(
            "--setting",
            "settings",
            env="SETTINGS",
            multiple=True,
            callback=_settings,
            metavar="NAME=VALUE",
            help="A setting of the database, as in journal_mode=wal; repeatable.",
        ),
        option(
            "--settings-from",
            env="SETTINGS_FROM",
            metavar="URL",
            help="Take the settings of durability from this database, which is only read (SHOW, PRAGMA).",
        ),
        option(
            "--seed",
            env="SEED",
            type=int,
            default=0,
            callback=_seed,
            show_default=True,
            help="Seed of every random choice.",
        ),
    )


ALL_LEVELS = _option(
    "--all-levels",
    is_flag=True,
    help="At each isolation level of the database; what is wrong at which, and the weakest that passes.",
)


def actors(*, from_environment: bool = True) -> Decorator[Any]:
    """Where callers at once are; see `engine_options`."""
    return _option(
        "--actors",
        type=click.Choice(get_args(Actors)),
        envvar="ACIDITY_ACTORS" if from_environment else None,
        default="threads",
        show_default=True,
        help="Where callers at once are; async ones are tasks of one loop, unless each has a process.",
    )


def run_timeout(*, from_environment: bool = True) -> Decorator[Any]:
    """How long a run may take; see `engine_options`."""
    return _option(
        "--run-timeout",
        envvar="ACIDITY_RUN_TIMEOUT" if from_environment else None,
        callback=duration,
        metavar="TIME",
        help="End a run that takes longer, and say unknown of it.  [default: 60s]",
    )


BOUNDS: tuple[Decorator[Any], ...] = (
    _option(
        "--budget",
        envvar="ACIDITY_BUDGET",
        callback=duration,
        metavar="TIME",
        help="Stop after this time for each target and engine (30s, 2m); runs left out make the answer unknown.",
    ),
    run_timeout(),
    _option(
        "--runs-max",
        type=click.IntRange(min=1),
        envvar="ACIDITY_RUNS_MAX",
        metavar="N",
        help="Make at most so many runs for each operation, and schedules for each group of callers; what is left out "
        "makes the answer unknown.",
    ),
)
JOBS = _option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    envvar="ACIDITY_JOBS",
    show_default=True,
    metavar="N",
    help="Ask about so many targets and engines at once, each in a process of its own.",
)

FUNCTION: tuple[Decorator[Any], ...] = (
    _option(
        "--args",
        multiple=True,
        metavar="VALUES",
        help="Arguments of a plain function, as in \"1, 2, Decimal('50.00')\".",
    ),
    _option("--setup", metavar="MOD:FN", help="Function of a session that writes the rows before."),
    _option("--metadata", metavar="MOD:BASE", help="Declarative base or MetaData that creates the tables."),
    _option("--schema", metavar="FILE|MOD:FN", help="Instead of --metadata: schema.sql, alembic.ini, or a function."),
    _option("--succeeded", metavar="MOD:FN", help="Function of the answer: was the caller told that it worked?"),
    _option("--inject", type=click.Choice((*INJECTIONS, NOTHING)), help="What the first parameter receives."),
    _option(
        "--bind",
        multiple=True,
        metavar="MOD:NAME|env:NAME",
        help="Module-level engine, DSN or environment variable to lead to the sandbox; repeatable.",
    ),
    _option("--invariant", multiple=True, metavar="MOD:FN", help="Function of a session that must hold; repeatable."),
)

OUTPUT: tuple[Decorator[Any], ...] = (
    _option(
        "--output-format",
        type=click.Choice(tuple(FORMATS)),
        default="text",
        envvar="ACIDITY_OUTPUT_FORMAT",
        show_default=True,
        help="How to write the answer.",
    ),
    _option(
        "--output-file",
        type=click.Path(dir_okay=False),
        callback=_file,
        metavar="FILE",
        help="Write the answer there, not here.",
    ),
)
DETAIL: tuple[Decorator[Any], ...] = (
    _option("-v", "--verbose", is_flag=True, help="All findings, what was covered, and the notes."),
    _option("-q", "--quiet", is_flag=True, help="One line for each target."),
)
EXIT_ZERO = _option("--exit-zero", is_flag=True, help="Exit with 0 whatever was found; wrong usage still exits with 2.")


def with_options(*options: Decorator[Any]) -> Callable[[F], F]:
    """Add options to a verb, shown in this order."""

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add

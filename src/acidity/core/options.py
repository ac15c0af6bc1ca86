"""What a check is asked for: the keyword arguments of ``prove.*``, once for people and type checkers, once as a value.

`CheckOptions` is the only list of options with their defaults. `EngineOptions` and `Options` give the same names to
type checkers, and `takes_options` gives them to ``help()``, so that a new option is one field here, one line there, and
the place where it is used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import wraps
from typing import Any, Literal, ParamSpec, Self, TypedDict, TypeVar, get_type_hints

from acidity.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")
Progress = Callable[[int, int, str], None]
RUN_TIMEOUT_S = 60.0
SEEDS = range(-(2**63), 2**63)  # what every reader of a report can read
Actors = Literal["threads", "tasks", "processes"]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What a check was asked for on one engine: with target and Schedule, everything that a replay needs.

    Attributes:
        db: the name of the engine, or the URL of a server that lets acidity create databases.
        settings: settings of the database, as ``{"journal_mode": "wal"}``.
        isolation_level: of every transaction, unless the program sets one itself; None leaves the engine's default.
        seed: decides every random choice, such as which runs are made when `runs_max` does not allow all.
        target: how the scenario is called in reports and in replay commands.
        budget: no run starts later than this many seconds after the check began, whatever letters it has; what is left
            undone makes the verdict unknown.
        run_timeout: a run that takes longer than this many seconds is ended, and leaves the verdict unknown.
        runs_max: at most so many runs under faults for each operation, chosen by `seed`, and so many schedules for each
            group of callers; what is left undone makes the verdict unknown.
        faults: the names of the only faults that strike; None means every fault.
        remedies: whether changes that might mend what was found are tried.
        actors: where callers at once are: ``"threads"`` of this process (async ones are ``"tasks"`` of one loop), or
            ``"processes"``, forked, one for each, as the workers of a server are.
        progress: called as ``progress(done, total, label)`` after every run.
    """

    db: str = "sqlite"
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation_level: str | None = None
    seed: int = 0
    target: str = ""
    budget: float | None = None
    run_timeout: float = RUN_TIMEOUT_S
    runs_max: int | None = None
    faults: tuple[str, ...] | None = None
    remedies: bool = True
    actors: Actors = "threads"
    progress: Progress | None = None

    @classmethod
    def of(cls, db: str, given: Mapping[str, Any]) -> Self:
        """The options for one engine, from keyword arguments as a caller gave them.

        Raises:
            TypeError: one of them is no option.
            UsageError: a seed is too large.
        """
        options = dict(given)
        if (seed := options.get("seed", 0)) not in SEEDS:
            raise UsageError(f"seed={seed!r} is not a whole number of at most 64 bits; take a smaller one")
        options["settings"] = dict(options.get("settings") or {})
        faults = options.get("faults")
        if faults is not None:
            options["faults"] = (faults,) if isinstance(faults, str) else tuple(faults)
        return cls(db, **options)


class EngineOptions(TypedDict, total=False):
    """The options of everything that runs a scenario; `CheckOptions` says what each means."""

    settings: Mapping[str, str] | None
    isolation_level: str | None
    seed: int
    target: str
    run_timeout: float
    actors: Actors


class Options(EngineOptions, total=False):
    """The options of a check, which makes many runs; `CheckOptions` says what each means."""

    budget: float | None
    runs_max: int | None
    faults: Collection[str] | None
    remedies: bool
    progress: Progress | None


def takes_options(names: type[Any]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Show the options behind ``**options`` in the signature and the docstring of a function.

    Args:
        names: `Options` or `EngineOptions`. The line ``**options`` of the function's docstring is replaced with what
            `CheckOptions` says of each of them.
    """
    defaults = {
        each.name: None if each.default is MISSING else each.default for each in fields(CheckOptions)
    }  # only `settings` is made anew each time, and None asks for that
    hints = get_type_hints(names)

    def show(function: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(function)
        *given, _ = signature.parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        shown = [inspect.Parameter(name, keyword, default=defaults[name], annotation=hints[name]) for name in hints]

        @wraps(function)
        def called(*args: P.args, **keywords: P.kwargs) -> T:
            for name in keywords:
                if name not in hints and name not in signature.parameters:
                    raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}")
            return function(*args, **keywords)

        called.__signature__ = signature.replace(parameters=[*given, *shown])  # type: ignore[attr-defined]
        called.__doc__ = (function.__doc__ or "").replace(
            "        **options: see `CheckOptions`.\n", _documented(hints)
        )
        return called

    return show


def _documented(names: Collection[str]) -> str:
    """The lines of the docstring of `CheckOptions` that speak of these options."""
    lines = (CheckOptions.__doc__ or "").partition("Attributes:\n")[2].splitlines(keepends=True)
    kept, keep = [], False
    for line in lines:
        if not line.startswith(" " * 12):  # not the continuation of the option before it
            keep = line.partition(":")[0].strip() in names
        if keep:
            kept.append(line)
    return "".join(kept)

"""What a TARGET on the command line stands for: one Scenario, or all public Scenarios of a module."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from acidity.cli.function import FunctionOptions, require_function, scenario_of
from acidity.cli.lookup import dotted, first_line, look_up
from acidity.core.exits import exits_as_errors
from acidity.core.scenario import Scenario
from acidity.errors import UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """A Scenario and the name it is printed under, which can be typed again."""

    name: str
    scenario: Scenario


def resolve_all(texts: Iterable[str], options: FunctionOptions) -> list[Target]:
    """The Scenarios of several targets, each once, in their order.

    Raises:
        UsageError: a target means nothing, or the options do not fit it.
    """
    found = [target for text in texts for target in resolve(text, options)]
    return list({target.name: target for target in found}.values())


def resolve(text: str, options: FunctionOptions | None = None) -> list[Target]:
    """The Scenarios that one target stands for.

    Raises:
        UsageError: there is no such target, it is not a Scenario, or a module holds none.
    """
    options = options or FunctionOptions()
    name = dotted(text)
    found = look_up(name, asked_by="target")
    if isinstance(found, Scenario | ModuleType) and options.given:
        kind = "a Scenario" if isinstance(found, Scenario) else "a module"
        raise UsageError(f"--{next(iter(options.given))} describes a plain function, but {name!r} is {kind}")
    if isinstance(found, Scenario):
        return [Target(name, found)]
    if isinstance(found, ModuleType):
        return _of_module(found, name)
    if options.given:
        return [Target(name, scenario_of(found, options, name=name))]
    return [Target(name, _made_by(found, name))]


def _of_module(module: ModuleType, name: str) -> list[Target]:
    separator = "." if ":" in name else ":"
    scenarios: dict[int, Target] = {}
    for attribute, value in vars(module).items():
        if isinstance(value, Scenario) and not attribute.startswith("_"):
            scenarios.setdefault(id(value), Target(f"{name}{separator}{attribute}", value))
    if not scenarios:
        raise UsageError(
            f"target {name!r} is a module without a public Scenario; "
            f"write one, or name a function as {name}{separator}function"
        )
    return list(scenarios.values())


def _made_by(found: Any, name: str) -> Scenario:
    """Call a function that makes a Scenario.

    Only one that says so: any other function without parameters may be the very transaction to check, and calling
    it here, outside a sandbox, would run it on the user's real database.
    """
    require_function(found, name)
    if not _promises_a_scenario(found):
        raise UsageError(
            f"target {name!r} is a plain function: describe it with --metadata or --schema (its tables), "
            "--args and --setup; or, if it makes a Scenario, annotate it with -> Scenario"
        )
    if _needs_arguments(found):
        raise UsageError(f"target {name!r} makes a Scenario but needs arguments; name a function without parameters")
    try:
        with contextlib.redirect_stdout(sys.stderr), exits_as_errors():
            made = found()
    except UsageError as error:
        raise UsageError(f"target {name!r}: {error}") from None
    except Exception as error:
        raise UsageError(f"target {name!r} raised {type(error).__name__}: {first_line(error)}") from None
    if not isinstance(made, Scenario):
        raise UsageError(f"target {name!r} returned {type(made).__name__}, not a Scenario")
    return made


def _promises_a_scenario(found: Any) -> bool:
    while isinstance(found, functools.partial):
        found = found.func
    annotation = getattr(found, "__annotations__", {}).get("return")
    if annotation is not None:
        return annotation is Scenario or (isinstance(annotation, str) and annotation.split(".")[-1] == "Scenario")
    code = getattr(found, "__code__", None)
    return isinstance(code, CodeType) and "Scenario" in code.co_names


def _needs_arguments(found: Any) -> bool:
    try:
        inspect.signature(found).bind()
    except TypeError:
        return True
    return False

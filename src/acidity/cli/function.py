"""A plain function as a Scenario, described by options instead of code."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from acidity.cli.arguments import arguments
from acidity.cli.lookup import look_up
from acidity.core.scenario import AS_NAMED, Operation, Scenario
from acidity.errors import UsageError

NOTHING = "nothing"  # what --inject says for inject=None


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What the command line says about a plain function; every field is an option of that name.

    Attributes:
        args: one text per operation, such as ``"1, 2, 50"``.
        setup: ``callable(session)`` that writes the rows before.
        metadata: a declarative base, or a ``MetaData``.
        schema: a ``.sql`` file, an ``alembic.ini``, or ``callable(connection)``.
        succeeded: ``callable(answer)``, whether the caller was told *ok*.
        inject: what the first parameter receives; `NOTHING`, or by default what its name or annotation says.
        bind: module-level engines to redirect.
        invariant: ``callable(session)`` that must hold in every end state.
    """

    args: tuple[str, ...] = ()
    setup: str | None = None
    metadata: str | None = None
    schema: str | None = None
    succeeded: str | None = None
    inject: str | None = None
    bind: tuple[str, ...] = ()
    invariant: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """The options that were used, as name → values."""
        used = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: (value,) if isinstance(value, str) else value for name, value in used.items() if value}

    @property
    def as_typed(self) -> str:
        """The options as they can be pasted behind a command."""
        pairs = [f"--{name} {shlex.quote(value)}" for name, values in self.given.items() for value in values]
        return " ".join(pairs)


def require_function(found: Any, name: str) -> None:
    """A class can be called, too, and is none.

    Raises:
        UsageError: it is something else.
    """
    if not callable(found) or isinstance(found, type):
        raise UsageError(f"target {name!r} is {_a(found)}, neither a Scenario nor a function")


def scenario_of(function: Callable[..., Any], options: FunctionOptions, *, name: str) -> Scenario:
    """The Scenario that the options describe around a function.

    Raises:
        UsageError: an option cannot be read, or the tables are not given.
    """
    require_function(function, name)
    if (options.metadata is None) == (options.schema is None):
        raise UsageError(
            f"{name!r} is a plain function: give its tables with one of --metadata package.module:Base "
            "and --schema (schema.sql, alembic.ini or package.module:function)"
        )
    succeeded = _callable(options.succeeded, "--succeeded")
    operations = [
        _operation(function, text, inject=options.inject, succeeded=succeeded) for text in options.args or ("",)
    ]
    return Scenario(
        *operations,
        metadata=_metadata(options.metadata),
        schema=_schema(options.schema),
        setup=_callable(options.setup, "--setup"),
        bind=options.bind,
        invariants=[check for text in options.invariant if (check := _callable(text, "--invariant"))],
        name=name,
    )


def _operation(
    function: Callable[..., Any], text: str, *, inject: str | None, succeeded: Callable[..., Any] | None
) -> Operation:
    positional, keywords = arguments(text)
    injection = {None: AS_NAMED, NOTHING: None}.get(inject, inject)
    operation = Operation(function, *positional, inject=injection, succeeded=succeeded)
    operation.keywords.update(keywords)  # some are called as options of Operation are, and mean the function's
    return operation


def _callable(text: str | None, option: str) -> Callable[..., Any] | None:
    if text is None:
        return None
    found = _named(text, option)
    if not callable(found):
        raise UsageError(f"{option} {text!r} is {_a(found)}, not a function")
    return found  # type: ignore[no-any-return]


def _metadata(text: str | None) -> Any:
    if text is None:
        return None
    found = _named(text, "--metadata")
    metadata = getattr(found, "metadata", found)
    if not hasattr(metadata, "create_all") or not hasattr(metadata, "tables"):
        raise UsageError(f"--metadata {text!r} is {_a(found)}; it takes a declarative base or a MetaData")
    return metadata


def _schema(text: str | None) -> Any:
    if text is None or not text.endswith((".sql", ".ini")):
        return _callable(text, "--schema")
    path = Path(text)
    if not path.is_file():
        raise UsageError(f"--schema: there is no file {text!r}")
    return path


def _named(text: str, option: str) -> Any:
    if ":" not in text:
        raise UsageError(f"{option} {text!r} names no object; write package.module:name")
    return look_up(text, asked_by=option)


def _a(value: object) -> str:
    kind = "class" if isinstance(value, type) else type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"

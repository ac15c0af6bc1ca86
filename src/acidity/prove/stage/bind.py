"""What ``bind=`` names: a module-level engine, a text or URL that leads to the database, or an environment variable."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from acidity.engines.base import Sandbox
from acidity.errors import UsageError
from acidity.prove.stage.named import named

ENVIRONMENT = "env"


class Slot(Protocol):
    """Where a value is kept that leads to the database."""

    def read(self) -> Any:
        """The value; None where there is none."""

    def write(self, value: Any) -> None:
        """Another value, or the one that was there."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A name in a module, or in something that a module holds."""

    owner: Any
    name: str

    def read(self) -> Any:
        """What it is now."""
        return getattr(self.owner, self.name)

    def write(self, value: Any) -> None:
        """Make it that."""
        setattr(self.owner, self.name, value)


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable of the process's environment, which child processes inherit."""

    name: str

    def read(self) -> str | None:
        """What it is now."""
        return os.environ.get(self.name)

    def write(self, value: Any) -> None:
        """Make it that; None takes it away."""
        if value is None:
            os.environ.pop(self.name, None)
        else:
            os.environ[self.name] = str(value)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that leads to the database, and is another one while a check runs.

    Attributes:
        asked: what ``bind=`` says, for messages.
        slot: where it is kept.
    """

    asked: str
    slot: Slot

    @contextmanager
    def leading_to(self, sandbox: Sandbox) -> Iterator[None]:
        """Let it lead to a Sandbox while the context lasts, in the form that it has.

        Raises:
            UsageError: it is no text, URL, path or mapping, or cannot be changed.
        """
        kept = self.slot.read()
        try:
            self.slot.write(_in_the_form_of(kept, sandbox))
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{self.asked} cannot lead to another database: {error}") from None
        try:
            yield
        finally:
            self.slot.write(kept)


def bindings(names: Iterable[str]) -> Iterator[Engine | Setting]:
    """What the names stand for; of an async engine, its sync half.

    Raises:
        UsageError: a name leads to nothing, or to something else.
    """
    for name in names:
        asked = f"bind={name!r}"
        module, _, path = name.partition(":")
        if module == ENVIRONMENT and path:
            yield Setting(asked, EnvironmentVariable(path))
            continue
        found = named(name, asked)
        engine = getattr(found, "sync_engine", found)
        if isinstance(engine, Engine):
            yield engine
        elif isinstance(found, str | URL | Path | Mapping) or "://" in str(found):
            holder, _, attribute = path.rpartition(".")
            owner = named(f"{module}:{holder}", asked) if holder else import_module(module)
            yield Setting(asked, Attribute(owner, attribute))
        else:
            raise UsageError(
                f"{asked} is of type {type(found).__name__}, neither a SQLAlchemy engine nor a text, URL, path or "
                f"mapping that leads to a database"
            )


def _in_the_form_of(value: Any, sandbox: Sandbox) -> Any:
    """Where the Sandbox is, said as the value says where its database is.

    Raises:
        TypeError: the Sandbox cannot be said so.
    """
    if isinstance(value, Mapping):
        dsn = sandbox.dsn()
        if not isinstance(dsn, Mapping):
            raise TypeError(f"a mapping leads to no database of {sandbox.engine_name}")
        return dict(dsn)
    if isinstance(value, URL):
        return make_url(_url_like(value, sandbox))
    if isinstance(value, Path):
        return Path(_text(sandbox))
    text = "" if value is None else str(value)
    if text and "://" not in text:
        path = _text(sandbox)
        return f"file:{path}" if text.startswith("file:") else path
    try:
        return _url_like(make_url(text), sandbox) if text else sandbox.url()
    except ArgumentError:
        return sandbox.url()


def _url_like(old: URL, sandbox: Sandbox) -> str:
    """A URL of the Sandbox with the driver that the old one names, where that is one for its kind of database."""
    backend = old.get_backend_name()
    serves = sandbox.serves(backend) or sandbox.engine_name.startswith(backend)
    try:
        asynchronous = bool(old.get_dialect().is_async)
    except ArgumentError:  # a scheme of another library's, such as postgres://
        asynchronous = False
    made = make_url(sandbox.url(asynchronous=asynchronous))
    if serves:
        made = made.set(drivername=old.drivername)
    return made.render_as_string(hide_password=False)


def _text(sandbox: Sandbox) -> str:
    dsn = sandbox.dsn()
    if not isinstance(dsn, str):
        raise TypeError(f"no text without :// leads to a database of {sandbox.engine_name}")
    return dsn

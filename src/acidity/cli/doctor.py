"""``acidity doctor``: which database engines can be used here, and how they are set."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from acidity.cli.delivery import check_writable, say, wants_color, width_of, write_file
from acidity.cli.options import OUTPUT, Output, Request, with_options
from acidity.core.report import EngineInfo
from acidity.errors import EngineUnavailable
from acidity.report.page import Page
from acidity.report.secret import masked
from acidity.report.values import json_ready

PACKAGES = {
    "acidity": "",
    "SQLAlchemy": "",
    "sqlglot": "",
    "click": "",
    "rich": "",
    "greenlet": "async code; pip install 'acidity[async]'",
    "aiosqlite": "async code on SQLite; pip install 'acidity[async]'",
    "alembic": "schemas kept as Alembic migrations; pip install 'acidity[alembic]'",
    "sqlmodel": "SQLModel code, if you have any",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One engine: what it is, or why it cannot be used."""

    name: str
    info: EngineInfo | None
    trouble: str = ""


@click.command(short_help="Which database engines can be used here.")
@with_options(*OUTPUT)
@click.pass_context
def doctor(ctx: click.Context, /, **options: Any) -> None:
    """Say which database engines can be used here, their versions, and the defaults that decide what is safe.

    The exit code is 0 when at least one engine works, else 3.
    """
    output = Request.of(options).output
    check_writable(output)
    engines = diagnoses()
    text = _as_json(engines) if output.format == "json" else _as_text(engines, output)
    if output.file:
        write_file(output.file, text)
    else:
        say(text)
    ctx.exit(0 if any(engine.info for engine in engines) else 3)


def diagnoses() -> list[Diagnosis]:
    """Ask every engine that is registered."""
    from acidity.engines import ENGINES

    found = []
    for name in ENGINES:
        try:
            found.append(Diagnosis(name, ENGINES[name].doctor()))
        except EngineUnavailable as error:
            found.append(Diagnosis(name, None, str(error)))
        except ImportError as error:
            found.append(Diagnosis(name, None, f"cannot be imported: {error}"))
    return found


def versions() -> dict[str, str | None]:
    """Python and the packages that matter; None for one that is not installed."""
    found: dict[str, str | None] = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _as_text(engines: list[Diagnosis], output: Output) -> str:
    to_terminal = output.file is None
    page = Page(width_of(sys.stdout) if to_terminal else 120)
    page.say(("Database engines", "bold"))
    for engine in engines:
        page.blank()
        if engine.info is None:
            page.say(engine.trouble, label=f" {engine.name}  not available: ", label_style="bold yellow")
            continue
        driver = f", through {engine.info.driver}" if engine.info.driver else ""
        page.say(f"{engine.info.version}{driver}", label=f" {engine.name}  works: ", label_style="bold green")
        width = max(map(len, engine.info.settings), default=0)
        for name, value in engine.info.settings.items():
            page.say(value, label=f"{name:<{width}}  ", label_style="cyan", indent=4)
    page.blank()
    page.say(("Versions", "bold"))
    page.blank()
    found = versions()
    width = max(map(len, found))
    for name, number in found.items():
        needed_for = PACKAGES.get(name) or ""
        missing = f"not installed{' (needed for ' if needed_for else ''}{needed_for}{')' if needed_for else ''}"
        page.say(number or missing, label=f"{name:<{width}}  ", label_style="cyan", indent=4)
    return page.render(color=to_terminal and wants_color(sys.stdout))


def _as_json(engines: list[Diagnosis]) -> str:
    items = [
        {
            "name": engine.name,
            "available": engine.info is not None,
            "version": engine.info.version if engine.info else None,
            "driver": engine.info.driver if engine.info else None,
            "settings": dict(sorted(engine.info.settings.items())) if engine.info else {},
            "remedy": masked(engine.trouble),
        }
        for engine in engines
    ]
    return json.dumps(json_ready({"schema": "acidity.doctor/1", "engines": items, "versions": versions()}), indent=2)

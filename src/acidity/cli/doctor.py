"""``acidity doctor``: which database engines can be used here, and how they are set."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from acidity.cli.delivery import check_writable, say, wants_color, width_of, write_file
from acidity.cli.options import OUTPUT, Output, Request, duration, with_options
from acidity.core.packages import PACKAGES, Package
from acidity.core.report import EngineInfo
from acidity.errors import EngineUnavailable
from acidity.report.page import Page
from acidity.report.secret import masked
from acidity.report.values import json_ready


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One engine: what it is, or why it cannot be used."""

    name: str
    info: EngineInfo | None
    trouble: str = ""


@click.command(short_help="Which database engines can be used here.")
@with_options(
    click.option("--durability", is_flag=True, help="Say what settings promise about an acknowledged commit."),
    click.option("--settings-from", metavar="URL", help="With --durability: of this database, which is only read."),
    click.option("--words-only", is_flag=True, help="With --durability: say what settings promise, and try none."),
    click.option(
        "--budget",
        envvar="ACIDITY_BUDGET",
        callback=duration,
        metavar="TIME",
        help="With --durability: try no further setting after this time (default 2m).",
    ),
    *OUTPUT,
)
@click.pass_context
def doctor(
    ctx: click.Context,
    /,
    *,
    durability: bool,
    settings_from: str | None,
    words_only: bool,
    budget: float | None,
    **options: Any,
) -> None:
    """Say which database engines and drivers can be used here, their versions, and the defaults that decide.

    With --durability: what settings promise about an acknowledged COMMIT, the weakest of them that lost none when they
    were tried (power cuts on SQLite, killed servers elsewhere), and what a COMMIT costs with each.

    The exit code is 0 when at least one engine works, else 3.
    """
    output = Request.of(options).output
    check_writable(output)
    if durability or settings_from:
        from acidity.cli.durability import say_durability

        ctx.exit(say_durability(output, settings_from, tries=not words_only and not settings_from, budget=budget))
    engines = diagnoses()
    text = _as_json(engines) if output.format == "json" else _as_text(engines, output)
    if output.file:
        write_file(output, text)
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
    """Python, acidity and the packages that it can use; None for one that is not installed."""
    names = ("acidity", *(package.distribution for package in PACKAGES.values()))
    return {"Python": platform.python_version()} | {name: installed(name) for name in names}


def installed(distribution: str) -> str | None:
    """The version of what is installed under this name; psycopg2 is there under two."""
    for name in (distribution, distribution.removesuffix("-binary")):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _as_text(engines: list[Diagnosis], output: Output) -> str:
    to_terminal = output.file is None
    page = Page(width_of(sys.stdout) if to_terminal else 120)
    page.say(("Database engines, with the settings of the private servers that acidity starts", "bold"))
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
    drivers = [package for package in PACKAGES.values() if package.db]
    _say_packages(page, "Drivers", drivers, lambda package: package.module)
    others = [package for package in PACKAGES.values() if not package.db]
    _say_packages(page, "Versions", others, lambda package: package.distribution)
    return page.render(color=to_terminal and wants_color(sys.stdout))


def _say_packages(page: Page, title: str, packages: Sequence[Package], named: Callable[[Package], str]) -> None:
    """What is installed, and of what is not: what it is needed for, and what brings it."""
    page.blank()
    page.say((title, "bold"))
    page.blank()
    lines = [] if packages[0].db else [("Python", platform.python_version()), ("acidity", installed("acidity") or "?")]
    for package in packages:
        number = installed(package.distribution)
        there = f"{number}   {package.purpose} (--db {package.db})" if number and package.db else number
        lines.append((named(package), there or f"not installed; needed for {package.purpose}: {package.advice}"))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        page.say(text, label=f"{name:<{width}}  ", label_style="cyan", indent=4)


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
    drivers = [
        {
            "module": package.module,
            "package": package.distribution,
            "version": installed(package.distribution),
            "db": package.db,
            "purpose": package.purpose,
            "remedy": package.advice,
        }
        for package in PACKAGES.values()
        if package.db
    ]
    whole = {"schema": "acidity.doctor/1", "engines": items, "drivers": drivers, "versions": versions()}
    return json.dumps(json_ready(whole), indent=2)

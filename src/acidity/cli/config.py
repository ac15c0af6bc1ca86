"""Settings from ``[tool.acidity]`` in the pyproject.toml of the current directory or one above it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from acidity.errors import UsageError

SECTION = "[tool.acidity]"


def defaults(start: Path | None = None) -> dict[str, object]:
    """What the nearest pyproject.toml with a ``[tool.acidity]`` says, by the names of the options.

    Raises:
        UsageError: the file cannot be read, a key is unknown, or a value has the wrong type.
    """
    here = start or Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            section = _section(path)
            if section is not None:
                return dict(_setting(path, key, value) for key, value in section.items())
    return {}


def _section(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            tool = tomllib.load(file).get("tool", {})
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    section = tool.get("acidity") if isinstance(tool, dict) else None
    if section is not None and not isinstance(section, dict):
        raise UsageError(f"{path}: tool.acidity is not a table; write {SECTION}")
    return section


def _setting(path: Path, key: str, value: Any) -> tuple[str, object]:
    """One key as (name of the option, value as the option takes it)."""
    name = key.replace("-", "_")
    if name not in _KEYS:
        close = get_close_matches(name, _KEYS, n=1)
        hint = f"did you mean {close[0].replace('_', '-')!r}?" if close else f"the keys are: {_known()}"
        raise UsageError(f"{path}: {SECTION} has no key {key!r}; {hint}")
    check, wanted = _KEYS[name]
    if not check(value):
        raise UsageError(f"{path}: {SECTION} {key} takes {wanted}, not {value!r}")
    if name == "settings":
        return name, [f"{setting}={_spelled(chosen)}" for setting, chosen in value.items()]
    return name, [value] if name == "db" and isinstance(value, str) else value


def _known() -> str:
    return ", ".join(name.replace("_", "-") for name in _KEYS)


def _spelled(value: object) -> str:
    """A TOML value as a database spells it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_text_or_texts(value: object) -> bool:
    return _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))


def _is_table_of_scalars(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values())


_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "db": (_is_text_or_texts, 'an engine or a list of engines, such as ["sqlite"]'),
    "letters": (_is_text, 'letters, such as "AC"'),
    "seed": (_is_number, "a whole number"),
    "budget": (_is_duration, 'a duration, such as "30s"'),
    "run_timeout": (_is_duration, 'a duration, such as "30s"'),
    "runs_max": (_is_number, "a whole number"),
    "jobs": (_is_number, "a whole number"),
    "actors": (_is_text, 'where callers at once are, such as "processes"'),
    "isolation_level": (_is_text, 'a level, such as "READ COMMITTED"'),
    "settings": (_is_table_of_scalars, 'a table, such as {journal_mode = "wal"}'),
    "output_format": (_is_text, 'the name of a format, such as "json"'),
}

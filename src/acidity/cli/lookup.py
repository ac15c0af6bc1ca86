"""Find ``package.module:name`` from the current directory, and say in one line why it cannot be found."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
import traceback
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from acidity.cli.leaving import leave_if_told
from acidity.core.exits import ExitedAtOnce
from acidity.errors import UsageError


def look_up(name: str, *, asked_by: str) -> Any:
    """The object that ``package.module:name`` (or a module alone) stands for.

    Args:
        name: as typed; ``path/to/file.py:name`` is understood too.
        asked_by: what asks, for the message: ``target`` or the name of an option.

    Raises:
        UsageError: there is no such thing, or importing it failed.
    """
    module_name, _, path = dotted(name).partition(":")
    found: Any = import_user_module(module_name, asked_by=asked_by)
    walked = module_name
    for part in path.split(".") if path else ():
        found = _attribute(found, part, walked, asked_by=asked_by)
        walked = f"{walked}{':' if walked == module_name else '.'}{part}"
    return found


def dotted(name: str) -> str:
    """The name with a file path turned into a module's name.

    >>> dotted("examples/bank.py:transfer")
    'examples.bank:transfer'
    """
    path, _, attribute = name.partition(":")
    if not path.endswith(".py") and "/" not in path and "\\" not in path:
        return name if attribute else path  # with nothing behind the colon, the module is meant
    file = Path(path.replace("\\", "/"))
    with contextlib.suppress(ValueError):
        file = file.relative_to(Path.cwd()) if file.is_absolute() else file
    parts = [part for part in (file.with_suffix("") if file.name else file).parts if part != "."]
    if parts and parts[-1] == "__init__":
        parts.pop()
    if not parts or not all(part.isidentifier() for part in parts):
        raise UsageError(f"{path!r} cannot be imported from the current directory; write it as package.module:name")
    return ".".join(parts) + (f":{attribute}" if attribute else "")


def import_user_module(name: str, *, asked_by: str) -> ModuleType:
    """Import a module of the user, the current directory first on the path.

    Raises:
        UsageError: there is no such module, or it raised while it was imported.
    """
    here = str(Path.cwd())
    if here not in sys.path[:1]:
        sys.path.insert(0, here)
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{asked_by} {name!r} is not the name of a module; write package.module:name")
    try:
        # What the module prints must not end up in the middle of a report.
        with contextlib.redirect_stdout(sys.stderr):
            return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(_no_module(name, error.name, asked_by)) from None
        missing = f"the module {error.name!r}, which is not installed" if error.name else str(error)
        raise UsageError(f"{asked_by} {name!r} needs {missing} ({_place(error)})") from None
    except SyntaxError as error:
        raise UsageError(
            f"{asked_by} {name!r} is not valid Python: {error.msg} ({_shown(error.filename)}:{error.lineno})"
        ) from None
    except (Exception, SystemExit) as error:
        leave_if_told()  # a signal that came while it was imported, whatever the module made of it
        if isinstance(error, ExitedAtOnce):
            raise UsageError(f"importing {name!r} calls {error} ({_place(error)}), which ends the process") from None
        raise UsageError(
            f"importing {name!r} raised {type(error).__name__}: {first_line(error)} ({_place(error)})"
        ) from None


def first_line(error: BaseException) -> str:
    """The first line of an exception's text.

    >>> first_line(ValueError())
    'without a message'
    """
    text = str(error).strip()
    return text.splitlines()[0] if text else "without a message"


def _no_module(name: str, missing: str, asked_by: str) -> str:
    whole = "" if missing == name else f" (looking for {name!r})"
    return f"{asked_by}: there is no module {missing!r}{whole}; targets are looked up from the current directory"


def _attribute(parent: Any, part: str, walked: str, *, asked_by: str) -> Any:
    try:
        return getattr(parent, part)
    except AttributeError:
        pass
    if isinstance(parent, ModuleType) and hasattr(parent, "__path__") and find_spec(f"{parent.__name__}.{part}"):
        # A submodule is an attribute of its package only after somebody has imported it.
        return import_user_module(f"{parent.__name__}.{part}", asked_by=asked_by)
    public = [other for other in dir(parent) if not other.startswith("_")]
    close = get_close_matches(part, public, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise UsageError(f"{asked_by}: {walked!r} has no attribute {part!r}{hint}")


def _place(error: BaseException) -> str:
    """The last line of the user's code that an exception passed, as ``file.py:41``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).parents[1])
    not_theirs = {ours, *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))}
    theirs = [
        frame
        for frame in frames
        if not frame.filename.startswith("<") and not any(frame.filename.startswith(path) for path in not_theirs)
    ]
    frame = (theirs or frames)[-1]
    return f"{_shown(frame.filename)}:{frame.lineno}"


def _shown(file: str | None) -> str:
    path = Path(file or "?")
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

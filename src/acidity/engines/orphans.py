"""Names of throw-away databases that tell which process made them, so that orphans can be told and dropped."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from acidity.engines.process import identity

PREFIX = "acidity_"
_NAME = re.compile(PREFIX + r"(?P<pid>[0-9]+)_(?P<started>[0-9]+)_[0-9a-f]{8}(_own|_before(_[0-9]+)?)?")


def fresh_name() -> tuple[str, str]:
    """A name for a database of this process, and the token at its end."""
    token = secrets.token_hex(4)
    started = _started(os.getpid())
    return f"{PREFIX}{os.getpid()}_{started}_{token}", token


def owner_is_gone(name: str) -> bool:
    """Whether the database is named as acidity names them, and the process that did so has ended."""
    match = _NAME.fullmatch(name)
    return match is not None and _started(int(match["pid"])) != int(match["started"])


def _started(pid: int) -> int:
    """When the kernel started that process, in clock ticks since boot; 0 when there is none."""
    try:
        found = identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return 0
    return found[1] if found is not None else 0

"""Where a command or a script of a system can be tried: an empty database of its own on each engine."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acidity.engines import new_sandbox

ROOT = Path(__file__).parents[2]


@contextmanager
def empty_database(db: str) -> Iterator[str]:
    """The URL of one."""
    sandbox = new_sandbox(db, {})
    try:
        sandbox.create(lambda _: None, None)
        yield sandbox.url()
    finally:
        sandbox.close()


def script(name: str) -> Callable[[str], Any]:
    """``main`` of a script that stands beside a twin, as ``booking/shown/looked_first``."""
    path = ROOT / "examples" / f"{name}.py"
    assert "acidity" not in {word.partition(".")[0] for word in imports(path)}, path
    main: Callable[[str], Any] = runpy.run_path(str(path))["main"]
    return main


def imports(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.startswith(("import ", "from "))]

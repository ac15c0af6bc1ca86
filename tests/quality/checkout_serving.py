"""`examples.checkout_api serve` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systems.places import ROOT


@contextmanager
def serving(arguments: list[str], log: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process of the shop, and its port."""
    command = [
        sys.executable,
        "-m",
        "examples.checkout_api",
        "serve",
        "--port",
        "0",
        "--recover-every",
        "1",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with log.open("a") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        assert "listens at" in said[1], (said, log.read_text())
        yield process, int(said[1].rstrip().rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()

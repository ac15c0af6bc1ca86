"""The same in another process, in which sets have another order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(program: str, *arguments: str, hash_seed: str) -> str:
    """What a program prints there.

    Args:
        program: its text.
        arguments: what it is given.
        hash_seed: its ``PYTHONHASHSEED``.
    """
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout

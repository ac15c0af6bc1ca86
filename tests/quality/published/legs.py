"""Where published packages run: in this interpreter, or in an environment of its own that is made when it is needed.

A package may need a newer Python than this one, or an older SQLAlchemy than the others. What each needs is an extra of
``pyproject.toml``. Every use is drilled in a process of its own, by `drill`, so that no package sees another.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PLACE = ROOT / ".venv-published"


class NotRun(Exception):
    """This machine cannot run it; the text says why."""


@dataclass(frozen=True)
class Leg:
    """What packages need.

    Attributes:
        extra: of ``pyproject.toml``, where they stand as ``name==version``.
        python: the oldest Python they run on.
    """

    extra: str
    python: tuple[int, int] = (3, 11)

    @property
    def requirements(self) -> dict[str, str]:
        """Package → version."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return dict(line.split("==") for line in project["optional-dependencies"][self.extra])

    def fits_here(self) -> bool:
        """Whether this interpreter has what they need."""
        try:
            return all(metadata.version(name) == version for name, version in self.requirements.items())
        except metadata.PackageNotFoundError:
            return False

    def drill(self, target: str, db: str) -> dict[str, Any]:
        """The report of one call of `prove.drill`, as JSON has it.

        Raises:
            NotRun: there is no Python that is new enough, or a package cannot be installed.
        """
        return self._answer("drill", target, db)

    def struck(self, target: str, db: str, at: str) -> dict[str, Any]:
        """How one run ended; see `struck.struck`.

        Raises:
            NotRun: as above.
        """
        return self._answer("struck", target, db, at)

    def _answer(self, module: str, *arguments: str) -> dict[str, Any]:
        python = sys.executable if self.fits_here() else environment(self)
        ended = run([python, "-m", f"tests.quality.published.{module}", *arguments])
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer


@cache
def environment(leg: Leg) -> str:
    """The interpreter of an environment with these packages, made where there is none and kept for the next time."""
    base = interpreter(leg.python)
    digest = sha256(repr((base, leg.extra, leg.requirements)).encode()).hexdigest()[:8]
    place = PLACE / f"{leg.extra}-{digest}"
    python = str(place / "bin" / "python")
    with locked(place):
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            install(base, python, place, leg.extra)
            (place / "complete").touch()
    return python


def install(base: str, python: str, place: Path, extra: str) -> None:
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    for command in ([base, "-m", "venv", str(place)], [*pip, "-e", f"{ROOT}[async,postgresql,{extra}]", "asyncpg"]):
        ended = run(command)
        if ended.returncode:
            said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
            assert not os.environ.get("CI"), ended.stderr
            raise NotRun(said[-1] if said else ended.stderr.strip()[-200:])


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """One process at a time."""
    place.parent.mkdir(exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    return subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False)


def interpreter(wanted: tuple[int, int]) -> str:
    """This interpreter where it is new enough, else the oldest on the machine that is.

    Raises:
        NotRun: there is none.
    """
    if sys.version_info[:2] >= wanted:
        return sys.executable
    for minor in range(wanted[1], 20):
        for candidate in installed(f"python{wanted[0]}.{minor}"):
            if run([candidate, "-c", "import venv"]).returncode == 0:
                return candidate
    raise NotRun(f"Python {wanted[0]}.{wanted[1]}")


def installed(name: str) -> Iterator[str]:
    """Where a program may be: on the path, or among the versions that pyenv keeps."""
    if found := shutil.which(name):
        yield found
    if pyenv := shutil.which("pyenv"):
        yield from map(str, sorted(Path(run([pyenv, "root"]).stdout.strip()).glob(f"versions/*/bin/{name}")))

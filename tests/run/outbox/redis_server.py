"""A private Redis: the program of the machine, or that of the distribution's package unpacked into the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from acidity.engines.packages import libraries, unpacked

# Debian's redis-server is a service of the system and a link to this program, which goes by the name it is called with.
PROGRAM, PACKAGE = "redis-check-rdb", "redis-tools"


class Found(NamedTuple):
    """The program, and the environment in which it finds its libraries."""

    program: str
    environment: dict[str, str]


def find() -> Found:
    """The machine's, else the one of the package, which the first call downloads.

    Raises:
        EngineUnavailable: this machine has none and is no Debian, or the package cannot be had.
    """
    found = shutil.which("redis-server") or shutil.which(PROGRAM)
    if found:
        return Found(found, dict(os.environ))
    tree = unpacked("redis", [PACKAGE], os.environ.get("PATH", os.defpath))
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, libraries(tree)))}
    return Found(str(tree / "usr" / "bin" / PROGRAM), environment)


class Server:
    """A Redis that writes each entry to disk before it answers."""

    def __init__(self, directory: Path, found: Found) -> None:
        self.found = found
        self.directory, self.socket = directory, str(directory / "socket")
        self.process: Any = None

    def start(self) -> None:
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        where = ["--port", "0", "--unixsocket", self.socket, "--dir", str(self.directory)]
        self.process = subprocess.Popen(
            ["redis-server", *where, *durable],
            executable=self.found.program,
            env=self.found.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "ready to accept connections" in line.lower():
                return
        raise AssertionError("".join(said))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

"""Names of throw-away databases and of their roles that tell whose they are, and the proof that an owner is gone.

Several machines may share one server, so a name carries the identity of the host (this boot of it, and the namespace
in which process numbers count) beside the process. An owner of this host is looked up here; of any other, only the
server can tell, which sees the owner's session. Both have to agree that it is gone, or the database stays.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

from acidity.engines.process import identity

PREFIX = "acidity_"
NAME = re.compile(
    rf"(?P<base>{PREFIX}(?P<host>[0-9a-f]{{8}})_(?P<pid>[0-9]+)_(?P<started>[0-9]+)_(?P<token>[0-9a-f]{{8}}))"
    r"(_own|_b|_before(_[0-9]+)?)?"
)
Serves = Callable[[str], bool]
"""Whether the server sees a session of the owner of that name, or any session in one of its databases."""


def fresh_name() -> tuple[str, str]:
    """A name for a database of this process, and the token at its end; at most 63 characters with what is added."""
    token = secrets.token_hex(4)
    return f"{PREFIX}{host_identity()}_{os.getpid()}_{_started(os.getpid())}_{token}", token


def owner_of(name: str) -> str | None:
    """The name that `fresh_name` gave to the owner of a database; None for one that acidity did not name."""
    match = NAME.fullmatch(name)
    return None if match is None else match["base"]


def owner_is_gone(name: str, serves: Serves) -> bool:
    """Whether the database is named as acidity names them, and whoever did so has provably ended.

    Args:
        name: of the database.
        serves: asks the server.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return False
    if match["host"] == host_identity() and _started(int(match["pid"])) == int(match["started"]):
        return False
    return not serves(match["base"])


@cache
def host_identity() -> str:
    """What differs between two machines, two boots of one, and two containers on it."""
    parts = [socket.gethostname()]
    for file in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        try:
            parts.append(Path(file).read_text(encoding="ascii", errors="replace").strip())
        except OSError:
            parts.append("")
    try:
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - it leads nowhere
    except OSError:
        parts.append("")
    return sha256("\n".join(parts).encode()).hexdigest()[:8]


def _started(pid: int) -> int:
    """When the kernel started that process, in clock ticks since boot; 0 when there is none."""
    try:
        found = identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return 0
    return found[1] if found is not None else 0

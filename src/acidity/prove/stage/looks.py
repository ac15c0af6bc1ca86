"""A look at the rows when a run has ended, whoever still keeps readers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from acidity.engines.base import Ground, Sandbox
from acidity.engines.codes import WAITED_IN_VAIN, codes_of
from acidity.engines.sandbox import Look

LOCKED_OUT = "a lock that was left keeps everybody out, readers too"


def look_past(sandbox: Ground, parts: Mapping[str, Sandbox]) -> Look:
    """Look; where a session that the run has left holds whole tables (LOCK TABLES), its sessions are ended for that.

    Args:
        sandbox: all databases as one.
        parts: each of them by name.
    """
    try:
        return sandbox.look()
    except Exception as error:
        if not WAITED_IN_VAIN.intersection(codes_of(error)):
            raise
    for part in parts.values():
        part.interrupt((), everything=False)
    return replace(sandbox.look(), locked_out=True)

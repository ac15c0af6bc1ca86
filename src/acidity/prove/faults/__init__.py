"""The ways to break: one file each, tried in this order at every Call that they fit."""

from __future__ import annotations

from collections.abc import Collection

from acidity.core.registry import Registry
from acidity.errors import UsageError
from acidity.prove.faults.base import Fault

_HERE = "acidity.prove.faults"

FAULTS: Registry[Fault] = Registry(
    "faults",
    {
        "error-before": f"{_HERE}.error_before:FAULT",
        "error-after": f"{_HERE}.error_after:FAULT",
        "connection-lost": f"{_HERE}.connection_lost:FAULT",
        "too-many-connections": f"{_HERE}.too_many_connections:FAULT",
        "commit-refused": f"{_HERE}.commit_refused:FAULT",
        "commit-left-open": f"{_HERE}.commit_left_open:FAULT",
        "answer-lost": f"{_HERE}.answer_lost:FAULT",
        "request-lost": f"{_HERE}.request_lost:FAULT",
        "disk-full": f"{_HERE}.disk_full:FAULT",
        "disk-full-at-commit": f"{_HERE}.disk_full_at_commit:FAULT",
        "constraint": f"{_HERE}.constraint:FAULT",
        "busy": f"{_HERE}.busy:FAULT",
        "busy-snapshot": f"{_HERE}.busy_snapshot:FAULT",
        "serialization": f"{_HERE}.serialization:FAULT",
        "serialization-at-commit": f"{_HERE}.serialization_at_commit:FAULT",
        "deadlock": f"{_HERE}.deadlock:FAULT",
        "statement-timeout": f"{_HERE}.statement_timeout:FAULT",
        "idle-timeout": f"{_HERE}.idle_timeout:FAULT",
        "server-restarted": f"{_HERE}.server_restarted:FAULT",
        "read-only": f"{_HERE}.read_only:FAULT",
        "interrupt": f"{_HERE}.interrupt:FAULT",
        "keyboard-interrupt": f"{_HERE}.keyboard_interrupt:FAULT",
        "cancelled": f"{_HERE}.cancelled:FAULT",
        "client-timeout": f"{_HERE}.client_timeout:FAULT",
        "memory-error": f"{_HERE}.memory_error:FAULT",
        "effect-before": f"{_HERE}.effect_before:FAULT",
        "effect-after": f"{_HERE}.effect_after:FAULT",
        "kill-before": f"{_HERE}.kill_before:FAULT",
        "kill-after": f"{_HERE}.kill_after:FAULT",
    },
)


def require_known(names: Collection[str] | None) -> None:
    """Refuse a list of faults that names one that does not exist, or none at all: nothing would be drilled.

    Args:
        names: of them; None is every fault.

    Raises:
        UsageError: it does; the message names the faults that there are.
    """
    if names is None:
        return
    if not names:
        raise UsageError(f"faults= names no fault; there are: {', '.join(FAULTS)}")
    for name in names:
        FAULTS[name]

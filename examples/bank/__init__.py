"""A bank. As a target, ``examples.bank`` is what its transfers must pass; ``examples.bank.broken`` is its twins."""

from __future__ import annotations

from examples.bank.scenarios import (
    contended,
    contended_locked,
    crossed,
    crossed_locked,
    moved,
    moved_locked,
    nothing_moved,
    reversed_,
    to_nobody,
    to_nobody_locked,
    too_much,
)

__all__ = [
    "contended",
    "contended_locked",
    "crossed",
    "crossed_locked",
    "moved",
    "moved_locked",
    "nothing_moved",
    "reversed_",
    "to_nobody",
    "to_nobody_locked",
    "too_much",
]

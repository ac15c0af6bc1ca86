"""A flash sale. As a target, ``examples.flash_sale`` is what it must pass; ``examples.flash_sale.broken`` its twins."""

from __future__ import annotations

from examples.flash_sale.scenarios import (
    conditional,
    conditional_last,
    conditional_late,
    crossed,
    for_update,
    for_update_last,
    for_update_late,
    nothing_shifted,
    offered,
    serializable,
    serializable_last,
    serializable_late,
    shifted,
    skip_locked,
    skip_locked_last,
    skip_locked_late,
    skip_locked_twice,
    too_many,
)

__all__ = [
    "conditional",
    "conditional_last",
    "conditional_late",
    "crossed",
    "for_update",
    "for_update_last",
    "for_update_late",
    "nothing_shifted",
    "offered",
    "serializable",
    "serializable_last",
    "serializable_late",
    "shifted",
    "skip_locked",
    "skip_locked_last",
    "skip_locked_late",
    "skip_locked_twice",
    "too_many",
]

"""A site with accounts and files. As a target, ``examples.signup`` is what it must pass."""

from __future__ import annotations

from examples.signup.scenarios import (
    removed,
    removed_nothing,
    signed_up,
    signed_up_already,
    stored,
    stored_for_nobody,
)

__all__ = ["removed", "removed_nothing", "signed_up", "signed_up_already", "stored", "stored_for_nobody"]

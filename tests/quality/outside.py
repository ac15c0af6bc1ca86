"""Somebody outside the database, who remembers how often he was told something."""

from __future__ import annotations

TOLD: list[int] = []


def tell() -> int:
    """Tell him; he says how often he had been told before."""
    TOLD.append(1)
    return len(TOLD) - 1


def ask() -> int:
    """How often he was told."""
    return len(TOLD)

"""A web application. As a target, ``examples.web`` is the scenarios below; it needs FastAPI."""

from __future__ import annotations

from examples.web.scenarios import transfer, transfer_nothing, transfer_to_nobody, transfer_too_much

__all__ = ["transfer", "transfer_nothing", "transfer_to_nobody", "transfer_too_much"]

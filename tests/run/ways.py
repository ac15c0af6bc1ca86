"""The ways in which the tests ask for a unit of work."""

from __future__ import annotations

from typing import Any

from tests.run import bank

RECOGNISED = [{"resolve_commit": True, "max_attempts": 3}, {"idempotency_key": "request", "max_attempts": 3}]
STRICT = {"isolation_level": "SERIALIZABLE", "max_attempts": 3, "resolve_commit": True}
WAYS = [{}, *RECOGNISED, STRICT]
FORMS = [bank.transferring, bank.transferring_async]


def ids(value: Any) -> str:
    return "+".join(value) or "plain" if isinstance(value, dict) else getattr(value, "__name__", str(value))

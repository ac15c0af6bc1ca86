"""credit-ledger: credits that are spent under a guard, and a charge that is made once under its key."""

from __future__ import annotations

from typing import Any

import credit_ledger
from sqlalchemy import Engine

# As its README gives them.
TABLES = """
CREATE TABLE credit_balance (
    tenant_id VARCHAR(20) PRIMARY KEY, credits NUMERIC(18, 4) NOT NULL DEFAULT 0,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE credit_ledger (
    id UUID PRIMARY KEY, tenant_id VARCHAR(20) NOT NULL, delta NUMERIC(18, 4) NOT NULL, reason TEXT NOT NULL,
    idempotency_key TEXT, balance_after NUMERIC(18, 4) NOT NULL, UNIQUE (tenant_id, idempotency_key)
)
"""


def create(connection: Any) -> None:
    for table in TABLES.split(";"):
        connection.exec_driver_sql(table)


def ten_credits(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO credit_balance (tenant_id, credits) VALUES ('acme', 10)")


def spend(engine: Engine, key: str | None = None) -> tuple[bool, str]:
    """Seven of ten credits."""
    charge = credit_ledger.decrement("acme", 7, idempotency_key=key, engine=engine)
    return charge.ok, str(charge.balance)


def either(answer: tuple[bool, str]) -> bool:
    return isinstance(answer[0], bool)

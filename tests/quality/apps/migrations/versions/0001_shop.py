"""The tables of the shop."""

from __future__ import annotations

from alembic import op

from tests.quality.apps.shop import Base

revision = "0001"
down_revision = None


def upgrade() -> None:
    Base.metadata.create_all(op.get_bind())

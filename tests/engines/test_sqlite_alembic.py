"""A schema that Alembic's migrations make: the Sandbox is upgraded to head, the user's configuration stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

pytest.importorskip("alembic")

from alembic.config import Config

from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import run_once
from tests.quality.drilled import drill

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

def upgrade():
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner", sa.String(20), nullable=False),
        sa.Column("balance", sa.Integer, nullable=False),
    )
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    with op.batch_alter_table("accounts") as batch:
        batch.add_column(sa.Column("currency", sa.String(3), server_default="EUR", nullable=False))
    op.execute("CREATE VIEW rich AS SELECT owner FROM accounts WHERE balance > 50")
"""
BROKEN = """
from alembic import op

revision = "0003"
down_revision = "0002"

def upgrade():
    op.execute("CREATE TABEL t")
"""
ENV_WITH_URL = """
from alembic import context
from sqlalchemy import engine_from_config, pool
from tests.quality.drilled import drill

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
ENV_WITH_CONNECTION = """
from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
"""
INI = "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = postgresql://user:secret@production/app\n"


@pytest.fixture(params=[ENV_WITH_URL, ENV_WITH_CONNECTION], ids=["env.py with the url", "env.py with the connection"])
def ini(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(request.param)
    (versions / "0001_first.py").write_text(FIRST)
    (versions / "0002_second.py").write_text(SECOND)
    path = tmp_path / "alembic.ini"
    path.write_text(INI)
    return path


def seed(session: Session) -> None:
    session.execute(text("INSERT INTO accounts (owner, balance) VALUES ('Alice', 100), ('Bob', 0)"))


def transfer(session: Session) -> list[Any]:
    with session.begin():
        session.execute(text("UPDATE accounts SET balance = balance - 60 WHERE owner = 'Alice'"))
        session.execute(text("UPDATE accounts SET balance = balance + 60 WHERE owner = 'Bob'"))
        return list(session.scalars(text("SELECT owner FROM rich")))


@pytest.mark.parametrize("given", ["text", "path", "config"])
def test_the_schema_is_at_head(ini: Path, given: str) -> None:
    schema: Any = {"text": str(ini), "path": ini, "config": Config(str(ini))}[given]
    run = run_once(transfer, schema=schema, setup=seed)
    assert run.ending.answer == ["Bob"]
    assert run.second.tables["accounts"].rows == ((1, "Alice", 40, "EUR"), (2, "Bob", 60, "EUR"))
    assert run.second.tables["alembic_version"].rows == (("0002",),)


def test_the_configuration_is_as_before(ini: Path) -> None:
    config = Config(str(ini))
    config.attributes["mine"] = 1
    run_once(transfer, schema=config, setup=seed)
    assert config.get_main_option("sqlalchemy.url") == "postgresql://user:secret@production/app"
    assert config.attributes == {"mine": 1}


def test_a_whole_check(ini: Path) -> None:
    report = drill(Scenario(Operation(transfer), schema=ini, setup=seed))
    assert report.verdict == "pass", report
    assert report.classifier == "2 writes in 1 commit: protected"


def test_a_migration_that_fails_is_a_usage_error(ini: Path) -> None:
    (ini.parent / "migrations" / "versions" / "0003_third.py").write_text(BROKEN)
    with pytest.raises(UsageError, match=r"Alembic migrations of .* cannot be created: near"):
        run_once(transfer, schema=ini)


@pytest.mark.parametrize("content", ["[alembic]\n", "[alembic]\nscript_location = nowhere\n", "rubbish"])
def test_a_configuration_that_leads_nowhere_is_a_usage_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "alembic.ini"
    path.write_text(content)
    with pytest.raises(UsageError, match="cannot be created"):
        run_once(transfer, schema=path)

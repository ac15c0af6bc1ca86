"""The packages that acidity can use, and the extra that brings each: nothing else may be advised to be installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """Something that is installed with an extra of acidity.

    Attributes:
        module: what programs import.
        distribution: what is installed.
        extra: of acidity's that brings it; empty where acidity needs it itself.
        purpose: what it is needed for.
        db: what ``db=`` says for it; empty where it is no driver.
    """

    module: str
    distribution: str
    extra: str
    purpose: str
    db: str = ""

    @property
    def advice(self) -> str:
        """What to type where it is missing."""
        return f"pip install 'acidity[{self.extra}]'" if self.extra else "pip install acidity"


PACKAGES: Mapping[str, Package] = {
    package.module: package
    for package in (
        Package("sqlalchemy", "SQLAlchemy", "", "everything"),
        Package("sqlglot", "sqlglot", "", "everything"),
        Package("click", "click", "", "the command line"),
        Package("rich", "rich", "", "the command line"),
        Package("greenlet", "greenlet", "async", "async code"),
        Package("alembic", "alembic", "alembic", "schemas kept as Alembic migrations"),
        Package("opentelemetry", "opentelemetry-api", "otel", "traces of @atomic"),
        Package("redis", "redis", "outbox-redis", "the outbox on Redis streams"),
        Package("aiosqlite", "aiosqlite", "async", "async code on SQLite", "sqlite"),
        Package("psycopg", "psycopg", "postgresql", "PostgreSQL, plain and async", "postgresql"),
        Package("psycopg2", "psycopg2-binary", "psycopg2", "PostgreSQL with psycopg2", "postgresql+psycopg2"),
        Package("asyncpg", "asyncpg", "async", "async code on PostgreSQL with asyncpg", "postgresql+asyncpg"),
        Package("pymysql", "PyMySQL", "mariadb", "MariaDB", "mariadb"),
        Package("aiomysql", "aiomysql", "async", "async code on MariaDB", "mariadb"),
        Package("MySQLdb", "mysqlclient", "mysqlclient", "MariaDB with mysqlclient", "mariadb+mysqldb"),
    )
}


def missing(module: str) -> str:
    """The sentence for a package that is not there."""
    package = PACKAGES.get(module)
    if package is None:
        return f"the module {module} is not installed"
    what = "driver" if package.db else "package"
    return f"the {what} {module} is not installed; it is needed for {package.purpose}: {package.advice}"

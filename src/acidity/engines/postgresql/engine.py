"""The `Engine` of PostgreSQL: a private server, and what `acidity doctor` says of it."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.core.report import EngineInfo
from acidity.engines.hosted_access import LEVELS
from acidity.engines.hosting import drivers_of, hold, module_of, require_driver, split_settings
from acidity.engines.postgresql.sandbox import DRIVERS, PostgresqlSandbox
from acidity.engines.postgresql.server import start

_SHOWN = ("default_transaction_isolation", "synchronous_commit", "fsync", "deadlock_timeout", "lock_timeout")


class PostgresqlEngine:
    """PostgreSQL, on a server that acidity finds or starts."""

    name = "postgresql"
    levels = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")  # READ UNCOMMITTED is the first of them
    accepts = (*LEVELS, "AUTOCOMMIT")

    def sandbox(self, settings: Mapping[str, str], driver: str = "", url: str = "") -> PostgresqlSandbox:
        """A new, empty database on the private server."""
        drivers = drivers_of(self.name, driver, DRIVERS)
        require_driver("psycopg")
        require_driver(module_of(drivers[0]))  # the tables are made through it
        split = split_settings(settings)
        if split.dedicated:
            server = start(split.server, dedicated=True, on_disk=split.on_disk)
        else:
            server = hold(self.name, split.key(url), lambda: start(split.server, url=url))
        sandbox = PostgresqlSandbox(server, split.session, drivers)
        sandbox.asked_of_server = split.server
        return sandbox

    def doctor(self) -> EngineInfo:
        """Version and defaults of the server."""
        sandbox = self.sandbox({})
        try:
            asked = "SELECT name, reset_val FROM pg_settings WHERE name = ANY (%s)"
            facts = dict(sandbox.ask(asked, (list(_SHOWN),)))
            level = facts.pop("default_transaction_isolation").upper()
            return EngineInfo(self.name, sandbox.version(), "psycopg", {"isolation level": level} | facts)
        finally:
            sandbox.close()


ENGINE = PostgresqlEngine()

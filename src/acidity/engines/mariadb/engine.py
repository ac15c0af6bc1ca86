"""The `Engine` of MariaDB: a private server, and what `acidity doctor` says of it."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.core.report import EngineInfo
from acidity.engines.hosted_access import LEVELS
from acidity.engines.hosting import drivers_of, hold, module_of, require_driver, split_settings
from acidity.engines.mariadb.sandbox import DRIVERS, MariadbSandbox
from acidity.engines.mariadb.server import start

_SHOWN = ("tx_isolation", "innodb_flush_log_at_trx_commit", "innodb_snapshot_isolation", "innodb_lock_wait_timeout")


class MariadbEngine:
    """MariaDB, on a server that acidity finds or starts."""

    name = "mariadb"
    levels = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
    accepts = (*LEVELS, "AUTOCOMMIT")

    def sandbox(self, settings: Mapping[str, str], driver: str = "", url: str = "") -> MariadbSandbox:
        """A new, empty database on the private server."""
        drivers = drivers_of(self.name, driver, DRIVERS)
        require_driver("pymysql")
        require_driver(module_of(drivers[0]))  # the tables are made through it
        split = split_settings(settings)
        if split.dedicated:
            server = start(split.server, dedicated=True, on_disk=split.on_disk)
        else:
            server = hold(self.name, split.key(url), lambda: start(split.server, url=url))
        sandbox = MariadbSandbox(server, split.session, drivers)
        sandbox.asked_of_server = split.server
        return sandbox

    def doctor(self) -> EngineInfo:
        """Version and defaults of the server."""
        sandbox = self.sandbox({})
        try:
            rows = sandbox.ask("SHOW GLOBAL VARIABLES")
            facts = {name: str(value) for name, value in rows if name in _SHOWN}
            level = facts.pop("tx_isolation").replace("-", " ")
            return EngineInfo(self.name, sandbox.version(), "PyMySQL", {"isolation level": level} | facts)
        finally:
            sandbox.close()


ENGINE = MariadbEngine()

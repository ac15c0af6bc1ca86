"""What PostgreSQL leaves to chance or to each session, made certain: the victim of a deadlock, the isolation level.

The administrator is a superuser, or is refused.

Whoever has waited for ``deadlock_timeout`` looks for a cycle, and is its victim if he finds one: that depends on the
machine's load. Here nobody looks but the one whose Call has just closed the cycle. One whose Call might have closed one
before has looked, in vain and for the last time while it waits, before the next Call is let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from acidity.engines.hosted_access import HostedAccess

_HAS_LOOKED_S = 0.004  # for a millisecond, and for the processor
_OTHERS_LOOK_AFTER = "2s"  # where the victim cannot be chosen, as outside a transaction, the server finds it then


class Victims(HostedAccess):
    """See `Life` for what the methods promise."""

    sets_level = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL"
    asks_own_level = (
        "SELECT count(*) FROM pg_settings WHERE name = 'default_transaction_isolation' AND source = 'client'"
    )
    asks_level = "SHOW transaction_isolation"
    asks_limits = ("SHOW lock_timeout", "SHOW statement_timeout")
    _chooses = False

    def require_superuser(self) -> None:
        """Say before anything is made that it would not go well: faults and victims need parameters of a superuser's.

        Raises:
            PermissionError: the administrator, whom the URL of a server has named, is none.
        """
        ((name, may),) = self.ask("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
        if not may:
            raise PermissionError(
                f"the role {name} is no superuser; acidity needs one, for what it sets on the server (temp_file_limit, "
                f"deadlock_timeout) and the sessions that it ends. Give it one, or let it start a server of its own"
            )

    def choose_victims(self) -> None:
        """By ``deadlock_timeout``, which only a superuser lets a role set; on a server before 15 chance decides."""
        with suppress(Exception):  # a server before 15
            self.ask(f"GRANT SET ON PARAMETER deadlock_timeout TO {self.quoted(self.user)}")
            self._chooses, self.looks_for_cycles_s = True, _HAS_LOOKED_S

    def forget_choice(self) -> None:
        """A role with a privilege on a parameter cannot be dropped."""
        if self._chooses:
            self._chooses = False
            self.ask(f"REVOKE SET ON PARAMETER deadlock_timeout FROM {self.quoted(self.user)}")

    def configure(self, dbapi_connection: Any) -> None:
        """Also let this session not look for cycles."""
        super().configure(dbapi_connection)
        if self._chooses:
            self.send(dbapi_connection, f"SET deadlock_timeout = '{_OTHERS_LOOK_AFTER}'")
            dbapi_connection.commit()

    def about_to_wait(self, dbapi_connection: Any) -> None:
        """Let this transaction, and no later one, look at once."""
        if self._chooses:
            with suppress(Exception):  # it has failed already, or its session has just been ended from outside
                self.send(dbapi_connection, "SET LOCAL deadlock_timeout = '1ms'")

    def truncating(self, places: Sequence[str]) -> list[str]:
        """All at once, as tables that refer to each other have to be."""
        return [f"TRUNCATE {', '.join(places)}"] if places else []

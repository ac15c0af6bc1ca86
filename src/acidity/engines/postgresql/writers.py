"""Which transactions write rows of a database while one Call is carried out: triggers of acidity's own tell.

They stand on the tables only during that Call of a clean run, are no part of the catalogue that is compared, and note
the transaction itself where a block with EXCEPTION writes in a subtransaction.
"""

from __future__ import annotations

from acidity.engines.postgresql.sandbox import PostgresqlSandbox


class Writers:
    """Counts them from now on; `count` ends it.

    Args:
        sandbox: whose tables.
    """

    def __init__(self, sandbox: PostgresqlSandbox) -> None:
        self._sandbox = sandbox
        self._was_known = sandbox.stamp_now() == sandbox.stamp
        self._counts = True
        try:
            sandbox.ask("; ".join(self._made()))
        except Exception:  # somebody holds a lock on a table
            self._counts = False
        self._stamp = sandbox.stamp_now()

    def count(self) -> int | None:
        """How many there were, whose writes are committed.

        Returns:
            None where they could not be counted, or where the schema was changed, which no trigger tells.
        """
        if not self._counts:
            return None
        sandbox = self._sandbox
        changed = sandbox.stamp_now() != self._stamp
        wrote = int(sandbox.ask(f"SELECT count(*) FROM {self._bait}.writers")[0][0])
        try:
            sandbox.ask("; ".join([*self._dropped(), f"DELETE FROM {self._bait}.writers"]))
        except Exception:  # another connection of the program reads one of the tables
            sandbox.needs_rebuilding()
            return wrote if not changed else None
        if self._was_known and not changed:
            sandbox.stamp = sandbox.stamp_now()
        return None if changed else wrote

    @property
    def _bait(self) -> str:
        return self._sandbox.quoted(self._sandbox.bait)

    def _places(self) -> list[str]:
        return [shape.place for shape in self._sandbox.shapes.values() if not shape.derived]

    def _made(self) -> list[str]:
        rows, all_rows = (self._sandbox.quoted(f"{self._sandbox.bait}_{what}") for what in ("rows", "truncate"))
        does = f"EXECUTE FUNCTION {self._bait}.wrote()"
        return [
            f"CREATE TRIGGER {rows} AFTER INSERT OR UPDATE OR DELETE ON {place} FOR EACH ROW {does};"
            f"CREATE TRIGGER {all_rows} AFTER TRUNCATE ON {place} FOR EACH STATEMENT {does}"
            for place in self._places()
        ]

    def _dropped(self) -> list[str]:
        names = [self._sandbox.quoted(f"{self._sandbox.bait}_{what}") for what in ("rows", "truncate")]
        return [f"DROP TRIGGER {name} ON {place}" for place in self._places() for name in names]

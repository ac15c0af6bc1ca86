"""How often a Call committed to a SQLite file: changes of ``PRAGMA data_version``, seen from a connection of our own.

An ``executemany`` outside a transaction is one statement after the other, each committed by itself. SQLite calls the
trace callback before each of them; whatever was committed up to then has changed the version by that time.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from acidity.core.call import Call
from acidity.engines.committing import Answer, Commits
from acidity.engines.sqlite.sandbox import SqliteSandbox


def asking(sandbox: SqliteSandbox, connection: Any, call: Call) -> Answer:
    """Count the versions while the Call is carried out."""
    del call
    observer = sqlite3.connect(str(sandbox.path), isolation_level=None, check_same_thread=False, timeout=0)
    seen: list[int] = []

    def look(_: str = "") -> None:
        try:
            seen.append(int(observer.execute("PRAGMA data_version").fetchone()[0]))
        except sqlite3.Error:  # kept out just now; the next look sees what this one missed
            return

    def answer() -> Commits:
        try:
            look()
        finally:
            observer.close()
            sandbox.configure(connection)  # puts its own trace callback back
        return Commits.SEVERAL if len(set(seen)) > 2 else Commits.ONCE  # before, and after one commit

    look()
    sandbox.on_driver(connection, lambda native: native.set_trace_callback(look))
    return answer

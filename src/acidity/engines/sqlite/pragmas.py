"""What a PRAGMA makes of a value: SQLite takes another one, or none, where it does not like what it is given."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping

from acidity.errors import UsageError

_NUMBER = re.compile(r"-?[0-9]{1,20}")
_SWITCH = {"on": 1, "yes": 1, "true": 1, "off": 0, "no": 0, "false": 0}
_NUMBERED = {
    "synchronous": ("off", "normal", "full", "extra"),
    "temp_store": ("default", "file", "memory"),
    "auto_vacuum": ("none", "full", "incremental"),
}


def require_taken(connection: sqlite3.Connection, settings: Mapping[str, str]) -> None:
    """Set each on a connection to an empty file, and read it back.

    Raises:
        UsageError: it is another value then.
    """
    for name, value in settings.items():
        try:
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
            found = connection.execute(f"PRAGMA {name}").fetchone()
        except sqlite3.Error as error:
            raise UsageError(f"sqlite does not take {value!r} for the setting {name!r}: {error}") from error
        if found is None or str(found[0]).lower() not in _meant(name.lower(), value.lower()):
            taken = "nothing" if found is None else found[0]
            raise UsageError(f"sqlite does not take {value!r} for the setting {name!r}, which is {taken} then")


def _meant(name: str, value: str) -> set[str]:
    """What a PRAGMA may answer when it has taken the value."""
    words = _NUMBERED.get(name, ())
    known = {word: number for number, word in enumerate(words)} or _SWITCH
    number = _NUMBER.fullmatch(value)
    return {str(int(value)) if number else value, str(known.get(value, value))}

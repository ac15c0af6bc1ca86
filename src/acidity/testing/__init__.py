"""Tests whose transactions are real: a throw-away database that is restored after each test, and no waits.

With pytest, take the fixture ``acidity_database`` of the plugin; elsewhere, `throw_away`.

>>> from acidity.testing import throw_away
>>> with throw_away(metadata=Base.metadata, setup=seed) as database:       # doctest: +SKIP
...     with database.fresh():                                             # once for each test
...         transfer(database.engine, 1, 2, 50)
"""

from __future__ import annotations

from acidity.testing.database import ThrowAwayDatabase, throw_away
from acidity.testing.waits import no_waits

__all__ = ["ThrowAwayDatabase", "no_waits", "throw_away"]

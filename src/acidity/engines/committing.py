"""How often a Call committed: asked of the database where the words of the Call do not tell.

``engines/<name>/committing.py`` has a function that is called before such a Call and gives one to call after it. The
answers are facts of the engine (row versions, counters of the session, a change seen from another connection); where
those leave it open the answer is UNSURE, and never ONCE.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from acidity.core.call import Call
from acidity.core.registry import Registry
from acidity.engines.base import Sandbox


class Commits(Enum):
    """How often a Call committed changes, one that it left to a later COMMIT included."""

    ONCE = "at most once"
    SEVERAL = "several times"
    UNSURE = "perhaps several times"


Answer = Callable[[], Commits]
Asking = Callable[[Any, Any, Call], Answer]

COMMITTING: Registry[Asking] = Registry(
    "committing",
    {
        "sqlite": "acidity.engines.sqlite.committing:asking",
        "postgresql": "acidity.engines.postgresql.committing:asking",
        "mariadb": "acidity.engines.mariadb.committing:asking",
    },
)


def asking(sandbox: Sandbox, connection: Any, call: Call) -> Answer:
    """Ask what has to be known before the Call.

    Args:
        sandbox: where it goes.
        connection: that it goes over, as the Sandbox takes it.
        call: the Call.

    Returns:
        To be called after the Call has been carried out.
    """
    return COMMITTING[sandbox.engine_name](sandbox, connection, call)

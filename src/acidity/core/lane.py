"""A `Move`: one line of the picture of several callers at once, in the order in which things were done."""

from __future__ import annotations

from dataclasses import dataclass

from acidity.core.call import Site


@dataclass(frozen=True, slots=True)
class Move:
    """What one caller did, and what came of it.

    Attributes:
        actor: the letter of the caller.
        does: the Call, in short.
        site: the line of user code that made it.
        result: what was read, how many rows were written, an error; that it waits, and for whom.
        committed: the rows that it made visible, each as it was and as it is.
        blocked: the letters of those who wait meanwhile.
    """

    actor: str
    does: str
    site: Site | None = None
    result: str = ""
    committed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

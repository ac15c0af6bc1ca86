"""What was refused inside an operation: the first of it is what the user is told, whatever the operation made of it."""

from __future__ import annotations

from acidity.adapters.seam import ACTOR
from acidity.errors import ForeignDatabase


class Refusals:
    """Keeps the first refusal until it can be raised where it ends the check."""

    def __init__(self) -> None:
        self._first: ForeignDatabase | None = None

    def refuse(self, error: ForeignDatabase) -> None:
        """An engine inside the operation pointed elsewhere.

        What a run has left behind points at a database of its time; it is refused, and is nobody's mistake.
        """
        actor = ACTOR.get()
        if actor is None or not actor.over:
            self._first = self._first or error

    def refuse_driver(self, where: str) -> None:
        """A connection of a driver would lead elsewhere.

        Raises:
            ForeignDatabase: always, inside the operation.
        """
        error = ForeignDatabase(
            f"a driver connection inside the operation points at {where!r}, a database that acidity did not create; "
            f"nothing was opened."
        )
        self.refuse(error)
        raise error

    def raise_first(self) -> None:
        """Say what was refused, once.

        Raises:
            ForeignDatabase: something was.
        """
        if self._first is not None:
            error, self._first = self._first, None
            raise error

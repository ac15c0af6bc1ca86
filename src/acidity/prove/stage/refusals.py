"""What was refused inside an operation: the first of it is what the user is told, whatever the operation made of it."""

from __future__ import annotations

from acidity.adapters.seam import ACTOR
from acidity.adapters.site import find_place
from acidity.errors import ForeignDatabase, UsageError


class Refusals:
    """Keeps the first refusal until it can be raised where it ends the check."""

    def __init__(self) -> None:
        self._first: UsageError | None = None

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

    def refuse_end(self, call: str) -> bool:
        """The program would end the process at once; whoever stands beside the check, such as a test runner, may.

        Args:
            call: what it has called.
        """
        place = find_place()
        if place is not None:
            self._first = self._first or UsageError(
                f"{call} was called at {place.path[0]}, which ends the process, and the check with it, without a word; "
                f"raise an exception, or call it in a process of its own"
            )
        return place is not None

    def raise_first(self) -> None:
        """Say what was refused, once.

        Raises:
            ForeignDatabase: another database was.
            UsageError: something else was.
        """
        if self._first is not None:
            error, self._first = self._first, None
            raise error

"""What went wrong inside a unit: errors that the database answered, and which of them a savepoint takes back.

PostgreSQL goes on after ROLLBACK TO, whatever the error was; MariaDB has no transaction left after a deadlock, and
says so with "SAVEPOINT does not exist". A swallowed error is not forgotten: on PostgreSQL the COMMIT after it commits
nothing and reports success, on MariaDB it commits the half that worked.
"""

from __future__ import annotations

from acidity.core.call import Kind
from acidity.engines.codes import TRANSACTION_LOST, codes_of


class Failures:
    """The errors of one unit, by the savepoint that they happened in.

    Attributes:
        everything: all of them.
        standing: those that nothing has taken back.
    """

    def __init__(self) -> None:
        self.everything: list[BaseException] = []
        self.standing: list[BaseException] = []
        self._savepoints: list[tuple[str, int]] = []

    def add(self, error: BaseException, *, final: bool = False) -> None:
        """The database answered this; a `final` one ends the transaction whatever savepoints there are."""
        self.everything.append(error)
        self.standing.append(error)
        if final or TRANSACTION_LOST.intersection(codes_of(error)):
            self._savepoints.clear()

    @property
    def first(self) -> BaseException | None:
        """The first error that nothing has taken back."""
        return self.standing[0] if self.standing else None

    @property
    def final(self) -> bool:
        """Nothing can take it back any more: there is an error from before the outermost savepoint."""
        return bool(self.standing) and (not self._savepoints or self._savepoints[0][1] > 0)

    def first_inside(self) -> BaseException | None:
        """The first error since the innermost savepoint."""
        since = self._savepoints[-1][1] if self._savepoints else 0
        return self.standing[since] if len(self.standing) > since else None

    @property
    def savepoints(self) -> list[str]:
        """The names of those that are set, the outermost first."""
        return [name for name, _ in self._savepoints]

    @property
    def lost(self) -> bool:
        """The database has rolled everything back itself, with every savepoint."""
        return any(TRANSACTION_LOST.intersection(codes_of(error)) for error in self.everything)

    def heed(self, kind: Kind, name: str) -> None:
        """A savepoint is about to be set, gone back to or released."""
        if kind is Kind.SAVEPOINT:
            self.savepoint(name)
        elif kind is Kind.ROLLBACK_TO:
            self.rolled_back_to(name)
        else:
            self.released(name)

    def savepoint(self, name: str) -> None:
        """A savepoint was set."""
        self._savepoints.append((name, len(self.standing)))

    def rolled_back_to(self, name: str) -> None:
        """ROLLBACK TO is about to be sent; errors since the savepoint are taken back with the rows."""
        place = self._place(name)
        if place is not None:
            del self.standing[self._savepoints[place][1] :]
            del self._savepoints[place:]

    def released(self, name: str) -> None:
        """RELEASE is about to be sent; its errors are now those of what surrounds it."""
        place = self._place(name)
        if place is not None:
            del self._savepoints[place:]

    def _place(self, name: str) -> int | None:
        names = self.savepoints
        return len(names) - 1 - names[::-1].index(name) if name in names else None


NO_FAILURES = Failures()  # of a unit until it has one; most never do

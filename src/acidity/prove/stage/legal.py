"""Legal ends beside before and after: the predicates that ``Operation(also=…)`` states, asked of the rows now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.core.exits import exits_as_errors
from acidity.core.outcome import State
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.stage.inspector import takes_two
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from acidity.prove.stage.views import looking


class LegalEnds:
    """Asks the predicates of one operation; equal States are asked about once.

    Args:
        stage: where the rows are.
        operation: whose ``also=``.
    """

    def __init__(self, stage: Stage, operation: Operation) -> None:
        self._stage = stage
        self._operation = operation
        self._known: dict[str, str] = {}

    def require_narrow(self) -> None:
        """The rows before are no end state of their own, and the tables of ``partial=`` exist.

        Raises:
            UsageError: a predicate holds of them, or cannot be asked; or a table does not exist.
        """
        for table in self._operation.partial:
            if table not in self._stage.seed.tables:
                known = ", ".join(sorted(self._stage.seed.tables))
                raise UsageError(f"{self._operation.name}: partial={table!r} is not a table; there are: {known}")
        if self._operation.also and (name := self._holding(before=True)):
            raise UsageError(self._too_wide(name, "of the rows before"))

    def require_not_clean(self, state: State) -> None:
        """Nor are the rows that the clean run has just left.

        Raises:
            UsageError: a predicate holds of them, or cannot be asked.
        """
        if name := self.holding(state):
            raise UsageError(self._too_wide(name, "after the clean run"))

    def holding(self, state: State) -> str:
        """The name of the predicate that holds of the rows now, or nothing.

        Args:
            state: what the Sandbox holds now.

        Raises:
            UsageError: a predicate raised, or answered with something else than True and False.
        """
        if not self._operation.also:
            return ""
        rows = state.fingerprint
        if rows not in self._known:
            self._known[rows] = self._holding(before=False)
        return self._known[rows]

    def _holding(self, *, before: bool) -> str:
        with self._stage.judging(f"also= of {self._operation.name}") as (now, earlier), quiet():
            for predicate in self._operation.also:
                with looking(earlier if before else now) as session, looking(earlier) as session_before:
                    if self._ask(predicate, session, session_before):
                        return _name(predicate)
        return ""

    def _ask(self, predicate: Callable[..., Any], session: Any, session_before: Any) -> bool:
        where = f"{self._operation.name}: also={_name(predicate)}"
        try:
            with exits_as_errors():
                answer = predicate(session, session_before) if takes_two(predicate) else predicate(session)
        except Exception as error:
            raise UsageError(
                f"{where} raised {type(error).__name__}: {error}; it "
                f"answers False where the rows are not that end state"
            ) from error
        if not isinstance(answer, bool):
            raise UsageError(f"{where} answered {answer!r}; it answers True or False")
        return answer

    def _too_wide(self, name: str, where: str) -> str:
        return (
            f"{self._operation.name}: also={name} holds {where}, too, so it would allow everything that looks like "
            f"them; let it say what only that end state has (a job marked as failed, and nothing else changed)"
        )


def _name(predicate: Callable[..., Any]) -> str:
    return getattr(predicate, "__name__", repr(predicate))

"""Put the rows that a run left beside what they should have been."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from acidity.analysis.diff import row_changes
from acidity.analysis.values import encode
from acidity.core.cause import Cells, RowFate
from acidity.core.finding import RowChange
from acidity.core.outcome import Told
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.telling.steady import Steady

Name = tuple[str, tuple[bytes, ...]]


def fates(baseline: Baseline, item: Judged, steady: Steady) -> tuple[RowFate, ...]:
    """Every row that the run changed, then those that should have been changed and were not.

    What is right depends on what the caller was told: *failed* or a refusal leaves the rows as before, *ok* leaves them
    as in the clean run, and of a caller in doubt both are right.
    """
    told, before_only = item.judgement.told, item.judgement.word == "not refused"
    counts = baseline.counted
    wanted = [each for each in row_changes(baseline.seed, baseline.whole) if counts(each.table)]
    real = [each for each in row_changes(baseline.seed, item.run.end) if counts(each.table)]
    legal = _legal(told, before_only=before_only)
    planned = _Planned(steady.fresh().changes(wanted))
    found = [_fate(change, planned, legal) for change in steady.changes(real)]
    if "after" in legal:
        found += [_missing(change, legal) for change in planned.left()]
    return tuple(found)


def _legal(told: Told, *, before_only: bool) -> tuple[str, ...]:
    if before_only or told is Told.FAILED:
        return ("before",)
    return ("after",) if told is Told.OK else ("before", "after")


class _Planned:
    """The changes of the clean run, each given out once: by key, and new rows of a table in their order."""

    def __init__(self, changes: Iterable[RowChange]) -> None:
        self._left = list(changes)

    def take(self, change: RowChange) -> RowChange | None:
        """The change of the clean run that belongs to this one."""
        fits: Sequence[Callable[[RowChange], bool]] = (
            lambda other: _name(other) == _name(change) and (other.before is None) is (change.before is None),
            lambda other: other.table == change.table and other.before is None and change.before is None,
        )
        for fit in fits:
            found = next((each for each in self._left if fit(each)), None)
            if found is not None:
                self._left.remove(found)
                return found
        return None

    def left(self) -> list[RowChange]:
        """What nobody took."""
        return self._left


def _fate(change: RowChange, planned: _Planned, legal: tuple[str, ...]) -> RowFate:
    plan = planned.take(change)
    columns = [column for column, _ in change.after or change.before or ()]
    before, now = change.before, change.after
    if plan is not None and before is not None and plan.before is not None:  # the clean run may change other columns
        before, now = _merged(before, plan.before), (None if now is None else _merged(now, plan.before))
        columns = [column for column, _ in before]
    after = before if plan is None else plan.after
    if after is not None and before is not None:
        after = _merged(after, before, columns)
    should = {"before": before, "after": after}
    return RowFate(change.table, change.key, before, now, tuple(should[state] for state in legal))


def _missing(plan: RowChange, legal: tuple[str, ...]) -> RowFate:
    should = {"before": plan.before, "after": plan.after}
    key = plan.key if plan.before is not None else ()
    return RowFate(plan.table, key, plan.before, plan.before, tuple(should[state] for state in legal))


def _merged(cells: Cells, others: Cells, order: Sequence[str] | None = None) -> Cells:
    """These cells, and of the others those of columns that these do not have."""
    known = dict(cells)
    both = known | {column: value for column, value in others if column not in known}
    return tuple((column, both[column]) for column in (order or both) if column in both)


def _name(change: RowChange) -> Name:
    return change.table, tuple(encode(value) for _, value in change.key)

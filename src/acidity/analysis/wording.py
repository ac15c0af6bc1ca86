"""One plain sentence about changed rows: what left, what arrived, which row was written and which never came.

It says only what the rows show. Words such as *nowhere* and *never came* need the changes of the clean run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from acidity.analysis.quantities import OTHER, difference, is_money, number_in, plain, rank, shown
from acidity.analysis.values import encode
from acidity.core.finding import RowChange

_NAMED_MAX = 2


class Claim(Enum):
    """What the sentence holds the rows against.

    Attributes:
        CLEAN: what the clean run does.
        TWICE: the same, where more was done than there.
        REFUSED: that the operation should have been refused.
        FAILED: that it failed.
        SUCCEEDED: that it said it succeeded.
        NOTHING: nothing; what changed is all that is said.
    """

    CLEAN = "the clean run"
    TWICE = "the clean run, once"
    REFUSED = "a refusal"
    FAILED = "a failure"
    SUCCEEDED = "a success"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class _Flow:
    """A quantity in one row that grew or shrank."""

    table: str
    column: str
    row: str
    change: Decimal

    @property
    def place(self) -> tuple[str, str]:
        return self.table, self.column

    @property
    def what(self) -> str:
        return f"{plain(abs(self.change))}{'' if is_money(self.column) else f' of {self.column}'}"

    def __str__(self) -> str:
        return f"{self.what} {'left' if self.change < 0 else 'arrived in'} {self.row}"


def sentence(changes: Iterable[RowChange], expected_changes: Iterable[RowChange], claim: Claim = Claim.CLEAN) -> str:
    """Say in the user's terms what happened to the rows.

    Args:
        changes: the rows that differ from the rows before.
        expected_changes: the rows that the clean run changes; empty when there is no clean run to compare with.
        claim: what the rows are held against.

    Returns:
        A sentence without a full stop, such as "50 left accounts id=1 and arrived nowhere".
    """
    real, expected = tuple(changes), tuple(expected_changes)
    if not real:
        return _nothing(expected, claim)
    if claim in _SUFFIXES:
        return _summary(real) + _SUFFIXES[claim]
    if claim is Claim.TWICE and (text := _more_than(real, expected)):
        return text
    for rule in (_unbalanced, _part_of_the_rows, _incomplete, _otherwise):
        if text := rule(real, expected):
            return text
    return _summary(real)


_SUFFIXES = {
    Claim.REFUSED: " although the operation should have been refused",
    Claim.FAILED: " although the operation failed",
    Claim.NOTHING: "",
}


def _nothing(expected: Sequence[RowChange], claim: Claim) -> str:
    suffix = " although the operation said it succeeded" if claim is Claim.SUCCEEDED else ""
    if not expected:
        return f"no row was changed{suffix}"
    kinds = Counter(change.table for change in expected)
    rows = " and ".join(f"{_count(number, 'row')} of {table}" for table, number in sorted(kinds.items())[:_NAMED_MAX])
    more = f" and {_count(len(kinds) - _NAMED_MAX, 'other table')}" if len(kinds) > _NAMED_MAX else ""
    return f"no row was changed{suffix}; the clean run writes {rows}{more}"


def _more_than(real: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    planned = {(flow.row, flow.column): flow for flow in _flows(expected)}
    for flow in _flows(real):
        plan = planned.get((flow.row, flow.column))
        if plan and flow.change != plan.change and (flow.change < 0) == (plan.change < 0):
            return f"{flow} instead of {plain(abs(plan.change))}"
    wanted = Counter(change.table for change in expected if _added(change))
    for table, number in sorted(Counter(change.table for change in real if _added(change)).items()):
        if 0 < wanted[table] < number:
            return f"{_count(number, 'row')} of {table} were added instead of {wanted[table]}"
    return ""


def _unbalanced(real: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    """Something left one row and did not arrive in another, in a column in which the clean run only moves it."""
    flows, planned = _flows(real), _flows(expected)
    for place in dict.fromkeys(flow.place for flow in flows):
        here = [flow for flow in flows if flow.place == place]
        plan = [flow.change for flow in planned if flow.place == place]
        moves = (not sum(plan) and bool(plan)) if expected else len(flows) == 1
        if not moves or not sum(flow.change for flow in here):
            continue
        lost, gained = ([flow for flow in here if (flow.change < 0) is left] for left in (True, False))
        if lost and gained:
            return f"{_joined(map(str, lost))} and {_joined(map(str, gained))}"
        text = _joined(map(str, here))
        return f"{text} and {_other_end(real, here, flows)}"
    return ""


def _other_end(real: Sequence[RowChange], here: Sequence[_Flow], flows: Sequence[_Flow]) -> str:
    """*Nowhere*, unless the rows show the like of it elsewhere: then only this column is spoken of."""
    lost = here[0].change < 0
    money = is_money(here[0].column)
    elsewhere = any(
        flow.place != here[0].place and is_money(flow.column) is money and (flow.change < 0) is not lost
        for flow in flows
    ) or any(
        is_money(column) is money
        for change in real
        if change.before is None or change.after is None
        for column, _ in _quantities(change)
    )
    if elsewhere:
        return f"{'arrived in' if lost else 'left'} no other row of {here[0].table}"
    return "arrived nowhere" if lost else "left nowhere"


def _part_of_the_rows(real: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    wanted = Counter(change.table for change in expected if _added(change))
    for table, number in sorted(wanted.items()):
        added = [change for change in real if _added(change) and change.table == table]
        if not 0 < len(added) < number:
            continue
        missing = number - len(added)
        detail = _detail(added[0]) if len(added) == 1 else ""
        never = "the other never came" if missing == 1 else f"the other {missing} never came"
        return f"{table}: {len(added)} of {number} rows {_was(len(added))} written{detail}, and {never}"
    return ""


def _incomplete(real: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    missing = _missing(real, expected)
    if not missing:
        return ""
    named = missing[:_NAMED_MAX]
    if len(missing) > _NAMED_MAX:
        named.append(f"{_count(len(missing) - _NAMED_MAX, 'more change')} of the clean run did not happen")
    return f"{_summary(real)}, and {' and '.join(named)}"


def _missing(real: Sequence[RowChange], expected: Sequence[RowChange]) -> list[str]:
    """What the clean run does and this one did not. New rows are counted: their keys differ from run to run."""
    touched = {(change.table, _encoded(change.key)) for change in real if not _added(change)}
    left = Counter(change.table for change in expected if _added(change))
    left -= Counter(change.table for change in real if _added(change))
    texts = [f"the {'row' if n == 1 else f'{n} rows'} of {table} never came" for table, n in sorted(left.items())]
    for change in expected:
        if _added(change) or (change.table, _encoded(change.key)) in touched or not change.key:
            continue
        texts.append(f"{_name(change)} {'was not removed' if change.after is None else 'stayed as it was'}")
    return texts


def _otherwise(real: Sequence[RowChange], expected: Sequence[RowChange]) -> str:
    """All rows of the clean run were touched, but not as there."""
    plans = {(change.table, _encoded(change.key)): change for change in expected if change.before and change.after}
    for change in real:
        plan = plans.get((change.table, _encoded(change.key)))
        if not (plan and plan.after and change.before and change.after):
            continue
        planned = dict(plan.after)
        for column, value in sorted(change.after, key=lambda cell: rank(cell[0])):
            if column in planned and encode(planned[column]) != encode(value):
                now, then = shown(value), shown(planned[column])
                return f"{column} of {_name(change)} is {now}; after the clean run it is {then}"
    if not expected:
        return ""
    known = {(change.table, _encoded(change.key)) for change in expected if not _added(change)}
    left = Counter(change.table for change in expected if _added(change))
    extra = []
    for change in real:
        if _added(change):
            left[change.table] -= 1
            extra += [change] if left[change.table] < 0 else []
        elif (change.table, _encoded(change.key)) not in known:
            extra.append(change)
    if extra:
        return f"{_summary(extra)}, which the clean run does not do"
    same = sorted(map(repr, real)) == sorted(map(repr, expected))  # what is wrong is elsewhere
    return f"{_summary(real)}, {'as' if same else 'but not as'} in the clean run"


def _summary(changes: Sequence[RowChange]) -> str:
    """What happened, the most telling first: what left, what arrived, other changes, rows added, rows removed."""
    flows = _flows(changes)
    told = {flow.row for flow in flows}
    texts = [str(flow) for flow in sorted(flows, key=lambda flow: flow.change > 0)]
    for change in changes:
        if change.before is not None and change.after is not None and _name(change) not in told:
            new = dict(change.after)
            column, old = min(change.before, key=lambda cell: rank(cell[0]))
            texts.append(f"{_name(change)} changed ({column} {shown(old)} → {shown(new.get(column))})")
    kinds: tuple[tuple[str, Callable[[RowChange], bool]], ...] = (("added", _added), ("removed", _removed))
    for verb, test in kinds:
        found = [change for change in changes if test(change)]
        for table, number in sorted(Counter(change.table for change in found).items()):
            detail = _detail(next(change for change in found if change.table == table)) if number == 1 else ""
            texts.append(f"{_count(number, 'row')} of {table} {_was(number)} {verb}{detail}")
    rest = len(texts) - _NAMED_MAX
    more = [f"{_count(rest, 'more change')} {_was(rest)} made"] if rest > 0 else []
    return " and ".join(texts[:_NAMED_MAX] + more)


def _flows(changes: Iterable[RowChange]) -> list[_Flow]:
    """Quantities that grew or shrank in rows that were there before and after; money first."""
    found = []
    for change in changes:
        if change.before is None or change.after is None:
            continue
        new = dict(change.after)
        for column, old in change.before:
            grown = difference(old, new.get(column)) if rank(column)[0] < OTHER else None
            if grown:
                found.append(_Flow(change.table, column, _name(change), grown))
    return sorted(found, key=lambda flow: rank(flow.column))


def _quantities(change: RowChange) -> list[tuple[str, object]]:
    """The cells of an added or removed row that count money or stock."""
    cells = change.after or change.before or ()
    return [(column, value) for column, value in cells if rank(column)[0] < OTHER and number_in(value) is not None]


def _detail(change: RowChange) -> str:
    cells = _quantities(change)
    return f" ({cells[0][0]} {shown(cells[0][1])})" if cells else ""


def _name(change: RowChange) -> str:
    return " ".join([change.table, *(f"{column}={value}" for column, value in change.key)])


def _encoded(key: Iterable[tuple[str, object]]) -> tuple[bytes, ...]:
    return tuple(encode(value) for _, value in key)


def _added(change: RowChange) -> bool:
    return change.before is None


def _removed(change: RowChange) -> bool:
    return change.after is None


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"

"""Say what is different in every run by what it is (``‹new uuid 1›``): a report is the same in every process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from acidity.analysis.texts import Texts, cut
from acidity.analysis.values import encode, is_epoch, is_opaque, is_time, uuid_digits
from acidity.core.call import Event, History
from acidity.core.finding import RowChange
from acidity.core.outcome import State
from acidity.core.prepared import without_names
from acidity.prove.drill.judge import Baseline

Cells = tuple[tuple[str, object], ...] | None


@dataclass(slots=True)
class Steady:
    """Names for the values of one run that no other run has; equal values have equal names.

    Attributes:
        kept: values that every run has: those of the rows before, and those that all clean runs share.
        masked: columns whose new values differ from run to run.
        documents: columns of JSON, and of texts, in which some do.
    """

    kept: frozenset[bytes]
    masked: frozenset[tuple[str, str]]
    documents: frozenset[tuple[str, str]] = frozenset()
    _names: dict[bytes, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, baseline: Baseline) -> Steady:
        """What the baseline knows of its operation."""
        runs = [{encode(value) for value in _values(run.end, run.whole_history)} for run in baseline.clean]
        shared = frozenset.intersection(*map(frozenset, runs))
        before = {encode(value) for value in _values(baseline.seed, ())}
        masks = baseline.masks
        texts = Texts(masks.constants, masks.tokens | masks.times)
        masked = masks.tokens | masks.times | masks.ignored
        return cls(shared | before | texts.same, masked - texts.places, masks.documents | texts.places)

    def fresh(self) -> Steady:
        """The same with numbers from 1: for another run."""
        return Steady(self.kept, self.masked, self.documents)

    def changes(self, changes: Iterable[RowChange]) -> tuple[RowChange, ...]:
        """Rows in which masked columns are named."""
        return tuple(
            replace(
                change,
                key=self._cells(change.table, change.key) or (),
                before=self._cells(change.table, change.before),
                after=self._cells(change.table, change.after),
            )
            for change in changes
        )

    def history(self, history: History) -> History:
        """Calls and Replies whose parameters and errors are named."""
        return tuple(self._event(event) for event in history)

    def value(self, value: Any) -> Any:
        """A parameter or an answer; sets are sorted."""
        if isinstance(value, str):
            return self.text(value)
        if is_time(value) or is_opaque(value) or is_epoch(value):
            return self._named(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return (
                type(value)(map(self.value, value)) if type(value) in {list, tuple} else tuple(map(self.value, value))
            )
        if isinstance(value, set | frozenset):
            return _Sorted(sorted(map(self.value, value), key=repr))
        return value

    def text(self, text: str) -> str:
        """A text in which times, UUIDs and tokens are named."""
        return "".join(
            str(self._named(piece)) if place % 2 and _is_volatile(piece) else piece
            for place, piece in enumerate(cut(text))
        )

    def _cells(self, table: str, cells: Cells) -> Cells:
        if cells is None:
            return None
        return tuple((column, self._cell((table, column), value)) for column, value in cells)

    def _cell(self, place: tuple[str, str], value: Any) -> Any:
        if place in self.documents:
            return self.value(value)
        return self._named(value) if place in self.masked and value is not None else value

    def _event(self, event: Event) -> Event:
        return replace(
            event,
            call=replace(event.call, sql=self._named_text(event.call.sql), params=self.value(event.call.params)),
            reply=replace(event.reply, error=self.text(event.reply.error)),
        )

    def _named_text(self, sql: str) -> str:
        """A statement is the same in every run, or it would not be judged; what it prepares has new names."""
        return sql if without_names(sql) == sql else self.text(sql)

    def _named(self, value: Any) -> Any:
        if encode(value) in self.kept:
            return value
        digits = uuid_digits(value)
        known = encode(value) if digits is None else digits.encode()
        if known not in self._names:
            kind = "uuid" if digits else "token" if is_opaque(value) else "time" if _is_clock(value) else "value"
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[known] = f"‹new {kind} {self._counts[kind]}›"
        return self._names[known]


class _Sorted(list[Any]):
    """A set, shown in the same order everywhere."""

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}" if self else "set()"


def _is_volatile(value: Any) -> bool:
    return is_time(value) or is_opaque(value)


def _is_clock(value: Any) -> bool:
    return is_time(value) or is_epoch(value)


def _values(state: State, history: Sequence[Event]) -> Iterator[Any]:
    for table in state.tables.values():
        for row in table.rows:
            yield from row
    for event in history:
        yield from _leaves(event.call.params)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value

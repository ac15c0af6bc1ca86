"""How far from the present a new time is: `Moment`, and `Dated`, which tells the times of one State by it.

A clock makes another time in each run, at the same distance from the present. What is lost of one that was computed
from a clock (``max(expires, now()) + 30 days``, twice) shows in that distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from acidity.analysis.values import encode, instant

TOLERANCE_S = 2.0  # what clocks are cut to and what they differ by; how long a run takes comes to it
_BUCKET_S, _SHIFT_S = 10.0, 3.0  # no time to live of whole tens or fives is near where one bucket ends
Column = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """New times of a column that are one and the same thing in runs at different times.

    Attributes:
        column: table and column, or path.
        first: they are no less than so many seconds after the end of the run; before it where negative.
        last: and no more than so many after its beginning.
        content: of one that is the same in every run, whatever the clock says; then it has no distance.
    """

    column: Column
    first: float
    last: float
    content: bytes | None = None

    @property
    def is_any(self) -> bool:
        """Any new time of the column is like any other: chance is in it."""
        return (self.first, self.last) == (-inf, inf)

    def meets(self, other: Moment) -> bool:
        """Whether some time may be both."""
        return self.first <= other.last and other.first <= self.last

    @property
    def order(self) -> tuple[Column, float, float, bytes]:
        """Sorts moments, those of one column by distance."""
        return self.column, self.first, self.last, self.content or b""


def any_of(column: Column) -> Moment:
    """The one moment of a column whose new times are not told apart."""
    return Moment(column, -inf, inf)


def moment(column: Column, value: object, during: tuple[float, float] | None) -> Moment:
    """That of one time, as exact as the length of its run allows.

    Args:
        column: where it stands.
        value: the time.
        during: when its run began and ended.
    """
    known = instant(value)
    if known is None or during is None:
        return any_of(column)
    began, ended = during
    return Moment(column, known[0] - ended, known[0] - began)


def fixed(column: Column, content: bytes) -> Moment:
    """That of a time that is the same in every run, at whatever distance: no other one is meant by it."""
    return Moment(column, inf, -inf, content)


def by_column(moments: Iterable[Moment]) -> Mapping[Column, Sequence[Moment]]:
    """The moments of each column, the earliest first."""
    found: dict[Column, list[Moment]] = {}
    for each in sorted(moments, key=lambda one: one.order):
        found.setdefault(each.column, []).append(each)
    return found


class Dated:
    """The new times of one State, told by their moments.

    Args:
        moments: those that are known, by column.
        during: when the run of the State began and ended.
    """

    def __init__(self, moments: Mapping[Column, Sequence[Moment]], during: tuple[float, float] | None) -> None:
        self._moments = moments
        self.during = during

    def tell(self, column: Column, value: object) -> bytes:
        """A new time as bytes, which are the same for the same moment; for one of no moment, about how far it is."""
        known = self._moments.get(column)
        if known is None:
            return b"new"
        content = encode(value)
        if any(each.content == content for each in known) or all(each.content is not None for each in known):
            return b"fixed" + content  # where no clock makes any, none makes another one, which is as far tomorrow
        this = moment(column, value, self.during)
        number = next((index for index, each in enumerate(known) if each.meets(this)), None)
        return b"far%d" % ((this.first + _SHIFT_S) // _BUCKET_S) if number is None else b"new%d" % number

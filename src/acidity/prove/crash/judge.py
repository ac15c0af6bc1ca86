"""Judge what a recovery brought back: the rows of a prefix of the commits that holds every acknowledged one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from acidity.core.call import History
from acidity.core.outcome import State
from acidity.prove.crash.disk import Cut, Disk
from acidity.prove.crash.log import Entry, Kind, Log
from acidity.prove.crash.recovery import Recovered, Recovery
from acidity.prove.crash.states import PowerLoss, Survivors


class Word(StrEnum):
    """What a power cut has made of the rows.

    Attributes:
        OK: a prefix of the commits, with every acknowledged one.
        LOST: a prefix that lacks an acknowledged one.
        TORN: a part of the operation: one of its commits without another one, where they are to be one change.
        DOUBLED: the whole change more than once, as it was made again when no answer came.
        HALF: a part of a transaction: rows that no prefix of the commits gives.
        DAMAGED: SQLite cannot open it, or finds it damaged.
    """

    OK = "ok"
    LOST = "lost"
    TORN = "torn"
    DOUBLED = "doubled"
    HALF = "half a transaction"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The rows when everything up to an entry of the log has been applied, as after a killed process.

    Attributes:
        op: the number of the entry that comes next.
        call: the number of the Call that committed it; 0 for the rows before.
        owed: its COMMIT was acknowledged: no cut after it may leave less.
        recovered: the rows.
        legal: they may be what is left: those before, those after, or what the scenario allows on the way.
    """

    op: int
    call: int
    owed: bool
    recovered: Recovered
    legal: bool = True

    @property
    def state(self) -> State:
        """The rows."""
        assert self.recovered.state is not None, "there is no Prefix of what cannot be read"
        return self.recovered.state

    @property
    def rows(self) -> str:
        """Equal for equal rows."""
        return self.recovered.rows


class NoPrefixes(Exception):  # noqa: N818 - nothing went wrong
    """What the process itself left cannot be read, so there is nothing to compare with; the message says why."""


def prefixes_of(log: Log, history: History, recovery: Recovery) -> tuple[Prefix, ...]:
    """The rows before, those after every acknowledged COMMIT, and those in the end.

    Within a Call that may commit more than once, the rows after every entry are among them.

    Raises:
        NoPrefixes: one of them cannot be read.
    """
    opaque = {event.call.index for event in history if event.call.opaque}
    last = len(log.entries)
    ends = {0: True}
    for number, entry in enumerate(log.entries, start=1):
        if entry.kind is Kind.ANSWER or entry.call in opaque:
            ends[number] = entry.kind is Kind.ANSWER
    ends.setdefault(last, False)
    found = []
    for cut in Disk(log).at_each(ends):
        recovered = recovery.of(everything(cut).files)
        if recovered.state is None:
            raise NoPrefixes(f"what the program itself wrote cannot be read back: {recovered.trouble}")
        call = log.entries[cut.op - 1].call if cut.op else 0
        found.append(Prefix(cut.op, call, ends[cut.op], recovered))
    return tuple(found)


def everything(cut: Cut) -> PowerLoss:
    """All that is pending survives: what a killed process leaves to the system."""
    return PowerLoss(cut, Survivors((1 << len(cut.pending)) - 1))


def whole(log: Log, op: int) -> PowerLoss:
    """The same, before this entry."""
    return everything(Disk(log).at(op))


@dataclass(frozen=True, slots=True)
class Judged:
    """A state, and what it is.

    Attributes:
        loss: the power cut.
        recovered: what came back.
        word: what that is.
        owed: the last Prefix that was owed at the cut.
    """

    loss: PowerLoss
    recovered: Recovered
    word: Word
    owed: Prefix


class Judge:
    """Compares with the prefixes of one recording.

    Args:
        prefixes: from `prefixes_of`.
    """

    def __init__(self, prefixes: Sequence[Prefix]) -> None:
        self.prefixes = tuple(prefixes)
        self._owed = [place for place, prefix in enumerate(prefixes) if prefix.owed]
        self._owed_from = [prefixes[place].op for place in self._owed]
        self._places: dict[str, list[int]] = {}
        for place, prefix in enumerate(prefixes):
            self._places.setdefault(prefix.rows, []).append(place)

    def judge(self, loss: PowerLoss, recovered: Recovered) -> Judged:
        """What this state is."""
        duty = self._duty(loss.cut.op)
        return Judged(loss, recovered, self._word(recovered, duty), self.prefixes[duty])

    def _word(self, recovered: Recovered, duty: int) -> Word:
        if recovered.state is None:
            return Word.DAMAGED
        places = self._places.get(recovered.rows)
        if places is None:
            return Word.HALF
        if places[-1] < duty:
            return Word.LOST
        return Word.OK if any(self.prefixes[place].legal for place in places) else Word.TORN

    def _duty(self, op: int) -> int:
        """The place of the last prefix that must be there after a cut before this entry."""
        return self._owed[bisect_right(self._owed_from, op) - 1]


def calls_until(entries: Sequence[Entry], op: int) -> int:
    """How many Calls had been begun when the power went off before this entry; at least one."""
    return max(1, entries[op - 1].call) if op else 1

"""Is what came of callers at once what comes of them one by one? Yes, no, or it cannot be said.

A caller that the engine turned away, and that was told so, need not have taken place; then the serial orders of the
others are asked. One whose exception the user expects (``raises=``) may or may not stand in the order, unless something
of it has taken place outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.canonical import TooSymmetric
from acidity.analysis.diff import telling_changes
from acidity.analysis.references import Alike, Said
from acidity.core.call import unanswered_commit
from acidity.core.finding import LEFT, TOLD, RowChange
from acidity.core.outcome import Ending, Told
from acidity.engines.speech import ErrorClass
from acidity.prove.explore.breaches import Breach
from acidity.prove.explore.lab import Played
from acidity.prove.explore.oracle import Oracle, effects_of, ends_of
from acidity.prove.explore.sayings import EVERYTHING, Difference, told_alike
from acidity.prove.explore.serial import NoOracle, Serial

_DOUBT = (
    "an answer holds a generated value that may be another one; if it is a number that is no key, and new keys are "
    "equal to it by chance, let setup= write rows with higher keys"
)


_BREAKS = frozenset({ErrorClass.DUPLICATE, ErrorClass.CONSTRAINT})


class Word(Enum):
    """What a run of several callers is."""

    SERIAL = "as in a serial order"
    BETWEEN = "as in an order of their transactions, and in no order of whole callers"
    NOT_SERIAL = "as in no serial order"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judged:
    """A run with what it is.

    Attributes:
        played: the run.
        word: what it is.
        nearest: the serial order that it is as, or the one from which it differs in the fewest rows.
        turned_away: the callers whom the engine turned away.
        reason: why it is undecided.
        between: the order of their transactions that it is as, where it is as in no order of whole callers.
        breaches: what does not hold in its committed states, though it does when no caller comes between.
        changes: the rows in which it differs from the nearest order, without what chance or a clock makes of them.
        differences: where callers said something else than in that order.
        missing: the callers that failed as in no order, of whom the rows hold nothing; asked where it is told.
        strays: the rows are those of no order.
    """

    played: Played
    word: Word
    nearest: Serial | None
    turned_away: tuple[str, ...] = ()
    reason: str = ""
    between: Serial | None = None
    breaches: tuple[Breach, ...] = ()
    changes: tuple[RowChange, ...] = ()
    differences: tuple[Difference, ...] = ()
    missing: tuple[str, ...] = ()
    strays: bool = False

    @property
    def wrong(self) -> str:
        """What is wrong with it: what its callers left, or only what they were told; who failed has left nothing."""
        if self.nearest is None or not self.nearest.runs:
            return LEFT if self.strays else TOLD
        did, alone = (effects_of(run, self.nearest.names) for run in (self.played, self.nearest.runs[0]))
        if self.missing:
            return LEFT if did - alone else TOLD
        return LEFT if self.strays or did != alone else TOLD

    def unread(self) -> Iterator[tuple[str, str]]:
        """Callers of a right run that fail in words that nobody here can read: in place of what the database said, or
        in others than in the order that it is as.
        """
        if self.nearest is None or self.word is not Word.SERIAL:
            return
        for name, ending in self.played.endings.items():
            if not ending.exception or ending.driver or ending.refusal:
                continue
            if name not in self.nearest.names:
                yield name, f"fail with {ending.exception} where the database turned it away"
            elif not _in_the_same_words(ending, self.nearest.endings(name)[0]):
                yield name, f"say so in other words where it fails with {ending.exception}"


class Judge:
    """Judges the runs of one Lab.

    Args:
        oracle: knows the serial orders.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._comparer = oracle.comparer

    def judge(self, played: Played) -> Judged:
        """Compare it with every serial order of those who may have taken place."""
        if played.unseen:
            return Judged(played, Word.UNDECIDED, None, (), played.unseen[0])
        left = [name for name in played.endings if unanswered_commit(played.of(name))]
        if left:
            return Judged(played, Word.UNDECIDED, None, (), f"{left[0]}: a COMMIT was left without an answer")
        tired = [name for name, ending in played.endings.items() if ending.gave_up]
        if tired:
            return Judged(
                played, Word.UNDECIDED, None, (), f"{tired[0]} gave up after its last attempt (max_attempts=)"
            )
        breaches: tuple[Breach, ...] = ()
        try:
            breaches = self._breaches(played)
            judged = self._judged(played)
            if judged.word is not Word.SERIAL and self._oracle.learns_keys(played.state):
                judged = self._judged(played)
            return replace(judged, breaches=breaches)
        except TooSymmetric:
            return Judged(played, Word.UNDECIDED, None, (), "the rows are too symmetric to compare")
        except NoOracle as error:
            return Judged(played, Word.UNDECIDED, None, (), str(error), breaches=breaches)

    def _judged(self, played: Played) -> Judged:
        away = tuple(name for name in played.endings if self._was_turned_away(played, name))
        told = tuple(name for name in away if _failed(played.endings[name]))
        unclear = tuple(name for name in away if name not in told)
        refused = {
            name
            for name, ending in played.endings.items()
            if self._oracle.refuses(name, ending) and name not in away and not played.told.get(name)
        }
        certain = {name for name in played.endings if name not in away and name not in refused}
        perhaps = {name for name in told if self._has_committed(played, name)} | refused
        doubt = ""
        seen: list[Serial] = []
        for serial in self._serials(certain | set(unclear), perhaps):
            match = self._match(played, serial)
            if match is Alike.SAME:
                return Judged(played, Word.SERIAL, serial, away)
            seen.append(serial)
            if match is Alike.PERHAPS:
                doubt = _DOUBT
        between = self._of_transactions(played, certain | set(unclear), perhaps)
        if between is not None:
            return self._held_against(Judged(played, Word.BETWEEN, None, away, between=between), seen)
        if cut := self._cut(played, told):
            orders = self._oracle.cut(certain | set(unclear) | set(cut), played, cut)
            like = next((each for each in orders if self._match(played, each) is Alike.SAME), None)
            if like is not None:
                return Judged(played, Word.SERIAL, like, away)
            doubt = f"{cut[0]} was turned away after it had committed: what may come of the rest is not known"
        said = {name: self._said(played, name) for name in unclear}
        there = certain | {name for name in unclear if said[name] is Told.OK}
        for serial in self._serials(there, perhaps | (set(unclear) - there)):
            names = [name for name in unclear if name not in serial.names]
            if not names or self._match(played, serial) is Alike.UNLIKE:
                continue
            if all(said[name] is Told.FAILED for name in names):
                return Judged(played, Word.SERIAL, serial, away)
            answer = f"{', '.join(names)} was turned away and answered {played.endings[names[0]].answer!r}"
            doubt = f"{answer}: say with succeeded= whether that means it worked"
        word = Word.UNDECIDED if doubt else Word.NOT_SERIAL
        return self._held_against(Judged(played, word, None, away, doubt), seen)

    def _held_against(self, judged: Judged, serials: Sequence[Serial]) -> Judged:
        """The same with the order from which it differs in the fewest rows, then in how the fewest callers ended."""
        after, endings = judged.played.state, judged.played.endings
        found: list[tuple[tuple[int, int], tuple[RowChange, ...]]] = []
        for serial in serials:
            is_same = self._comparer.same(after, serial.state)
            changes = () if is_same else telling_changes(serial.state, after, self._oracle.masks)
            others = [name for name in serial.names if _failure(endings[name]) != _failure(serial.endings(name)[0])]
            found.append(((0 if is_same else 1 + len(changes), len(others)), changes))
        place = min(range(len(serials)), key=lambda each: found[each][0])
        nearest, changes = serials[place], found[place][1]
        cleans = self._cleans(nearest) if nearest.runs else []
        said = self._oracle.sayings.differences(judged.played, cleans) if cleans else ()
        said = tuple(
            replace(each, stray=self._comparer.stray(each.clean, nearest.state, each.said, after)) for each in said
        )
        telling = tuple(each for each in said if each.stray is not None)
        strays = found[place][0][0] > 0
        return replace(judged, nearest=nearest, changes=changes, differences=telling or said, strays=strays)

    def missing(self, judged: Judged) -> tuple[str, ...]:
        """The callers that failed where they do not in the nearest order, if the rows are those of the others alone."""
        nearest, endings = judged.nearest, judged.played.endings
        if nearest is None or not nearest.runs:
            return ()
        alone = nearest.runs[0].endings
        failed = tuple(name for name in nearest.names if endings[name].exception not in {"", alone[name].exception})
        with suppress(NoOracle, TooSymmetric):
            orders = self._oracle.orders(set(nearest.names) - set(failed)) if failed else ()
            if any(self._comparer.same(judged.played.state, serial.state) for serial in orders):
                return failed
        return ()

    def _breaches(self, played: Played) -> tuple[Breach, ...]:
        """Rules that hold as long as each caller comes to its end before the next one begins."""
        if not played.breaches:
            return ()
        whole = [run for serial in self._oracle.uninterrupted() for run in serial.runs]
        anyway = {breach.violation.called for run in whole for breach in run.breaches}
        return tuple(breach for breach in played.breaches if breach.violation.called not in anyway)

    def _of_transactions(self, played: Played, surely: set[str], perhaps: set[str]) -> Serial | None:
        """An order of their transactions that comes to the same."""
        for names in self._oracle.subsets(surely, perhaps):
            for serial in self._oracle.alternations(names, played):
                if self._match(played, serial) is Alike.SAME:
                    return serial
        return None

    def _cut(self, played: Played, told: Sequence[str]) -> tuple[str, ...]:
        """Who was turned away in the midst of several transactions."""
        if not self._oracle.several:
            return ()
        return tuple(name for name in told if self._has_committed(played, name))

    def _serials(self, surely: set[str], perhaps: set[str]) -> Iterator[Serial]:
        for names in self._oracle.subsets(surely, perhaps):
            yield from self._oracle.orders(names)

    def _was_turned_away(self, played: Played, name: str) -> bool:
        """Also where it swallowed that; what then broke a constraint by itself is not excused by it."""
        events = played.of(name)
        failed = [event for event in events if event.reply.code]
        if played.endings[name].driver and failed and self._oracle.error_class(failed[-1]) in _BREAKS:
            return False
        return any(self._oracle.met_others(event) for event in events)

    def _has_committed(self, played: Played, name: str) -> bool:
        return any(event.call.commits and event.reply.status == "ok" for event in played.of(name))

    def _said(self, played: Played, name: str) -> Told:
        """What a caller that was turned away was told by its own answer: as in some order, or as failed in all."""
        if played.endings[name].succeeded:
            return Told.OK
        answer = played.endings[name].answer
        found = set()
        for serial in self._oracle.orders(played.endings):
            cleans = [(run.endings[name].answer, run.state) for run in serial.runs]
            found.add(self._comparer.likeness(cleans, answer, played.state))
        if Likeness.SAME in found:
            return Told.OK
        return Told.FAILED if found == {Likeness.FAILED} else Told.UNDECIDED

    def _match(self, played: Played, serial: Serial) -> Alike:
        if not self._comparer.same(played.state, serial.state):
            return Alike.UNLIKE
        if serial.runs and ends_of(played) != ends_of(serial.runs[0]):
            return Alike.UNLIKE
        alone = serial.runs[0] if serial.runs else None
        if alone and any(played.effects.get(name, {}) != alone.effects.get(name, {}) for name in serial.names):
            return Alike.UNLIKE
        if alone and effects_of(played, serial.names) != effects_of(alone, serial.names):
            return Alike.UNLIKE
        told, moved, sayings = list[Said](), list[str](), self._oracle.sayings
        alike = told_alike(played, alone) if alone else EVERYTHING
        for name in serial.names:
            ending, clean = played.endings[name], serial.endings(name)[0]
            failed = _failed(ending) or _failed(clean)
            if failed and _failure(ending) != _failure(clean):
                return Alike.UNLIKE
            answered = not failed or _in_the_same_words(ending, clean)
            cleans = [sayings.of(run, name, alike, answered=answered) for run in serial.runs]
            said = sayings.of(played, name, alike, answered=answered)
            beside = sayings.beside(cleans[0], said, played.of(name))
            if beside is not said:
                moved.append(name)
            if len(cleans) == 1:  # an order of transactions is run once
                cleans.append(sayings.varied(name, cleans[0]))
            told.append(Said(cleans, beside, self._oracle.roles(name), self._oracle.called(name)))
        found = self._comparer.told(told, serial.state, played.state) if told else Alike.SAME
        if found is Alike.SAME:
            sayings.in_any_order.update(dict.fromkeys(map(self._oracle.called, moved)))
        return found

    def _cleans(self, serial: Serial) -> list[Played]:
        """Runs of this order, or of others with it; what differs between two of them may be what chance has made."""
        if len(serial.runs) > 1:
            return list(serial.runs)
        return [*serial.runs, *(run for whole in self._oracle.orders(serial.names) for run in whole.runs)]


def _failed(ending: Ending) -> bool:
    """Whether the caller was told that it failed, without looking at what the answer says."""
    return bool(ending.exception) or ending.succeeded is False


def _failure(ending: Ending) -> tuple[str, bool | None, int]:
    """How it was told that it failed; of a status only whose fault it is, its own or the server's."""
    return ending.exception, ending.succeeded if not ending.exception else None, ending.status // 100


def _in_the_same_words(ending: Ending, clean: Ending) -> bool:
    """Whether two that failed say so with the same words, so that what they say else is compared; a refusal may have
    several texts, and each of them may be right.
    """
    return compare_answers([clean.said], ending.said, {}) <= Likeness.NUMBERS

"""Who may go on, one Call at a time: the controller of a run as a generator, the same for threads and for tasks.

It yields how many seconds to wait for a caller to come to another place, and is told whether one did. So it never waits
itself, and never guesses: that a caller is blocked is what the engine says of all that run, in one answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from acidity.core.call import Event
from acidity.core.turn import Trace, Turn
from acidity.engines.codes import DEADLOCK
from acidity.engines.sandbox import Unsettled
from acidity.engines.speech import SPEECHES, ErrorClass, speech_of
from acidity.prove.explore.every import Unable
from acidity.prove.explore.gate import Gate, Place
from acidity.prove.explore.in_order import NOBODY, InOrder
from acidity.prove.stage.naps import let_pass

Choose = Callable[[int, tuple[str, ...]], str]
Waiting = Mapping[str, frozenset[str]]
Course = Generator[float, bool, Trace]
Pause = Generator[float, bool, None]

FIRST_PAUSE_S = 0.0005  # an answer takes less, as a rule
LONGEST_PAUSE_S = 0.02
_COMPUTES_S = 0.002  # what most programs take between two Calls; to look for locks of theirs costs as much as a Call
PATIENCE_S = 5.0  # for an engine that has to end a cycle of waits
_NO_CYCLE_S = 2.5  # what a server needs at most to end one that it has seen, with PostgreSQL's own deadlock_timeout
_WAITING = frozenset({Place.PYTHON, Place.FLIGHT, Place.REFUSED})  # when nobody can go on by himself
TRIES = 4  # as many refusals in a row let others go on; many programs give up after three
_REFUSED = frozenset({ErrorClass.BUSY, ErrorClass.LOCK_TIMEOUT})
_ABROAD = "?"  # a session that belongs to no caller, or that the engine does not name


class Stuck(Unsettled):
    """A caller neither goes on nor waits for a database; what the run would have come to is unknown."""


@dataclass(slots=True)
class Control:
    """Lets callers go, one after another.

    Attributes:
        gates: of the callers, in their order.
        choose: says who goes on, from the number of the turn and those who could.
        start: begins a caller.
        events: what a caller has been answered so far, each with its place in the order in which one comes of another.
        idles: whether a caller that runs no Call waits for another one, by what the system says of it.
        after_turn: told of each turn when nobody can go on by himself.
        in_order: callers that nothing tells apart.
        spins: the lines at which somebody was refused `TRIES` times in a row, who then lets others go on.
    """

    gates: Sequence[Gate]
    choose: Choose
    start: Callable[[Gate], None]
    events: Callable[[str], MutableSequence[Event]]
    idles: Callable[[Gate], bool] = lambda _gate: False
    after_turn: Callable[[Turn], None] = lambda _turn: None
    in_order: InOrder = NOBODY
    spins: dict[str, None] = field(default_factory=dict)
    _in_vain: dict[str, int] = field(default_factory=dict)
    _acted: set[str] = field(default_factory=set)
    _waiting: dict[str, frozenset[str]] = field(default_factory=dict)
    _cycle: tuple[Waiting, float] = field(default_factory=lambda: ({}, 0.0))
    _seen: int = 0
    _hasty: set[str] = field(default_factory=set)
    _settled: float = 0.0
    _refused: list[Gate] = field(default_factory=list)

    def course(self) -> Course:
        """The whole run.

        Raises:
            Stuck: a caller does not go on, and nothing says why.
            Deviated: from `choose`.
        """
        turns: list[Turn] = []
        enabled: list[tuple[str, ...]] = []
        while any(gate.place is not Place.GONE for gate in self.gates):
            able = self._able()
            if not able:
                yield from self._unlock(turns)
                continue
            name = self._chosen(turns, able)
            enabled.append(able)
            turn = yield from self._turn(next(gate for gate in self.gates if gate.name == name))
            self._require_room()
            turns.append(turn)
            self._count(turn)
            if turn.call is not None and self.in_order and self.in_order.acts(turn.call):
                self._acted.add(name)
            self.after_turn(turn)
        return Trace(tuple(turns), tuple(enabled))

    def _chosen(self, turns: Sequence[Turn], able: tuple[str, ...]) -> str:
        try:
            return self.choose(len(turns), able)
        except Unable as error:
            kept = next((gate for gate in self.gates if gate.name == error.name), None)
            if kept is not None:
                error.stands = _kept_by(kept, turns[-1].waiting.get(kept.name, frozenset()) if turns else frozenset())
            raise

    def _count(self, turn: Turn) -> None:
        """How often who goes on was refused since anybody else went on: that will be so again as long as nobody does.

        A program that tries until it is served would never let anybody else come to an end (M. Musuvathi, S. Qadeer,
        Fair Stateless Model Checking, PLDI 2008).
        """
        before = self._in_vain.get(turn.actor, 0)
        refused = [event for event in turn.events if event.call.actor == turn.actor and _is_refusal(event.reply.code)]
        self._in_vain = {turn.actor: before + len(refused)}
        if before < TRIES <= before + len(refused):
            self.spins[str(refused[0].call.site or refused[0].call.label[:60])] = None

    def _able(self) -> tuple[str, ...]:
        """Who can go on; of those that nothing tells apart, only who comes first, as long as anybody else can."""
        able = [gate for gate in self.gates if gate.place in {Place.OUTSIDE, Place.GATE}]
        able = [gate for gate in able if self._in_vain.get(gate.name, 0) < TRIES] or able
        if self.in_order:
            able = [gate for gate in able if not self._is_held_back(gate)] or able
        return tuple(gate.name for gate in able)

    def _is_held_back(self, gate: Gate) -> bool:
        before = [each for each in self.gates if each.name in self.in_order.before(gate.name)]
        if gate.name in self.in_order.at_once:
            return gate.place is Place.OUTSIDE and any(each.place is Place.OUTSIDE for each in before)
        if gate.place is Place.OUTSIDE or gate.name in self._acted or gate.pending is None:
            return False
        if not self.in_order.acts(gate.pending.call):
            return False
        return any(each.name not in self._acted and each.place is not Place.GONE for each in before)

    def _turn(self, gate: Gate) -> Generator[float, bool, Turn]:
        waited = [each.name for each in self.gates if each.place in _WAITING]
        yield from self._let_look()
        gate.others_wait = bool(waited)
        self._hasty |= {gate.name} if waited else set()
        let_pass()
        if gate.place is Place.OUTSIDE:  # so no two of them open their first connections at once
            gate.place, gate.begins = Place.PYTHON, True
            self.start(gate)
        else:
            self._let_go(gate)
        yield from self._settle()
        gate.begins = False
        yield from self._try_again(but=gate)
        return self._told(gate, waited)

    def _told(self, gate: Gate, waited: Sequence[str]) -> Turn:
        still = [each.name for each in self.gates if each.place in _WAITING]
        woken = tuple(each for each in waited if each not in still and each != gate.name)
        waiting = {each: self._waiting.get(each, frozenset()) for each in still}
        events = self._new_events(gate.name)
        own = next((event.call for event in events if event.call.actor == gate.name), None)
        if own is None and gate.name in still and gate.pending is not None and gate.place is not Place.PYTHON:
            own = gate.pending.call
        return Turn(gate.name, own, gate.name in still, woken, (), waiting, events)

    def _new_events(self, name: str) -> tuple[Event, ...]:
        """What was answered since the last time: victims first, then who was let go, then whom that woke.

        Threads note their answers in any order; at the database, that is how one comes of the other.
        """
        found = [event for gate in self.gates for event in self.events(gate.name) if event.order > self._seen]
        self._seen = max((event.order for event in found), default=self._seen)
        found.sort(key=lambda it: (it.reply.code not in DEADLOCK, it.call.actor != name, it.order))
        for number, place in enumerate(sorted(event.order for event in found)):
            event = found[number]
            if event.order != place:
                its = self.events(event.call.actor)
                found[number] = its[its.index(event)] = replace(event, order=place)
        return tuple(found)

    def _let_go(self, gate: Gate) -> None:
        gate.place = Place.PYTHON
        self._waiting.pop(gate.name, None)
        gate.baton.hand_over()

    def _let_look(self) -> Pause:
        """Before somebody may close a cycle of waits, those look who may have closed one by waiting themselves."""
        wires = [
            each.pending.wire
            for each in self.gates
            if each.name in self._hasty and each.place is Place.FLIGHT and each.pending
        ]
        longest = max((wire.sandbox.looks_for_cycles_s for wire in wires if wire is not None), default=0.0)
        while (left := self._settled + longest - time.monotonic()) > 0:
            yield left

    # Until nobody can go on by himself

    def _settle(self) -> Pause:
        yield from self._come_to_rest()
        self._settled = time.monotonic()

    def _come_to_rest(self) -> Pause:
        pause, self._cycle = FIRST_PAUSE_S, ({}, 0.0)
        while running := [gate for gate in self.gates if gate.place in {Place.PYTHON, Place.FLIGHT}]:
            known = all(gate.name in self._waiting for gate in running)  # the engine tells at once; the system does not
            computes = any(gate.place is Place.PYTHON for gate in running)
            long = pause >= LONGEST_PAUSE_S
            if (known or pause > (_COMPUTES_S if computes else FIRST_PAUSE_S)) and self._all_wait(running, long=long):
                return
            rang = yield pause
            self._require_room()
            pause = FIRST_PAUSE_S if rang else min(2 * pause, LONGEST_PAUSE_S)
        self._waiting.clear()

    def _require_room(self) -> None:
        """Who may go on is asked of one Call of each caller."""
        if crowded := next((gate.name for gate in self.gates if gate.crowded), None):
            raise Stuck(
                f"{crowded} makes several calls at once, in tasks or threads of its own: explore holds one "
                f"call of each caller; let it make them one after another, or make an operation of each"
            )
        if hasty := next((gate.name for gate in self.gates if gate.hasty), None):
            raise Stuck(
                f"{hasty} makes calls that block the event loop, and awaits something in between, where nobody can be "
                f"let in; --actors processes can, or let it await its calls"
            )

    def _all_wait(self, running: Sequence[Gate], *, long: bool = False) -> bool:
        """Whether all that run wait for somebody, and not in a cycle, which the engine is about to end.

        Whoever does not wait for long is refused as long as nobody else goes on: served is who comes later. Rows that
        stay with the server until they are fetched are locked then, when their Call has been answered.
        """
        flying = [gate for gate in running if gate.place is Place.FLIGHT]
        idle = {gate.name for gate in running if gate.place is Place.PYTHON and self.idles(gate)}
        fetching = [gate for gate in running if long and gate.place is Place.PYTHON and gate.name not in idle]
        if len(flying) + len(idle) + len(fetching) < len(running):
            return False
        waiting = waiting_of(flying, self.gates, fetching)
        # asked after the engine: until its Call is sent, a gate does not know how long it waits
        if any(gate.brief or gate.place is not Place.FLIGHT for gate in flying):
            return False
        if len(waiting) < len(flying) + len(fetching) or any(gate.place is not Place.PYTHON for gate in fetching):
            return False
        self._waiting = dict(waiting)
        return not _in_cycle(waiting) or self._stays(waiting)

    def _stays(self, cycle: Waiting) -> bool:
        """Whether a cycle has been there for so long that it is none: an engine ends one as soon as it is closed.

        InnoDB names as those who are waited for all that are ahead in the queue of a row, and at times each of two that
        wait for a third one.
        """
        if self._cycle[0] != cycle:
            self._cycle = dict(cycle), time.monotonic()
        return time.monotonic() - self._cycle[1] > _NO_CYCLE_S

    # A database that refuses instead of letting wait

    def _try_again(self, but: Gate | None = None) -> Pause:
        """Those that were refused as busy try again, in the order in which they were refused, as long as one gets on:
        whoever ends may let go what an earlier one was refused for.
        """
        moved = True
        while moved:
            moved = False
            self._refused = [gate for gate in self._refused if gate.place is Place.REFUSED]
            for gate in list(self._refused):
                if gate is not but:
                    self._let_go(gate)
                    yield from self._settle()
                    moved = moved or gate.place is not Place.REFUSED
            but = None
        self._refused = [gate for gate in self._refused if gate.place is Place.REFUSED]
        self._refused += [gate for gate in self.gates if gate.place is Place.REFUSED and gate not in self._refused]

    # Nobody can go on

    def _unlock(self, turns: list[Turn]) -> Pause:
        """All wait: the one refused first is refused for good, or the engine ends a cycle of waits."""
        waited = [gate.name for gate in self.gates if gate.place is not Place.GONE]
        refused: tuple[str, ...] = ()
        if self._refused:
            gate = self._refused.pop(0)
            refused = (gate.name,)
            gate.gives_up = True
            self._let_go(gate)
            yield from self._settle()
            yield from self._try_again()
        else:
            yield from self._outlast()
        last = turns[-1]
        now = self._told(next(gate for gate in self.gates if gate.name == last.actor), waited)
        turns[-1] = Turn(
            last.actor,
            last.call,
            now.waits,
            (*last.woken, *now.woken),
            (*last.refused, *refused),
            now.waiting,
            (*last.events, *now.events),
        )
        self.after_turn(Turn(last.actor, last.call, events=now.events))

    def _outlast(self) -> Pause:
        """Wait until one of those that wait for each other has been answered."""
        began = time.monotonic()
        there = [(gate, gate.place, gate.pending) for gate in self.gates if gate.place is not Place.GONE]
        while all(gate.place is place and gate.pending is pending for gate, place, pending in there):
            yield LONGEST_PAUSE_S
            if time.monotonic() - began > PATIENCE_S:
                raise Stuck(f"nobody goes on, and nothing ends it: {'; '.join(_stands(gate) for gate, _, _ in there)}")
        yield from self._settle()


@cache
def _is_refusal(code: str) -> bool:
    """Whether a lock that somebody else holds is what an error tells of; no two engines have a code in common."""
    return any(speech_of(engine).errors.get(code) in _REFUSED for engine in SPEECHES)


def waiting_of(flying: Sequence[Gate], gates: Sequence[Gate], fetching: Sequence[Gate] = ()) -> Waiting:
    """Those of these callers that wait for a lock, and for which callers, from one answer of each database.

    Args:
        flying: callers whose Call is at the database.
        gates: of all callers.
        fetching: callers that may still be fetching what their last Call has found.
    """
    found: dict[str, frozenset[str]] = {}
    # Who has no Call just now may have left the connection of its last one to somebody else, who comes later here.
    here = [*fetching, *(gate for gate in gates if gate.place not in {Place.PYTHON, Place.GONE})]
    wires = {gate.name: gate.pending.wire for gate in here if gate.pending is not None}
    sessions = {wire.session: name for name, wire in wires.items() if wire is not None}
    for sandbox in {id(wire.sandbox): wire.sandbox for wire in wires.values() if wire is not None}.values():
        asked = {
            wire.session: gate.name
            for gate in (*fetching, *flying)
            if (wire := wires.get(gate.name)) is not None and wire.sandbox is sandbox and wire.session is not None
        }
        if not asked:
            continue
        numbers = [number for number in asked if number is not None]
        for number, holders in sandbox.waits(numbers).items():
            found[asked[number]] = frozenset(sessions.get(holder, _ABROAD) for holder in holders)
    return found


def _stands(gate: Gate) -> str:
    """What somebody waits for who does not go on."""
    if gate.place is Place.PYTHON or gate.pending is None:
        return f"{gate.name} waits for a lock or a connection of the program"
    call = gate.pending.call
    return f"{gate.name} waits for the database: {call.label[:60]}{f' at {call.site}' if call.site else ''}"


def _kept_by(gate: Gate, holders: Collection[str]) -> str:
    """Why somebody cannot be let go."""
    if gate.place is Place.GONE:
        return f"{gate.name} has already ended"
    if gate.place is Place.PYTHON or gate.pending is None:
        return _stands(gate)
    others = " and ".join(sorted(name for name in holders if name != _ABROAD)) or "the database"
    call = gate.pending.call
    return f"{gate.name} waits for {others} at {call.site or call.label[:60]}"


def _in_cycle(waiting: Waiting) -> bool:
    """Whether somebody waits, over others, for himself."""
    for name in waiting:
        seen: set[str] = set()
        ahead = set(waiting[name])
        while ahead:
            if name in ahead:
                return True
            seen |= ahead
            ahead = {further for each in ahead for further in waiting.get(each, frozenset())} - seen
    return False

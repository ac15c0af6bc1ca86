"""Follows a run turn by turn, and says what each turn did: which locks are held, what a COMMIT shows, what is let go.

What is not known for certain is held for longer and shown more often than it is; only what a transaction is known to
hold without fail counts as *held*, since that is a reason to leave schedules out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from acidity.core.call import Call, Event, History, Kind
from acidity.core.turn import Turn
from acidity.engines.codes import DEADLOCK
from acidity.engines.speech import ErrorClass, speech_of
from acidity.prove.explore.classes.conflicts import Conflicts
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.items import EVERYTHING, NOTHING, WRITER, Items, meet
from acidity.prove.explore.classes.keys import Keys
from acidity.prove.explore.classes.learnt import Learnt
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.classes.step import Part, Step
from acidity.prove.explore.classes.transaction import Transaction, Wire
from acidity.prove.explore.in_order import NOBODY, InOrder

_REFUSALS = frozenset({ErrorClass.BUSY, ErrorClass.LOCK_TIMEOUT, ErrorClass.CANCELLED})
_BEGIN = re.compile(
    r"\s*(?:begin|start\s+transaction)(?:\s+(?:work|transaction|deferred))?(?:\s+read\s+(?:only|write))?\s*;?\s*",
    re.IGNORECASE,
)
_BEGIN_TO_WRITE = re.compile(r"\s*begin\s+(?:immediate|exclusive)\b", re.IGNORECASE)


class Follower:
    """Says what the turns of one run did.

    Args:
        relation: of the level.
        reader: of its texts.
        learnt: what transactions touch.
        keys: the keys that are the same in each run.
        levels: of transactions.
        in_order: callers that nothing tells apart.

    Attributes:
        steps: of the run so far.
        unfit: why schedules of this program cannot be put into classes; empty if they can.
    """

    def __init__(
        self,
        relation: Relation,
        reader: Reader,
        learnt: Learnt,
        keys: Keys,
        levels: Levels,
        in_order: InOrder = NOBODY,
    ) -> None:
        self.relation = relation
        self.steps: list[Step] = []
        self.unfit = ""
        self._reader = reader
        self._sqlite = reader.engine == "sqlite"
        self._errors = speech_of(reader.engine).errors
        self._learnt = learnt
        self._keys = keys
        self._levels = levels
        self._conflicts = Conflicts(count=relation.refuses_conflicts)
        self._in_order = in_order
        self._acted: set[str] = set()
        self._gone: set[str] = set()
        self._open: dict[Wire, Transaction] = {}
        self._flying: dict[str, tuple[Call, Part]] = {}
        self._answered_last: dict[str, int] = {}
        self._unheard: dict[str, list[Event]] = {}  # their rows are fetched until the next Call
        self._touched: dict[tuple[str, int, int], Items] = {}
        self._in_vain: list[Part] = []  # statements that did not find the row for which they may have waited
        self._chosen = 0

    def begin(self, *, again: bool = False) -> None:
        """A run begins, or one that was followed before is shown again."""
        self.steps, self._open, self._flying, self._touched = [], {}, {}, {}
        self._chosen, self._in_vain = 0, []
        self._levels.begin()
        self._conflicts.begin()
        self._keys.begin(again=again)
        self._acted, self._gone, self._answered_last, self._unheard = set(), set(), {}, {}

    def choosing(self, able: Collection[str]) -> None:
        """Somebody is about to be let go; whoever can neither go on nor waits has ended."""
        self._chosen += 1
        if self.steps:
            for name in sorted({step.actor for step in self.steps} - set(able) - set(self._flying)):
                if not self._is_held_back(name):
                    self._gone.add(name)
            self._give_back(self._gone)

    def _is_held_back(self, name: str) -> bool:
        """Whether a caller may be able to go on that is not said to be, since one of its kin comes first."""
        before = self._in_order.before(name)
        return name not in self._acted and any(each not in self._acted | self._gone for each in before)

    def finish(self) -> None:
        """The run is over."""
        if self.steps:
            self._give_back({wire[0] for wire in self._open})
        self._forget_waits()
        if self.relation.snapshots:  # elsewhere it is nowhere asked
            self._learnt.learn(self._touched)

    def _give_back(self, actors: Collection[str]) -> None:
        for wire, transaction in list(self._open.items()):
            if wire[0] in actors and (transaction.all or transaction.wild):
                self.steps[-1].parts.append(self._taken_back(wire))
                self._end(wire)

    # Turns

    def teach(self, history: History) -> None:
        """Follow a run in which the callers came one by one."""
        order, self._in_order = self._in_order, NOBODY
        self.begin()
        for event in history:
            self._chosen += 1
            self.turn(Turn(event.call.actor, event.call, events=(event,)))
        self.finish()
        self._keys.forget()
        self._in_order = order

    def turn(self, turn: Turn) -> None:
        """Note what a turn did."""
        if self.unfit:
            return
        try:
            if self._chosen > len(self.steps):
                self._begin_step(turn)
            else:  # the engine ended a cycle of waits, or refused somebody for good
                self.steps[-1].parts.append(Part(turn.actor, Kind.ROLLBACK, wild=True))
                self.steps[-1].refused = True
            self._note(turn)
        except Unfit as error:
            self.unfit = str(error)

    def _begin_step(self, turn: Turn) -> None:
        if sum(it.call.actor == turn.actor and it.call.kind is not Kind.EFFECT for it in turn.events) > 1:
            raise Unfit("a caller makes calls that block the event loop")
        begins = self._begun(turn)
        if turn.call is None:
            if turn.waits:
                raise Unfit("a caller waits for a lock or a connection of the program")
            self.steps.append(Step(turn.actor, [Part(turn.actor, Kind.EFFECT)], begins=begins))
            return
        part = self._part(turn.call)
        if turn.waits and not self._explains(part):
            raise Unfit(f"nothing that is known of the others explains why {turn.call.label[:40]!r} waits")
        self.steps.append(Step(turn.actor, [part], turn.waits, begins=begins))
        self._flying[turn.actor] = turn.call, part

    def _begun(self, turn: Turn) -> tuple[str, ...]:
        """All callers that are kept in order with this one, if they are by what it does in this turn."""
        order, name = self._in_order, turn.actor
        kin = order.kin.get(name, ())
        if not kin or name in self._acted:
            return ()
        if name not in order.at_once and (turn.call is None or not order.acts(turn.call)):
            return ()
        self._acted.add(name)
        for other in [each for each in order.before(name) if each not in self._acted]:
            if other not in self._gone:
                raise Unfit(f"{name} goes on before {other}, which does the same and waits for something")
            last = next(step for step in reversed(self.steps) if step.actor == other)
            last.begins = kin  # it has ended without a Call that acts
            self._acted.add(other)
        return kin

    def _explains(self, part: Part) -> bool:
        """Whether a caller may have to wait for what the others hold or wait for."""
        awaits_readers = bool(part.publishes) and "commit_meets_reader" in self.relation.rules
        if part.wild or awaits_readers or any(self.relation.meet(part, other) for _, other in self._flying.values()):
            return True
        if self._sqlite and part.kind is Kind.COMMIT:
            return self.relation.shares_reads == "" and "commit_meets_reader" in self.relation.rules
        foot = part.foot
        return any(
            held.wild
            or meet(held.writes | held.locks, foot.writes | foot.locks | foot.shares)
            or meet(held.shares | held.reads, foot.writes | foot.locks)
            for (actor, _), held in self._open.items()
            if actor != part.actor
        )

    def _note(self, turn: Turn) -> None:
        step = self.steps[-1]
        for event in turn.events:
            name = event.call.actor
            if event.call.kind is Kind.EFFECT and event.call.index < self._answered_last.get(name, 0):
                raise Unfit("a call is made within an effect or beside it")
            self._answered_last[name] = event.call.index
            self._unheard.setdefault(name, []).append(event)
            call, part = self._flying.pop(name, (None, None))
            if call is not event.call or part is None:
                part = self._part(event.call)
            if not any(known is part for known in step.parts):
                step.parts.append(self._entangled(part, event.call))
            if part.awaits and self._errors.get(event.reply.code) in _REFUSALS and not step.refused:
                self._learnt.refuses = self._learnt.grew = True
            if event.reply.code in DEADLOCK and self._reader.engine == "mariadb" and self._may_hand_over:
                self._learnt.refuses = self._learnt.grew = True  # who has waited counts for more as a victim
            step.parts += self._answered(event, part)

    # Parts

    def _of(self, call: Call) -> tuple[Wire, Transaction]:
        wire = call.actor, call.connection
        return wire, self._open.setdefault(wire, Transaction())

    def _part(self, call: Call) -> Part:
        """What this Call would do now."""
        if call.kind is Kind.EFFECT:
            return Part(call.actor, call.kind, outside=True)
        wire, transaction = self._of(call)
        if call.autocommit and not self._learnt.autocommits:
            self._learnt.autocommits = self._learnt.grew = True
        if call.kind is Kind.STATEMENT:
            part = self._statement(call, wire, transaction)
        elif call.kind is Kind.COMMIT:
            part = replace(self._taken_back(wire), kind=Kind.COMMIT, publishes=transaction.writes)
        elif call.kind in {Kind.ROLLBACK, Kind.ROLLBACK_TO}:
            part = replace(self._taken_back(wire), kind=call.kind)
        elif call.kind is Kind.BEGIN:
            part = self._beginning(call, wire, transaction)
        elif call.kind in {Kind.SAVEPOINT, Kind.RELEASE}:
            commits = self._sqlite and call.kind is Kind.RELEASE
            part = Part(call.actor, call.kind, wild=commits and bool(transaction.all), held=transaction.held)
        else:
            raise Unfit("a transaction is prepared")
        whole = self._learnt.of(wire, transaction.number)
        return replace(part, whole=whole if part.kind is Kind.STATEMENT or part.ends else NOTHING)

    def _taken_back(self, wire: Wire) -> Part:
        """The end of its transaction."""
        transaction = self._open[wire]
        unshared = transaction.shares | (transaction.reads if self.relation.shares_reads == "all" else NOTHING)
        return Part(
            wire[0],
            Kind.ROLLBACK,
            releases=transaction.writes | transaction.locks,
            unshares=unshared,
            read=transaction.reads | transaction.shares,
            held=transaction.held,
            wild=transaction.wild,
            entangled=self._conflicts.has(wire, transaction.number),
        )

    def _beginning(self, call: Call, wire: Wire, transaction: Transaction) -> Part:
        if self._sqlite and _BEGIN_TO_WRITE.match(call.sql):
            exclusive = "exclusive" in call.sql.lower()
            foot = Footprint(writes=frozenset({WRITER}), exact=True)
            awaits = frozenset({WRITER}) if self._may_hand_over else NOTHING
            seen = self._learnt.of(wire, transaction.number)
            return Part(call.actor, call.kind, foot, snapshot=seen, awaits=awaits, wild=exclusive)
        if call.sql and not _BEGIN.fullmatch(call.sql):
            raise Unfit(f"{call.label[:40]!r} begins a transaction in a way of its own")
        if not self._sqlite and transaction.all:  # MariaDB commits what is open
            return replace(self._taken_back(wire), publishes=transaction.writes, wild=True)
        return Part(call.actor, call.kind)

    def _statement(self, call: Call, wire: Wire, transaction: Transaction) -> Part:
        foot = self._reader.again(self._foot(call), transaction.changed)
        takes = not (transaction.sees or foot.idle) and (
            self.relation.snapshots == "statement" or (self.relation.snapshots == "read" and bool(foot.reads))
        )
        if takes and foot.may_idle and self.relation.snapshots == "read":
            raise Unfit("a query may be answered without a look at its tables")
        part = Part(call.actor, call.kind, foot, held=transaction.held, wild=foot.wild)
        if takes:
            part = replace(part, snapshot=self._learnt.of(wire, transaction.number))
        if self._may_hand_over and not transaction.wild and not call.autocommit:
            part = replace(part, awaits=self._awaited(foot, transaction, takes=takes))
        if call.autocommit:
            part = replace(part, publishes=foot.writes, read=foot.reads | foot.shares)
        return self._entangled(part, call)

    def _entangled(self, part: Part, call: Call) -> Part:
        """A statement as it is now that it is asked, or answered in the turn of another, who may have come between."""
        if part.kind is not Kind.STATEMENT or part.foot.idle:
            return part
        wire, transaction = self._of(call)
        meets = self._conflicts.ask(wire, transaction.number, part.foot)
        return replace(part, entangled=part.entangled or meets)

    def _foot(self, call: Call) -> Footprint:
        wire = call.actor, call.connection
        if self._levels.sets(wire, call.sql):
            return Footprint(idle=True)
        read = self._reader.read(call)
        self._learnt.grew |= self._reader.grew
        self._reader.grew = False
        self._keys.hear(self._unheard.pop(call.actor, ()))
        self._keys.tell(call.params, call.actor)
        foot = self._keys.of(read)
        self._levels.require(wire, foot)
        if self._sqlite and (foot.writes or foot.wild):
            foot = replace(foot, writes=foot.writes | {WRITER})
        if self.relation.shares_reads == "all" or (self.relation.shares_reads == "writing" and foot.writes):
            foot = replace(foot, shares=foot.shares | foot.reads, reads=NOTHING)
        return foot

    @property
    def _may_hand_over(self) -> bool:
        at_once = self._learnt.refuses or (self._learnt.autocommits and not self._sqlite)
        return self.relation.hands_over and not at_once

    def _awaited(self, foot: Footprint, transaction: Transaction, *, takes: bool) -> Items:
        """What it would wait for, where to wait is the same as to come later."""
        if self._sqlite:
            first = WRITER not in transaction.writes and not transaction.asked
            return frozenset({WRITER}) if foot.writes and not foot.wild and first else NOTHING
        if not foot.exact or takes:
            return NOTHING
        return foot.writes | foot.locks

    # Answers

    def _answered(self, event: Event, part: Part) -> Iterable[Part]:
        """Note what an answered Call has changed, and say what came of it beside."""
        call = event.call
        if call.kind is Kind.EFFECT:
            return
        wire, transaction = self._of(call)
        ok = event.reply.status == "ok"
        if call.kind is Kind.STATEMENT or (call.kind is Kind.BEGIN and part.foot.writes):
            key = (*wire, transaction.number)
            touched = EVERYTHING if part.wild else part.foot.all  # as of a table with a trigger
            self._touched[key] = self._touched.get(key, NOTHING) | touched
            if part.awaits and not self._sqlite and not (ok and _found(event, event.reply.rowcount)):
                self._in_vain.append(part)
            self._keep(call, part, transaction, event, ok=ok)
        elif call.kind is Kind.BEGIN:
            transaction.begun = True
        elif call.kind is Kind.ROLLBACK_TO or (self._sqlite and call.kind is Kind.RELEASE):  # which may be a COMMIT
            transaction.shaken = True
        elif call.kind is Kind.SAVEPOINT and self._sqlite:
            transaction.begun = True
        ended = call.kind in {Kind.COMMIT, Kind.ROLLBACK}
        if not ok:
            yield replace(self._taken_back(wire), wild=event.reply.code in DEADLOCK or transaction.wild)
            transaction.shaken = True
            if event.reply.code in DEADLOCK and self._reader.engine == "mariadb":
                self._end(wire)  # whoever goes on does so in another transaction
        if ended and (ok or not self._sqlite):  # SQLite's COMMIT that is refused leaves everything as it is
            self._end(wire, committed=ok and call.kind is Kind.COMMIT)

    def _forget_waits(self) -> None:
        """Who has waited and does not find his row keeps its lock, and who comes later has none. That is not the same
        where anybody comes to that row but who had it.
        """
        for part in self._in_vain:
            there = [key for key, items in self._touched.items() if key[0] != part.actor and meet(items, part.awaits)]
            if len(there) > 1 or any(each.wild for step in self.steps for each in step.parts):
                for step in self.steps:
                    step.parts[:] = [replace(each, awaits=NOTHING) if each is part else each for each in step.parts]

    def _end(self, wire: Wire, *, committed: bool = False) -> None:
        self._levels.ended(wire)
        self._conflicts.end(wire, self._open[wire].number, committed=committed)
        self._open[wire] = Transaction(self._open[wire].number + 1)

    def _keep(self, call: Call, part: Part, transaction: Transaction, event: Event, *, ok: bool) -> None:
        foot = part.foot
        transaction.asked |= transaction.begun
        if foot.idle:
            return
        transaction.wild |= part.wild
        if self._sqlite and call.kind is Kind.STATEMENT and not foot.writes and not transaction.begun:
            return  # a query outside a transaction is one by itself
        if call.autocommit and ok and not transaction.wild:
            self._end((call.actor, call.connection), committed=True)
            return
        transaction.writes |= foot.writes
        transaction.changed |= foot.writes if foot.changes else NOTHING
        transaction.gone |= foot.writes if foot.unmakes else NOTHING
        transaction.locks |= foot.locks
        transaction.shares |= foot.shares
        transaction.reads |= foot.reads
        found = event.reply.rowcount
        if foot.makes or not ok or (not self._sqlite and not _found(event, found)):
            transaction.made |= (foot.writes | foot.locks) - {WRITER}
        transaction.begun |= self._sqlite
        looks = bool(foot.all) and not foot.may_idle  # SQLite has a view of the rows when it has looked at a page
        transaction.sees |= looks if self._sqlite else part.snapshot is not None


def _found(event: Event, rowcount: int | None) -> bool:
    """Whether an UPDATE or a locking query has found its row; where it is not known, it counts as not found."""
    if event.call.writes:
        return rowcount is not None and rowcount > 0
    return bool(event.reply.rows) or (rowcount is not None and rowcount > 0)

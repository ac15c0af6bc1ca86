"""Watch a run from outside, turn by turn, for the graph of who depends on whom.

After each COMMIT the committed rows are read, and every query of the run is asked again, over a connection of acidity's
own while all callers wait.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import nullcontext, suppress
from functools import cache
from typing import Any

from acidity.analysis.dependencies import Dependencies, is_named
from acidity.analysis.questions import Query
from acidity.core.call import Event, History, Kind
from acidity.core.turn import Turn
from acidity.engines.codes import unless_kept_out
from acidity.engines.own_calls import own_calls
from acidity.prove.explore.asking import Key, Questions, key_of
from acidity.prove.explore.control import Choose
from acidity.prove.explore.depending import graph_of
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.one_by_one import OneByOne
from acidity.prove.explore.own_level import watched
from acidity.prove.explore.watched import Answer, Watched

_ASK_S_MAX = 2.0  # what a program asks of some rows in no time may have no end on those that its callers have left
_ENDLESS: Answer = ((), (("it has no end",),))  # which is no answer that it had before


class Observer:
    """Watches one run that goes as an earlier one went.

    Args:
        lab: where it is run.
        history: of the earlier run, which says what will be asked.
        one_by_one: what its callers got in the serial orders.
    """

    def __init__(self, lab: Lab, history: History, one_by_one: OneByOne) -> None:
        self._lab = lab
        self._one_by_one = one_by_one
        self._stage = lab.stage
        self._questions = Questions(lab.stage)
        self._asks: dict[Key, Query] = {}
        self._beside: dict[str, Any] = {}
        engines = {name: part.engine_name for name, part in lab.stage.parts.items()}
        self._watched = Watched(lab.stage.seed.tables, engines)
        for event in history:
            for query in self._questions.about(event):
                key = key_of(event, query)
                self._asks.setdefault(key, query)
                self._watched.same_call.setdefault((event.call.actor, event.call.index, query.sql), key)

    def watching(self, choose: Choose) -> Choose:
        """The same choice, with a look at the rows before the first turn."""

        def look_first(number: int, able: tuple[str, ...]) -> str:
            if number == 0:
                self._look()
            return choose(number, able)

        return look_first

    def after_turn(self, turn: Turn) -> None:
        """Look again if somebody has committed, past who keeps everybody out if nothing was left to look at before."""
        seen, may_pass = self._watched, not self.owes_a_look and not turn.woken and all(map(_only_commits, turn.events))
        for event in turn.events:
            seen.events.append((event, len(seen.commits)))
            if event.call.commits and seen.is_done(event):
                seen.commits.append((event, len(seen.states)))
        if turn.call is not None and turn.waits:
            seen.asked.setdefault((turn.actor, turn.call.index), len(seen.commits))
        if self.owes_a_look:
            with unless_kept_out(), self._stage.sandbox.passing_locks() if may_pass else nullcontext():
                self._look()  # or else once he has let go

    @property
    def owes_a_look(self) -> bool:
        """Whether somebody has committed and the rows after it have not been read, since nobody was let in."""
        return any(number == len(self._watched.states) for _, number in self._watched.commits)

    def graph(self) -> Dependencies:
        """Who depends on whom in the run that was watched."""
        return graph_of(self._watched, self._questions, cache(self._level_of), self._one_by_one)

    def undone_by(self, error: Event) -> list[Event]:
        """The writes before an error that its engine took back for it, though the caller has asked for a COMMIT."""
        return self._watched.undone_by(error)

    def _level_of(self, actor: str) -> str:
        """The isolation level of a caller's transactions, as it is when it runs alone; empty where it has several.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        if self._lab.apart:  # it is to run in a process of its own
            return ""
        operation = self._lab.operations[self._lab.names.index(actor)]
        seen = tuple(watched(self._stage, operation).seen)
        return seen[0] if len(seen) == 1 else ""

    def _look(self) -> None:
        with own_calls():
            self._watched.states.append(self._stage.sandbox.look().state)
            self._ask_of_what_was()
            locked = self._stage.sandbox.locked()
            answers = {key: self._ask(key, query, locked) for key, query in self._asks.items()}
            self._watched.answers.append(answers)

    def _ask_of_what_was(self) -> None:
        """From now on ask of the rows that a transaction has just changed as they stood before it, too.

        A write may hide by its own change what it has looked for: a row that it deleted is found no more, whatever
        becomes of the rows by which it had been found.
        """
        seen = self._watched
        for number, (commit, place) in enumerate(seen.commits, start=1):
            if place != len(seen.states) - 1:
                continue
            for event, _ in seen.transaction_of(commit):
                for touched in self._questions.touched(event):
                    before = seen.answers[-1].get(key_of(event, touched.rows))
                    for query, again in touched.as_it_was(*before) if before is not None else ():
                        key = key_of(event, again)
                        self._asks.setdefault(key, again)
                        seen.as_it_was[id(event), key_of(event, query)] = number, key

    def _ask(self, key: Key, query: Query, locked: Collection[str]) -> Answer:
        """What is locked is as it was; what needs other tables beside it cannot be asked."""
        named = {table for table in self._watched.tables if is_named(table, query.sql)} if locked else set()
        if not named.isdisjoint(locked):
            return self._watched.answers[-1].get(key) if named <= {*locked} and self._watched.answers else None
        database, began = key[0], time.monotonic()
        if database not in self._beside:
            self._beside[database] = self._stage.parts[database].connect_beside(_ASK_S_MAX)
        cursor = self._beside[database].cursor()
        try:
            with suppress(Exception):  # what cannot be asked is not known, and names nothing
                cursor.execute(query.sql, query.params) if query.params else cursor.execute(query.sql)
                columns = tuple(str(column[0]) for column in cursor.description or ())
                return columns, tuple(tuple(row) for row in cursor.fetchall())
            before = self._watched.answers[-1].get(key) if self._watched.answers else None
            return None if before is None or time.monotonic() - began < _ASK_S_MAX else _ENDLESS
        finally:
            with suppress(Exception):
                cursor.close()


def _only_commits(event: Event) -> bool:
    """Whether a Call that commits does nothing after it, so that who commits by it has not locked anything anew."""
    return not event.call.commits or event.call.kind is Kind.COMMIT or event.call.autocommit

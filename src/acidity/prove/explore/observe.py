"""Watch a run from outside, turn by turn, for the graph of who depends on whom.

After each COMMIT the committed rows are read, and every query of the run is asked again, over a connection of acidity's
own while all callers wait.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from acidity.analysis.dependencies import Dependencies
from acidity.analysis.questions import Query
from acidity.core.call import History
from acidity.core.turn import Turn
from acidity.engines.own_calls import own_calls
from acidity.prove.explore.asking import Key, Questions, key_of
from acidity.prove.explore.control import Choose
from acidity.prove.explore.watched import Answer, Watched, graph_of
from acidity.prove.stage.stage import Stage


class Observer:
    """Watches one run that goes as an earlier one went.

    Args:
        stage: where it is.
        history: of the earlier run, which says what will be asked.
    """

    def __init__(self, stage: Stage, history: History) -> None:
        self._stage = stage
        self._questions = Questions(stage)
        self._asks: dict[Key, Query] = {}
        self._beside: dict[str, Any] = {}
        self._watched = Watched(stage.seed.tables)
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
        """Look again if somebody has committed."""
        watched = self._watched
        for event in turn.events:
            watched.events.append((event, len(watched.commits)))
            if event.call.commits and event.reply.status == "ok":
                watched.commits.append((event, len(watched.states)))
        if turn.call is not None and turn.waits:
            watched.asked.setdefault((turn.actor, turn.call.index), len(watched.commits))
        if any(number == len(watched.states) for _, number in watched.commits):
            self._look()

    def graph(self) -> Dependencies:
        """Who depends on whom in the run that was watched."""
        return graph_of(self._watched, self._questions)

    def _look(self) -> None:
        with own_calls():
            self._watched.states.append(self._stage.sandbox.look().state)
            self._ask_of_what_was()
            answers = {key: self._ask(key[0], query) for key, query in self._asks.items()}
            self._watched.answers.append(answers)

    def _ask_of_what_was(self) -> None:
        """From now on ask of the rows that a transaction has just changed as they stood before it, too.

        A write may hide by its own change what it has looked for: a row that it deleted is found no more, whatever
        becomes of the rows by which it had been found.
        """
        watched = self._watched
        for number, (commit, place) in enumerate(watched.commits, start=1):
            if place != len(watched.states) - 1:
                continue
            for event, _ in watched.transaction_of(commit):
                for touched in self._questions.touched(event):
                    before = watched.answers[-1].get(key_of(event, touched.rows))
                    for query, again in touched.as_it_was(*before) if before is not None else ():
                        key = key_of(event, again)
                        self._asks.setdefault(key, again)
                        watched.as_it_was[id(event), key_of(event, query)] = number, key

    def _ask(self, database: str, query: Query) -> Answer:
        if database not in self._beside:
            self._beside[database] = self._stage.parts[database].connect_beside()
        cursor = self._beside[database].cursor()
        try:
            with suppress(Exception):  # what cannot be asked is not known, and names nothing
                cursor.execute(query.sql, query.params) if query.params else cursor.execute(query.sql)
                columns = tuple(str(column[0]) for column in cursor.description or ())
                return columns, tuple(tuple(row) for row in cursor.fetchall())
            return None
        finally:
            with suppress(Exception):
                cursor.close()

"""What to ask of the committed rows about each Call of a run: its own question, and what a write looked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from acidity.analysis.correlated import correlated_in
from acidity.analysis.fetched import is_nothing, rows_of
from acidity.analysis.parts import asked_beside
from acidity.analysis.questions import Query, named, question_of, unlimited
from acidity.analysis.scanned import rows_behind, scanned_by
from acidity.analysis.sub_selects import sub_selects_in
from acidity.analysis.touched import Touched, touched_by
from acidity.analysis.upserted import brought_by, upserted_by
from acidity.core.call import Event
from acidity.core.params import text_of
from acidity.prove.explore.tables import StageTables
from acidity.prove.stage.stage import Stage

Key = tuple[str, str, str]  # database, text, parameters


class Questions:
    """The questions about the Calls of callers on a Stage.

    Args:
        stage: where they are.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tables: dict[str, StageTables] = {}
        self._touched: dict[Key, tuple[Touched, ...]] = {}

    def about(self, event: Event) -> Iterator[Query]:
        """All that is asked about a Call."""
        question, touched = self.asked(event), self.touched(event)
        yield from (each.rows for each in touched)
        looks = [query for each in touched for query in (each.values, *each.inner) if query is not None]
        for query in (*([question] if question is not None else []), *self.scanned(event), *looks):
            yield query
            behind = rows_behind(query)
            if behind is not None:
                yield behind
        if question is not None:
            if (whole := unlimited(question)) is not None:
                yield whole
            yield from sub_selects_in(question, self.engine(event)).asked

    def asked(self, event: Event) -> Query | None:
        """What the program itself asked."""
        call = named(event.call)
        return asked_beside(call, self.engine(event)) if call.writes else question_of(call)

    def scanned(self, event: Event) -> tuple[Query, ...]:
        """What it looks for without saying what it found."""
        call, engine = named(event.call), self.engine(event)
        sums = bool(rows := rows_of(event)) and is_nothing(rows)
        brought = brought_by(call, engine) if call.writes else ()
        within = (scanned_by(replace(call, sql=each.sql, params=each.params)) for each in brought)
        return (*scanned_by(call, sums=sums), *correlated_in(call, engine), *brought, *chain.from_iterable(within))

    def touched(self, event: Event) -> tuple[Touched, ...]:
        """The rows that a Call touches."""
        call = named(event.call)
        if not call.writes:
            return ()
        key = call.database, call.sql, text_of(call.params)
        if key not in self._touched:
            tables, engine = self.tables(call.database), self.engine(event)
            self._touched[key] = (*touched_by(call, engine, tables), *upserted_by(call, engine, tables))
        return self._touched[key]

    def tables(self, database: str) -> StageTables:
        """What is known of the tables of one database."""
        return self._tables.setdefault(database, StageTables(self._stage, database))

    def engine(self, event: Event) -> str:
        """The name of the engine that a Call was sent to."""
        return self._stage.parts[event.call.database].engine_name


def key_of(event: Event, query: Query) -> Key:
    """What tells a question about a Call from all others."""
    return event.call.database, query.sql, text_of(query.params)

"""Anomalies are named from the graph of who depends on whom, and from nothing that a table or column is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from acidity.analysis.anomalies import ANOMALIES, name_of
from acidity.analysis.dependencies import Commit, Dependencies, Kind, Refused, Written, dependencies_of, item_of
from acidity.analysis.reads import Read, Writer
from acidity.core.call import Call, Event, Reply, Writes
from acidity.core.call import Kind as CallKind
from acidity.core.codes import CODES
from acidity.core.finding import RowChange

SCHEMA = {"accounts": "accounts", "balance": "balance", "bookings": "bookings"}
RENAMED = {"accounts": "t1", "balance": "c7", "bookings": "x"}
Rows = tuple[tuple[Any, ...], ...]


class Told:
    """Writes down a run: commits and reads, in their order, in a schema whose names do not matter."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.commits: list[Commit] = []
        self.reads: list[Read] = []
        self.errors: list[Refused] = []
        self._order = 0

    def _event(self, actor: str, sql: str, rows: Rows | None = None, kind: CallKind = CallKind.STATEMENT) -> Event:
        self._order += 1
        writes = Writes.NO if rows is not None else Writes.YES
        return Event(Call(actor, self._order, kind, sql, writes=writes), Reply("ok", rows=rows), order=self._order)

    def read(self, actor: str, question: str, got: Rows, answers: Sequence[Rows | None], *, own: bool = False) -> None:
        """A query, what it got, and what it gives in each committed state."""
        event = self._event(actor, f"SELECT {question}", got)
        self.reads.append(Read(event, len(self.commits), tuple(answers), own))

    def commit(self, actor: str, *changes: RowChange, blind: bool = True, silent: Sequence[RowChange] = ()) -> None:
        """A COMMIT, with the rows that changed and those that were written as they were."""
        written = [self._written(change, blind=blind) for change in (*changes, *silent)]
        event = self._event(actor, "", None, CallKind.COMMIT)
        self.commits.append(Commit(event, len(self.commits) + 1, changes, tuple(written)))

    def error(self, actor: str) -> None:
        """The database refused a statement."""
        event = replace(self._event(actor, "INSERT"), reply=Reply("error", code="23505"))
        self.errors.append(Refused(event, len(self.commits)))

    def _written(self, change: RowChange, *, blind: bool) -> Written:
        columns = frozenset(column for column, _ in change.after or change.before or ())
        return Written(item_of(change), columns, columns if blind else frozenset())

    def changed(self, key: int, old: Any, new: Any) -> RowChange:
        """A row of the first table with another value."""
        column = self.names["balance"]
        return RowChange(self.names["accounts"], (("id", key),), ((column, old),), ((column, new),))

    def added(self, key: int, room: int = 1) -> RowChange:
        """A new row of the second table."""
        return RowChange(self.names["bookings"], (("id", key),), None, (("id", key), ("room", room)))

    @property
    def graph(self) -> Dependencies:
        return dependencies_of(self.commits, self.reads, self.errors)


def lost_update(run: Told) -> None:
    run.read("A", "1", ((100,),), [((100,),), ((90,),), ((80,),)])
    run.read("B", "1", ((100,),), [((100,),), ((90,),), ((80,),)])
    run.commit("A", run.changed(1, 100, 90))
    run.commit("B", run.changed(1, 90, 80))


def silent_lost_update(run: Told) -> None:
    """Both write the same value, so that the second changes nothing that could be seen."""
    run.read("A", "1", ((100,),), [((100,),), ((90,),), ((90,),)])
    run.read("B", "1", ((100,),), [((100,),), ((90,),), ((90,),)])
    run.commit("B", run.changed(1, 100, 90))
    run.commit("A", silent=[run.changed(1, 90, 90)])


def stale_check(run: Told) -> None:
    """The same, but the database computes from what is there."""
    run.read("A", "1", ((1,),), [((1,),), ((0,),), ((-1,),)])
    run.commit("B", run.changed(1, 1, 0), blind=False)
    run.commit("A", run.changed(1, 0, -1), blind=False)


def both_check(run: Told, *, more: bool = False) -> None:
    """Each goes by the row that the other one changes; what one of them changes beside it makes no skew of that."""
    run.read("A", "1", ((1,),), [((1,),), ((0,),), ((-1,),)])
    run.read("B", "1", ((1,),), [((1,),), ((0,),), ((-1,),)])
    run.commit("B", *([run.changed(0, 1, 0)] if more else []), run.changed(1, 1, 0), blind=False)
    run.commit("A", run.changed(1, 0, -1), blind=False)


def both_check_and_one_does_more(run: Told) -> None:
    both_check(run, more=True)


def write_skew_beside_a_counter(run: Told) -> None:
    """Each changes what the other one goes by, and both a third row, which the database computes."""
    run.read("A", "count", ((2,),), [((2,),), ((1,),), ((0,),)])
    run.read("B", "count", ((2,),), [((2,),), ((1,),), ((0,),)])
    run.commit("A", run.changed(1, 1, 0), run.changed(3, 0, 1), blind=False)
    run.commit("B", run.changed(2, 1, 0), run.changed(3, 1, 2), blind=False)


def write_skew(run: Told) -> None:
    run.read("A", "count", ((2,),), [((2,),), ((1,),), ((0,),)])
    run.read("B", "count", ((2,),), [((2,),), ((1,),), ((0,),)])
    run.commit("A", run.changed(1, 1, 0))
    run.commit("B", run.changed(2, 1, 0))


def duplicate_insert(
    run: Told, *, question: str = "free WHERE room = 1 ORDER BY id", rooms: Sequence[int] = (1, 1)
) -> None:
    run.read("A", question, (), [(), ((1,),), ((1,), (2,))])
    run.read("B", question, (), [(), ((1,),), ((1,), (2,))])
    run.commit("A", run.added(1, rooms[0]))
    run.commit("B", run.added(2, rooms[1]))


def both_count_all(run: Told) -> None:
    """A count of 0 without a condition is a number like any other."""
    duplicate_insert(run, question="count(*)")


def both_look_for_more(run: Told) -> None:
    """Each finds no row of two kinds, and inserts one of another kind than the other one does."""
    duplicate_insert(run, question="free WHERE room IN (1, 2)", rooms=(1, 2))


def each_inserts_what_the_other_looks_for(run: Told) -> None:
    """And not what it has looked for itself."""
    run.read("A", "free WHERE room = 2", (), [(), (), ((2,),)])
    run.read("B", "free WHERE room = 1", (), [(), ((1,),), ((1,),)])
    run.commit("A", run.added(1))
    run.commit("B", run.added(2))


def phantom(run: Told) -> None:
    run.read("A", "count", ((7,),), [((7,),), ((8,),), ((9,),)])
    run.read("B", "count", ((7,),), [((7,),), ((8,),), ((9,),)])
    run.commit("A", run.added(1))
    run.commit("B", run.added(2))


def phantom_in_a_sum(run: Told) -> None:
    """Both saw 0, which was that of two rows, and not of none."""
    for actor in ("A", "B"):
        run.read(actor, "sum", ((0,),), [((0,),), ((8,),), ((9,),)])
        run.reads[-1] = replace(run.reads[-1], scans=(((1,), (2,)), ((1,), (2,), (3,)), ((1,), (2,), (3,), (4,))))
    run.commit("A", run.added(3))
    run.commit("B", run.added(4))


def non_repeatable_read(run: Told) -> None:
    run.read("B", "1", ((100,),), [((100,),), ((90,),)])
    run.commit("A", run.changed(1, 100, 90))
    run.read("B", "1", ((90,),), [((100,),), ((90,),)])


def one_row_by_two_questions(run: Told) -> None:
    """By a snapshot first, and then by what is committed."""
    run.read("B", "1", ((100,),), [((100,),), ((90,),)])
    run.commit("A", run.changed(1, 100, 90))
    run.read("B", "1 for update", ((90,),), [((100,),), ((90,),)])


def read_skew(run: Told) -> None:
    run.read("B", "1", ((100,),), [((100,),), ((90,),)])
    run.commit("A", run.changed(1, 100, 90), run.changed(2, 100, 110))
    run.read("B", "2", ((110,),), [((100,),), ((110,),)])


def dirty_read(run: Told) -> None:
    run.read("B", "1", ((150,),), [((100,),), ((100,),)])
    run.reads[-1] = replace(run.reads[-1], writers=(Writer("A", 1),))
    run.commit("A")


def mixed_answer(run: Told) -> None:
    """Nobody had written what was not committed: the answer has one row of before and one of after."""
    run.commit("A", run.changed(1, 100, 90), run.changed(2, 100, 110))
    run.read("B", "both", ((100,), (110,)), [((100,), (100,)), ((90,), (110,))])


def refused_check(run: Told) -> None:
    """What was written after a stale check was refused."""
    run.read("B", "free", (), [(), ((1,),)])
    run.commit("A", run.added(1))
    run.error("B")


SHAPES = {
    "lost update": (lost_update, silent_lost_update),
    "stale check": (stale_check, refused_check, both_check, both_check_and_one_does_more),
    "write skew": (write_skew, write_skew_beside_a_counter),
    "duplicate insert": (duplicate_insert,),
    "phantom": (
        phantom,
        phantom_in_a_sum,
        both_count_all,
        both_look_for_more,
        each_inserts_what_the_other_looks_for,
    ),
    "non-repeatable read": (non_repeatable_read, one_row_by_two_questions),
    "read skew": (read_skew, mixed_answer),
    "dirty read": (dirty_read,),
}


@pytest.mark.parametrize("names", [SCHEMA, RENAMED], ids=["as it is", "renamed"])
@pytest.mark.parametrize(
    ("anomaly", "shape"),
    [pytest.param(name, shape, id=f"{name}-{shape.__name__}") for name, shapes in SHAPES.items() for shape in shapes],
)
def test_each_has_its_shape(anomaly: str, shape: Any, names: Mapping[str, str]) -> None:
    run = Told(names)
    shape(run)
    named = name_of(run.graph)
    assert named is not None
    assert named[0] == anomaly


@pytest.mark.parametrize(("shape", "is_gone"), [(lost_update, True), (silent_lost_update, False)])
def test_what_was_written_over_by_the_same_is_not_gone(shape: Any, *, is_gone: bool) -> None:
    run = Told(SCHEMA)
    shape(run)
    named = name_of(run.graph)
    assert named is not None
    assert ("is gone" in named[1].told) == is_gone


def serial(run: Told) -> None:
    run.read("A", "1", ((100,),), [((100,),), ((90,),), ((80,),)])
    run.commit("A", run.changed(1, 100, 90))
    run.read("B", "1", ((90,),), [((100,),), ((90,),), ((80,),)])
    run.commit("B", run.changed(1, 90, 80))


def own_write(run: Told) -> None:
    """A caller that sees what it has written itself has read nothing dirty."""
    run.read("A", "1", ((90,),), [((100,),), ((90,),)], own=True)
    run.commit("A", run.changed(1, 100, 90))


def not_asked(run: Told) -> None:
    """A query that could not be asked again shows nothing."""
    run.read("B", "1", ((90,),), [None, None])
    run.commit("A", run.changed(1, 100, 90))


@pytest.mark.parametrize("shape", [serial, own_write, not_asked])
def test_nothing_is_named_where_nothing_is_wrong(shape: Any) -> None:
    run = Told(SCHEMA)
    shape(run)
    assert name_of(run.graph) is None


def beside_own(run: Told, *, got: int, beside: int | None) -> None:
    """A count that holds the row which its caller has just added; another one adds one, too."""
    answers: list[Rows | None] = [((0,),), ((1,),), ((2,),)]
    for actor, sees, within in (("A", got, 2), ("B", 1, 1)):
        run.read(actor, f"count(*) FROM {run.names['bookings']}", ((sees,),), answers, own=True)
        run.reads[-1] = replace(run.reads[-1], within=within, beside=beside)
    run.commit("B", run.added(1), run.changed(1, 0, 1))
    run.commit("A", run.added(2), silent=[run.changed(1, 1, 1)])


@pytest.mark.parametrize(
    ("got", "beside", "name"),
    [
        pytest.param(1, 0, "phantom", id="without the row of the other one"),
        pytest.param(2, 0, None, id="that tells nothing: it is as after both"),
        pytest.param(1, None, None, id="that may be of what was not committed"),
        pytest.param(1, 1, None, id="that was asked after the other one"),
    ],
)
def test_a_query_beside_its_own_rows(got: int, beside: int | None, name: str | None) -> None:
    run = Told(SCHEMA)
    beside_own(run, got=got, beside=beside)
    named = name_of(run.graph)
    assert (None if named is None else named[0]) == name
    assert bool(run.graph.between("A", "B", Kind.RW)) is (name is not None)


def put_in_the_place(run: Told, *, told: bool) -> None:
    """Each puts a row of its own in the place of the one with the same unique key, and had read that."""
    run.read("A", "1", ((100,),), [((100,),), ((90,),), ((80,),)])
    run.read("B", "1", ((100,),), [((100,),), ((90,),), ((80,),)])
    first, second, third = (item_of(run.added(number)) for number in (1, 2, 3))
    for actor, gone, new in (("A", 1, 2), ("B", 2, 3)):
        run.commit(actor, replace(run.added(gone), before=(("id", gone),), after=None), run.added(new))
    if told:
        stands_for = {first: first, second: first, third: first}
        for number, commit in enumerate(run.commits):
            written = (Written(first, frozenset({"balance"}), frozenset({"balance"})),)
            run.commits[number] = replace(commit, writes=written, stands_for=stands_for)


def test_a_row_that_is_put_in_the_place_of_another_is_the_same_row() -> None:
    for told, anomaly in ((False, "phantom"), (True, "lost update")):
        run = Told(SCHEMA)
        put_in_the_place(run, told=told)
        named = name_of(run.graph)
        assert named is not None
        assert named[0] == anomaly


@pytest.mark.parametrize("names", [SCHEMA, RENAMED], ids=["as it is", "renamed"])
def test_a_write_that_looks_at_another_table_has_read_of_that_one(names: Mapping[str, str]) -> None:
    """And not of the table that it changes, whichever comes first in the alphabet; so nothing of what it read is lost."""
    run = Told(names)
    event = run._event("B", f"UPDATE {names['accounts']} SET balance = 1 FROM {names['bookings']}")
    run.reads.append(Read(event, 0, (((1,),), (), ()), acts=True, others=frozenset({names["bookings"]})))
    added = replace(run.added(7), before=(("n", 1),), after=(("n", 2),))
    run.commit("A", run.changed(1, 100, 90), added)
    run.commit("B", run.changed(1, 90, 80))
    assert [edge.item for edge in run.graph.between("B", "A", Kind.RW)] == [item_of(added)]
    named = name_of(run.graph)
    assert named is not None
    assert named[0] == "stale check"


def test_the_edges_of_a_serial_run_point_one_way() -> None:
    run = Told(SCHEMA)
    serial(run)
    assert {edge.kind for edge in run.graph.edges} == set(Kind)
    assert run.graph.pairs == (("A", "B"),)


def test_each_has_a_code_and_a_source() -> None:
    codes = [ANOMALIES[name].code for name in ANOMALIES]
    assert len(set(codes)) == len(codes)
    assert {CODES[code].word for code in codes} == set(ANOMALIES)
    assert all(ANOMALIES[name].source for name in ANOMALIES)


def of_no_key(before: int | None, after: int | None) -> RowChange:
    """A row of a table without a primary key, which nothing but its values tells from others."""
    return RowChange("log", (), *(None if value is None else (("v", value),) for value in (before, after)))


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ([of_no_key(None, 1)], [of_no_key(None, 1)], []),  # beside an equal one
        ([of_no_key(None, 1)], [of_no_key(1, None)], [Kind.WW]),
        ([of_no_key(1, None)], [of_no_key(None, 1)], [Kind.WW]),  # in its place, as far as a unique key says
        ([of_no_key(1, None), of_no_key(None, 2)], [of_no_key(3, None), of_no_key(None, 2)], []),
        ([of_no_key(1, None), of_no_key(None, 2)], [of_no_key(2, None), of_no_key(None, 3)], [Kind.WW]),
    ],
)
def test_a_row_without_a_key_is_written_over_where_it_stood_alone(
    first: list[RowChange], second: list[RowChange], kinds: list[Kind]
) -> None:
    run = Told(SCHEMA)
    run.commit("A", *first)
    run.commit("B", *second)
    assert [edge.kind for edge in run.graph.edges] == kinds


def test_an_equal_row_that_a_write_has_found_is_written_over() -> None:
    run = Told(SCHEMA)
    run.commit("A", of_no_key(None, 1))
    run.commit("B", of_no_key(None, 1))
    *_, last = run.commits
    found = replace(last, writes=tuple(replace(written, order=1) for written in last.writes))
    assert [edge.kind for edge in dependencies_of([run.commits[0], found], []).edges] == [Kind.WW]

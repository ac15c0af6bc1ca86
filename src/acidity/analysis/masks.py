"""Which values of the rows are different in every run and mean nothing: `Masks`, learnt from clean runs.

Only a value that is not in the seed can be masked, and only where the database, a callable default, a clock or a source
of random tokens made it. A key that the application computes itself is never masked: that is a real class of bugs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from acidity.analysis.documents import ROOT, document, leaves, split
from acidity.analysis.moments import Moment
from acidity.analysis.pairing import changed_cells
from acidity.analysis.texts import Constant, Sort, Texts, constants_of
from acidity.analysis.unlike import listed, other_rows, other_values
from acidity.analysis.values import encode, is_epoch, is_opaque, is_time
from acidity.analysis.written import fetched_numbers, supplied_columns
from acidity.core.call import History
from acidity.core.outcome import State, Table
from acidity.errors import UsageError

Column = tuple[str, str]
Copy = tuple[Column, int, str]  # of a key: the column or path, which run of digits there, the domain of the key
_Cells = Mapping[Column, Sequence[object]]
_WHOLE = ".*"


@dataclass(frozen=True, slots=True)
class Masks:
    """Columns (table, column) whose new values are not compared literally.

    Attributes:
        keys: keys that the database made, and the foreign keys that refer to them; compared up to renaming.
        tokens: random values; compared up to renaming, over all tables at once.
        times: compared as empty, kept or new; where moments are known, a new one by its moment, too.
        ignored: not compared at all.
        tables: names of whole tables that are not compared, not even how many rows they have; their columns are in
            `ignored` too.
        documents: columns of JSON that are compared inside; what is masked in them is named by column and path, as in
            ``("orders", "payload.$.id")``.
        moments: of times, how far from the present they are; of a column without any, that is not known.
        constants: what is no chance in columns of tokens: opaque values that came again in all clean runs, and what is
            around the random pieces of texts. It is compared literally; only the random pieces of such a text are
            tokens or times.
        copies: where new values hold copies of generated keys; they are compared up to the renaming of those.
        refuted: what seemed to be constant in some clean runs and is not, or what differed in the first of them.
    """

    keys: frozenset[Column] = frozenset()
    tokens: frozenset[Column] = frozenset()
    times: frozenset[Column] = frozenset()
    ignored: frozenset[Column] = frozenset()
    tables: frozenset[str] = frozenset()
    documents: frozenset[Column] = frozenset()
    moments: frozenset[Moment] = frozenset()
    constants: frozenset[Constant] = frozenset()
    refuted: frozenset[Constant] = frozenset()
    copies: frozenset[Copy] = frozenset()

    @property
    def copied(self) -> frozenset[Column]:
        """The columns and paths that hold copies of keys."""
        return frozenset(place for place, _, _ in self.copies)

    def describe(self) -> tuple[str, ...]:
        """What is masked, one short sentence for each way, always in the same order."""
        told = {each.column for each in self.moments if not each.is_any}
        ways = (
            (self.keys, "new keys made by the database are compared up to renaming"),
            (self.copied, "copies of such keys are compared up to the same renaming"),
            (self.tokens, "new random tokens are compared up to renaming"),
            (self.times & told, "times are compared as empty, kept, or how long before or after their run they are"),
            (self.times - told, "times are compared as empty, kept or new"),
            (self.ignored, "not compared, as asked"),
        )
        shown = [({column for column in columns if column[0] not in self.tables}, text) for columns, text in ways]
        found = tuple(f"{text}: {listed(columns)}" for columns, text in shown if columns)
        whole = f"whole tables that are not compared, as asked: {', '.join(sorted(self.tables))}"
        return (*found, whole) if self.tables else found

    def in_use(self, seed: State, states: Iterable[State]) -> Masks:
        """Those that hide something: columns that have new values in these states; of foreign keys, of new keys."""
        every = list(states)
        new = {column for state in every for column, cells in _changes(seed, state).items() if cells}
        refers = {
            (name, column): target
            for state in every
            for name, table in state.tables.items()
            for column, target in table.references.items()
        }
        made = self.keys & new
        while stale := {column for column in made if refers.get(column, column) in self.keys - made}:
            made -= stale
        kept = (frozenset(each for each in columns if _column_of(each) in new) for columns in (self.tokens, self.times))
        tokens, times = kept
        moments = frozenset(each for each in self.moments if each.column in times)
        return replace(self, keys=made, tokens=tokens, times=times, moments=moments)

    @classmethod
    def together(cls, learnt: Iterable[Masks]) -> Masks:
        """What any of several masks masks, learnt from different runs of one Scenario."""
        every = list(learnt)

        def union(name: str, masks: Iterable[Masks]) -> frozenset[Any]:
            return frozenset().union(*(getattr(each, name) for each in masks))

        found = {name: union(name, every) for name in ("keys", "tokens", "times", "documents", "constants")}
        # What differs and never seemed to be constant is left out: it is other values each time.
        refuted = every[0].refuted | (union("refuted", every[1:]) & found["constants"])
        return replace(every[0], **found | {"constants": found["constants"] - refuted, "refuted": refuted})

    def of_columns_new_to(self, known: Masks) -> Masks:
        """The same without what is constant in columns of which that is known, as from runs that may be wrong."""
        new = (self.tokens | self.times) - known.tokens - known.times
        return replace(self, constants=frozenset(each for each in self.constants if each[0] in new))


class NotDeterministic(Exception):  # noqa: N818 - a verdict (unknown), not a mistake of somebody
    """Clean runs of one operation from the same rows differ in a way that no mask explains.

    Attributes:
        columns: the columns that differ, when it is a matter of columns.
    """

    def __init__(self, text: str, columns: Iterable[Column] = ()) -> None:
        super().__init__(text)
        self.columns = tuple(columns)


def learn(seed: State, cleans: Sequence[State], history: History, ignore: Sequence[str] = ()) -> Masks:
    """Learn from clean runs what has to be masked.

    Args:
        seed: the rows before.
        cleans: the rows after each of two or three clean runs of the same operation from `seed`.
        history: the Calls of the first of these runs.
        ignore: columns to leave out of every comparison, as ``"table.column"``, or whole tables, as ``"table.*"``.

    Returns:
        Masks under which all clean runs end alike.

    Raises:
        NotDeterministic: no masks make the clean runs equal.
        UsageError: a name in `ignore` is not a column of these tables, or not one of them.
    """
    from acidity.analysis.canonical import canonical  # it needs Masks from this module

    tables = {name: table for state in (seed, *cleans) for name, table in state.tables.items()}
    left_out = _left_out(ignore, tables)
    ignored = _ignored(ignore, tables) | {(name, column) for name in left_out for column in tables[name].columns}
    _same_size(cleans, left_out)
    changes = [_changes(seed, state) for state in cleans]
    supplied = supplied_columns(history, tables) - _numbered(history, changes[0])
    keys = _generated_keys(tables, supplied, changes)
    for in_pieces in (True, False):
        found = _volatile(seed, changes, supplied, keys, ignored, in_pieces=in_pieces)
        documents = frozenset(found.documents | {_column_of(column) for column in ignored if ROOT in column[1]})
        tokens = _with_references(tables, found.tokens) - keys
        masks = Masks(keys, tokens, frozenset(found.times), ignored, left_out, documents, frozenset(), *found.repeated)
        if len({canonical(state, seed, masks) for state in cleans}) <= 1:
            return masks
    raise NotDeterministic(other_rows(changes, ignored))


def _ignored(names: Sequence[str], tables: Mapping[str, Table]) -> frozenset[Column]:
    known = {f"{table}.{column}": (table, column) for table in tables for column in tables[table].columns}
    names = [name for name in names if not name.endswith(_WHOLE)]
    found = set()
    for name in names:
        whole, path = split(name)
        if whole not in known:
            where = [column for column in known if column.rpartition(".")[0] == whole.rpartition(".")[0]]
            raise UsageError(f"ignore={name!r} is not a column; there are: {', '.join(sorted(where or known))}")
        table, column = known[whole]
        found.add((table, column + path))
    return frozenset(found)


def _left_out(names: Sequence[str], tables: Mapping[str, Table]) -> frozenset[str]:
    found = {name.removesuffix(_WHOLE) for name in names if name.endswith(_WHOLE)}
    for name in sorted(found - tables.keys()):
        raise UsageError(f"ignore={name + _WHOLE!r} is not a table; there are: {', '.join(sorted(tables))}")
    return frozenset(found)


def _same_size(cleans: Sequence[State], left_out: Collection[str]) -> None:
    """Different numbers of rows are said first: all their columns would differ, and none would be the reason."""
    for state in cleans[1:]:
        for name in sorted({*cleans[0].tables, *state.tables}.difference(left_out)):
            one, other = cleans[0].tables.get(name), state.tables.get(name)
            if one is None or other is None or one.columns != other.columns:
                raise NotDeterministic(f"clean runs of the same operation leave different schemas: table {name}")
            if len(one.rows) != len(other.rows):
                raise NotDeterministic(
                    "clean runs of the same operation write different numbers of rows: "
                    f"{name} has {len(one.rows)} after one and {len(other.rows)} after another"
                )


def _generated_keys(
    tables: Mapping[str, Table], supplied: Collection[Column], changes: Sequence[_Cells]
) -> frozenset[Column]:
    referred = {target for table in tables.values() for target in table.references.values()}
    own: set[Column] = set()
    for name, table in tables.items():
        # A key that is a foreign key itself is as generated as the key it refers to, whoever writes it. A time is
        # masked as a time, also in a key.
        free = {
            column
            for column in table.columns
            if (column in table.key or (name, column) in referred)
            and (name, column) not in supplied
            and not _exists(tables, table.references.get(column))
            and not _only_times(value for run in changes for value in run.get((name, column), ()))
        }
        # No database makes two columns of one key: nobody wrote here, or a trigger did.
        if len(free.intersection(table.key)) > 1:
            free -= set(table.key)
        own |= {(name, column) for column in free}
    return _with_references(tables, own)


def _numbered(history: History, new: _Cells) -> frozenset[Column]:
    """The columns whose new values the application has from sequences: it wrote them, and the database made them."""
    numbers = fetched_numbers(history)
    return frozenset(
        column for column, cells in new.items() if cells and all(type(it) is int and it in numbers for it in cells)
    )


def _only_times(values: Iterable[object]) -> bool:
    new = [value for value in values if value is not None]
    return bool(new) and all(map(is_time, new))


def _exists(tables: Mapping[str, Table], target: Column | None) -> bool:
    return target is not None and target[0] in tables and target[1] in tables[target[0]].columns


def _with_references(tables: Mapping[str, Table], columns: Collection[Column]) -> frozenset[Column]:
    found = set(columns)
    while True:
        more = {
            (name, column)
            for name, table in tables.items()
            for column, target in table.references.items()
            if target in found and (name, column) not in found
        }
        if not more:
            return frozenset(found)
        found |= more


def _changes(seed: State, state: State) -> dict[Column, list[object]]:
    return {
        (name, column): cells
        for name, table in state.tables.items()
        for column, cells in changed_cells(seed.tables.get(name), table).items()
    }


@dataclass(slots=True)
class _Found:
    tokens: set[Column] = field(default_factory=set)
    times: set[Column] = field(default_factory=set)
    documents: set[Column] = field(default_factory=set)
    repeated: tuple[frozenset[Constant], frozenset[Constant]] = (frozenset(), frozenset())
    wrong: dict[Column, Sequence[Sequence[object]]] = field(default_factory=dict)

    def add(self, column: Column, sort: Sort, cells: Sequence[Sequence[object]]) -> None:
        if Sort.WRONG in sort:
            self.wrong[column] = cells
        if Sort.TIME in sort:
            self.times.add(column)
        if Sort.RANDOM in sort:
            self.tokens.add(column)


def _volatile(
    seed: State,
    changes: Sequence[_Cells],
    supplied: Collection[Column],
    keys: Collection[Column],
    ignored: Collection[Column],
    *,
    in_pieces: bool,
) -> _Found:
    """The columns of tokens and of times; any other column that differs between the clean runs is an error."""
    old = {encode(value) for table in seed.tables.values() for row in table.rows for value in row}
    found = _Found()
    places: dict[Column, Sequence[Sequence[object]]] = {}
    for column in sorted(set(changes[0]) - set(keys) - set(ignored)):
        cells = [run[column] for run in changes]
        documents = [[document(value) for value in run if value is not None] for run in cells]
        if all(each is not None for run in documents for each in run):
            found.documents |= {column} if _differ(cells) else set()
            places |= {path: inside for path, inside in _paths(column, documents).items() if path not in ignored}
        else:
            places[column] = cells
    written = {place: cells for place, cells in places.items() if _column_of(place) in supplied}
    by_database = (
        cells for run in changes for column, cells in run.items() if column not in supplied or column in keys
    )
    same, others = constants_of(written, [value for cells in by_database for value in cells])
    found.repeated = (same, others) if in_pieces else (frozenset(), same | others)
    texts = Texts(found.repeated[0], places)
    for place, values in places.items():
        column = _column_of(place)
        if place == column or column in found.documents:
            is_key = place[1] in seed.tables[place[0]].key if place[0] in seed.tables else False
            sort, shown = _sort_of(values, old, generated=column not in supplied, is_key=is_key), values
            if sort is Sort.WRONG and column in supplied:
                sort, shown = _sort_in_pieces(place, values, old, texts)
            found.add(place, sort, shown)
    if found.wrong:
        raise NotDeterministic(other_values(found.wrong), sorted(found.wrong))
    return found


def _sort_of(
    cells: Sequence[Sequence[object]], old: Collection[bytes], *, generated: bool, is_key: bool = False
) -> Sort:
    """What values are, run by run; `old` are those of the seed."""
    new = [value for run in cells for value in run if value is not None]
    fresh = [value for value in new if encode(value) not in old]
    differs = _differ(cells)
    if (generated or differs) and _only_times(new):
        return Sort.TIME
    if not differs:
        return Sort.SAME
    if (generated or not is_key) and fresh and all(map(is_epoch, fresh)):
        # A clock in seconds: two rows of one run agree or not by chance, so there is nothing to rename.
        return Sort.TIME
    return Sort.RANDOM if generated and fresh else Sort.WRONG


def _sort_in_pieces(
    place: Column, cells: Sequence[Sequence[object]], old: Collection[bytes], texts: Texts
) -> tuple[Sort, Sequence[Sequence[object]]]:
    """What values of the application are, which differ; and those that show it where nothing explains them."""
    sort, rest = texts.explained(place, cells)
    fresh = [value for left in rest for value in left if encode(value) not in old]
    if not fresh:
        return sort or Sort.WRONG, cells
    if all(map(is_opaque, fresh)):
        return sort | Sort.RANDOM, cells
    plain = [[value for value in left if not is_opaque(value)] for left in rest]
    return Sort.WRONG, next((each for each in (plain, rest) if _differ(each)), cells)


def _differ(cells: Sequence[Sequence[object]]) -> bool:
    return len({tuple(sorted(map(encode, run))) for run in cells}) > 1


def _paths(column: Column, documents: Sequence[Sequence[object]]) -> dict[Column, Sequence[Sequence[object]]]:
    """The leaves of documents by path, run by run."""
    table, name = column
    found: dict[Column, list[list[object]]] = {}
    for number, run in enumerate(documents):
        for each in run:
            for path, leaf in leaves(each, name + ROOT):
                found.setdefault((table, path), [[] for _ in documents])[number].append(leaf)
    return dict(found)


def _column_of(path: Column) -> Column:
    return path[0], path[1].partition(ROOT)[0]

"""What one text reads, writes and locks: its `Pattern`, from which the values of a Call make a footprint.

A text that is not understood for certain is *wild*, and meets everything; one that may change what the tables are, or
how transactions behave, is *unfit*, and no schedule of its program may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acidity.prove.explore.classes.asides import asks_the_file, is_idle, made_unless_there, may_look_past
from acidity.prove.explore.classes.items import Whole
from acidity.prove.explore.classes.orders import goes_by_time, takes_time, unordered
from acidity.prove.explore.classes.parameters import tree_of
from acidity.prove.explore.classes.peculiar import is_catalogue, is_harmless, limits_of, may_look_at_nothing, peculiar
from acidity.prove.explore.classes.schema import Described, Schema
from acidity.prove.explore.classes.terms import Term, fixed, term_of

if TYPE_CHECKING:
    from sqlglot import exp

_READABLE = re.compile(r"\s*(?:select|with|insert|update|delete|values)\b", re.IGNORECASE)
_ROW_IDS = {"sqlite": ("rowid", "oid", "_rowid_")}  # what else a key may be called
_ENDS_ALL = re.compile(r"\bor\s+rollback\b", re.IGNORECASE)
# Calls of these do something beside rows, and nothing to transactions: whatever they meet, they are wild.
_WILD = re.compile(
    r"pg_(?:try_)?advisory_\w+|get_lock|release_lock|nextval|currval|setval|lastval|last_insert_id|gen_random_uuid|uuid"
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Rows of a table: one for each list of terms for its columns, or all.

    Attributes:
        table: the table, or what stands in for one.
        terms: the values of the columns of its key; None for all rows.
        sorts: of these columns.
        whole: which rows, where there are no terms.
    """

    table: str
    terms: tuple[Term, ...] | None = None
    sorts: tuple[str, ...] = ()
    whole: Whole = Whole.ALL


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a text does, its values left open.

    Attributes:
        reads: as a plain read.
        writes: what it inserts, changes or deletes, and so locks.
        locks: what it reads and locks for itself alone.
        shares: what it reads and locks together with others.
        exact: it locks one row that is found by its whole key, and looks at nothing else.
        makes: it inserts or deletes rows.
        changes: it may change rows that are there.
        unmakes: it may delete rows, or give them other keys.
        lies: tables of which it looks at several rows in no order of its own, but as they lie there.
        by_time: it orders rows by a time.
        takes_time: it may write what time it is.
        may_idle: it may be answered without a look at its tables; so it may where it asks for 0 rows.
        limits: how many it asks for.
        wild: it may meet anything.
        idle: it looks at no row, and its transaction does not begin to see rows by it.
        keeps: it would change the schema, and does not, since all is there that it makes.
        unfit: why no schedule of its program may be left out; empty where some may.
    """

    reads: tuple[Spot, ...] = ()
    writes: tuple[Spot, ...] = ()
    locks: tuple[Spot, ...] = ()
    shares: tuple[Spot, ...] = ()
    exact: bool = False
    makes: bool = False
    changes: bool = False
    unmakes: bool = False
    lies: frozenset[str] = frozenset()
    by_time: bool = False
    takes_time: bool = False
    may_idle: bool = False
    limits: tuple[Term | None, ...] = ()
    wild: bool = False
    idle: bool = False
    keeps: bool = False
    unfit: str = ""


def pattern_of(sql: str, schema: Schema, engine: str) -> Pattern:
    """What a text does on an engine with a schema."""
    if is_idle(sql, engine):
        return Pattern(idle=True)
    made = made_unless_there(sql, engine)
    if made in schema.there or asks_the_file(sql, engine):
        return Pattern(reads=(Spot("sqlite_master"),), may_idle=may_look_past(sql), keeps=bool(made))
    if made:
        return Pattern(unfit=f"the file has no {made} before each run")
    if not _READABLE.match(sql) or (engine == "sqlite" and _ENDS_ALL.search(sql)):
        return Pattern(unfit=f"{' '.join(sql.split())[:40]!r} is not read")
    tree = tree_of(sql, engine)
    if tree is None:
        return Pattern(unfit=f"{' '.join(sql.split())[:40]!r} is not read")
    return _Reading(tree, schema, engine).pattern()


class _Reading:
    """Reads one tree."""

    def __init__(self, tree: exp.Expr, schema: Schema, engine: str) -> None:
        from sqlglot import exp

        self._tree = tree
        self._schema = schema
        self._engine = engine
        self._writes: list[Spot] = []
        self._shares: list[Spot] = []
        self._wild = False
        self._changes = isinstance(tree, exp.Update)
        self._unmakes = isinstance(tree, exp.Delete)

    def pattern(self) -> Pattern:
        from sqlglot import exp

        if unfit := self._unfit():
            return Pattern(unfit=unfit)
        tree = self._tree
        target = None
        if isinstance(tree, exp.Insert):
            target = self._insert(tree)
        elif isinstance(tree, exp.Update):
            target = self._update(tree)
        elif isinstance(tree, exp.Delete):
            target = self._delete(tree)
        reads, locks, shared, waits = self._selected(target)
        self._shares += shared
        touched = {spot.table for spot in self._writes}
        self._wild |= any(name in self._schema.tables and self._schema.tables[name].triggers for name in touched)
        self._wild |= self._engine != "postgresql" and any(table.db for table in tree.find_all(exp.Table))  # elsewhere
        return Pattern(
            tuple(reads),
            tuple(dict.fromkeys(self._writes)),
            tuple(dict.fromkeys(locks)),
            tuple(dict.fromkeys(self._shares)),
            exact=self._is_exact(reads, locks) and waits,
            makes=isinstance(tree, exp.Insert | exp.Delete),
            changes=self._changes,
            unmakes=self._unmakes,
            lies=unordered(tree, self._schema) if self._engine == "postgresql" else frozenset(),
            by_time=goes_by_time(tree, self._schema),
            takes_time=takes_time(tree, self._schema),
            may_idle=may_look_at_nothing(tree),
            limits=limits_of(tree),
            wild=self._wild,
        )

    def _is_exact(self, reads: list[Spot], locks: list[Spot]) -> bool:
        from sqlglot import exp

        spots = set(self._writes) | set(locks)
        return (
            len({spot.table.removesuffix(":key") for spot in spots}) == len({spot.terms for spot in spots}) == 1
            and not reads
            and not self._shares
            and not isinstance(self._tree, exp.Insert)
            and all(spot.terms is not None for spot in spots)
        )

    def _unfit(self) -> str:
        from sqlglot import exp

        changing = [
            node for node in self._tree.walk() if isinstance(node, exp.Insert | exp.Update | exp.Delete | exp.Merge)
        ]
        if any(node is not self._tree for node in changing) or isinstance(self._tree, exp.Merge):
            return "a statement changes rows inside another one"
        plain = isinstance(self._tree, exp.Query | exp.Values | exp.Insert | exp.Update | exp.Delete)
        if not plain or self._tree.find(exp.Into):
            return "a text is neither a query nor a change of rows"
        for node in self._tree.find_all(exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            if is_harmless(name):
                continue
            if not _WILD.fullmatch(name.lower()):
                return f"what {name}() does is not known"
            self._wild = True
        return peculiar(self._tree, self._schema, self._engine)

    # Changes

    def _insert(self, tree: exp.Insert) -> exp.Expr:
        from sqlglot import exp

        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        columns = [each.name.lower() for each in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        name = target.name.lower()
        if name not in self._schema.tables:
            self._wild = True
            return target  # type: ignore[no-any-return]
        rows: list[dict[str, Term | None]] = []
        if isinstance(tree.expression, exp.Values) and columns:
            for row in tree.expression.expressions:
                cells = row.expressions if isinstance(row, exp.Tuple) else [row]
                rows.append(dict(zip(columns, map(term_of, cells), strict=False)))
        upserts = tree.args.get("conflict") or tree.args.get("alternative") or tree.args.get("ignore")
        if not rows or upserts:
            rows = [{}]
            self._writes.append(Spot(name))
            if upserts:
                self._changes = self._unmakes = True
                self._changes_keys(name)
        for values in rows:
            self._inserts(name, values)
        return target  # type: ignore[no-any-return]

    def _inserts(self, name: str, values: Mapping[str, Term | None]) -> None:
        table = self._schema.tables[name]
        spot = self._spot(name, table.key, values)
        if spot.terms is None and table.key and not set(table.key) & set(values):
            spot = Spot(name, whole=Whole.NEW)
        # InnoDB looks for duplicates with locks on what is beside the new row, too.
        self._writes.append(Spot(name) if self._engine == "mariadb" else spot)
        if self._schema.children_of(name):
            self._writes.append(Spot(f"{name}:key", spot.terms, spot.sorts, spot.whole))
        for unique in table.uniques:
            self._writes.append(self._unique(name, unique, values))
        self._draws(name, (column for column in table.numbers if values.get(column) is None))
        for each in self._schema.parents_of(name):
            terms = [values.get(column) for column in each.columns]
            self._refers(each.parent, each.parent_columns, terms if set(each.columns) <= set(values) else None)

    def _draws(self, name: str, columns: Iterable[str]) -> None:
        """These columns may be given the next numbers of what hands them out."""
        numbers = self._schema.tables[name].numbers
        self._writes += [Spot(numbers[each]) for each in columns if each in numbers]

    def _refers(self, parent: str, columns: tuple[str, ...], terms: list[Term | None] | None) -> None:
        """A foreign key's check: the parent stays there; on PostgreSQL only its key is kept."""
        known = self._schema.tables.get(parent)
        whole = known is not None and columns in {known.key, ("*",)}
        values = dict(zip(known.key if known else (), terms or (), strict=False)) if whole else {}
        spot = self._spot(parent, known.key if known else (), values)
        self._shares.append(Spot(f"{parent}:key", spot.terms, spot.sorts))
        if self._engine != "postgresql":
            self._shares.append(spot)

    def _update(self, tree: exp.Update) -> exp.Expr:
        from sqlglot import exp

        target = tree.this
        name = target.name.lower() if isinstance(target, exp.Table) else ""
        if name not in self._schema.tables or target.args.get("joins") or tree.args.get("from_"):
            self._wild = True
            return target  # type: ignore[no-any-return]
        assigned: dict[str, Term | None] = {}
        for each in tree.expressions:
            if not isinstance(each, exp.EQ) or not isinstance(each.this, exp.Column):
                self._wild = True
                continue
            assigned[each.this.name.lower()] = term_of(each.expression)
        table = self._schema.tables[name]
        self._writes += self._found(name, target, tree.args.get("where"), only=True)
        columns = set(assigned)
        if columns & {*table.key, *_ROW_IDS.get(self._engine, ())}:
            self._writes.append(Spot(name))
            self._unmakes = True
        self._draws(name, (column for column, value in assigned.items() if value is None))
        keys = {*table.key, *(column for unique in table.uniques for column in unique or ())}
        if columns & keys or None in table.uniques:
            self._changes_keys(name, frozenset(columns))
        for each in self._schema.parents_of(name):
            if columns & self._schema.looked_up_for(each):
                terms = [assigned.get(column) for column in each.columns]
                self._refers(each.parent, each.parent_columns, terms if set(each.columns) <= columns else None)
        return target  # type: ignore[no-any-return]

    def _delete(self, tree: exp.Delete) -> exp.Expr:
        from sqlglot import exp

        target = tree.this
        name = target.name.lower() if isinstance(target, exp.Table) else ""
        if name not in self._schema.tables or tree.args.get("using") or tree.args.get("tables"):
            self._wild = True
            return target  # type: ignore[no-any-return]
        self._writes += self._found(name, target, tree.args.get("where"), only=True)
        self._changes = bool(self._schema.children_of(name))  # ON DELETE SET NULL
        self._changes_keys(name)
        return target  # type: ignore[no-any-return]

    def _changes_keys(self, name: str, columns: frozenset[str] | None = None) -> None:
        """Values of unique keys come or go; and whoever refers to them is looked at, changed or deleted."""
        for unique in self._schema.tables[name].uniques:
            if columns is None or unique is None or columns & set(unique):
                self._writes.append(self._unique(name, unique, {}))
        if self._schema.children_of(name):
            self._writes.append(Spot(f"{name}:key"))
        if columns is None or self._schema.is_referred_to(name, columns):
            for child in self._schema.beneath(name):
                self._writes.append(Spot(child))
                self._writes += [Spot(f"{child}:key")] if self._schema.children_of(child) else []
                self._writes += [self._unique(child, unique, {}) for unique in self._schema.tables[child].uniques]
                for each in self._schema.parents_of(child):  # of a row that gets another value, all of them
                    self._refers(each.parent, each.parent_columns, None)

    def _unique(self, name: str, columns: tuple[str, ...] | None, values: Mapping[str, Term | None]) -> Spot:
        place = f"{name}:{','.join(columns or ('?',))}"
        if columns is None or self._engine == "mariadb":  # InnoDB locks what is beside a value, too
            return Spot(place)
        return self._spot(name, columns, values, place)

    def _spot(self, name: str, columns: tuple[str, ...], values: Mapping[str, Term | None], place: str = "") -> Spot:
        terms = [values.get(column) for column in columns]
        if not columns or any(term is None for term in terms):
            return Spot(place or name)
        sorts = self._schema.tables[name].sorts
        return Spot(
            place or name, tuple(term for term in terms if term), tuple(sorts.get(column, "") for column in columns)
        )

    # Queries

    def _selected(self, target: exp.Expr | None) -> tuple[list[Spot], list[Spot], list[Spot], bool]:
        """What is read, locked, and locked together with others; and whether it waits for locks as long as it takes."""
        from sqlglot import exp

        reads: list[Spot] = []
        locks: list[Spot] = []
        shares: list[Spot] = []
        waits = True
        for table in self._tree.find_all(exp.Table):
            if table is target or isinstance(table.parent, exp.Lock):
                continue
            select = table.find_ancestor(exp.Select)
            beside = (
                [
                    each
                    for each in select.find_all(exp.Table)
                    if each.find_ancestor(exp.Select) is select and not isinstance(each.parent, exp.Lock)
                ]
                if select
                else []
            )
            where = select.args.get("where") if select else None
            spots = list(self._found(table.name.lower(), table, where, only=len(beside) == 1))
            wanted = _locks_of(select, table) if select else []
            if wanted and len(beside) > 1 and self._engine == "mariadb":  # it locks what it looks at on its way
                spots = [Spot(spot.table) for spot in spots]
            waits = waits and all(each.args.get("wait") is None for each in wanted)
            if not wanted or self._engine == "sqlite":
                reads += spots
            elif any(each.args.get("update") for each in wanted):
                locks += spots
                if self._schema.children_of(table.name.lower()):
                    locks += [Spot(f"{spot.table}:key", spot.terms, spot.sorts) for spot in spots]
            else:
                shares += spots
        return reads, locks, shares, waits

    def _found(self, name: str, table: exp.Expr, where: exp.Expr | None, *, only: bool) -> Iterator[Spot]:
        """The rows of a table that a condition leaves: by the whole key, or all of them."""
        known = self._schema.tables.get(name)
        if known is None:
            yield Spot(name if is_catalogue(table, self._schema, self._engine) else "*")
            return
        values = dict(fixed(where, {table.alias_or_name.lower()}, only=only))  # an alias hides the name
        yield self._spot(name, known.key, values) if known.key else Spot(name)
        if self._engine == "mariadb" and self._may_go_by_another_key(known, table, values):
            yield Spot(name)

    @staticmethod
    def _may_go_by_another_key(known: Described, table: exp.Expr, values: Mapping[str, Term]) -> bool:
        """Whether InnoDB may find rows by another index, and lock what it meets there, though it does not fit."""
        by_another = any(set(unique) <= values.keys() for unique in known.uniques if unique)
        return by_another or bool(table.args.get("hints"))


def _locks_of(select: exp.Select, table: exp.Expr) -> list[exp.Expr]:
    """The locks that a query wants on the rows of a table in it; others may be locked alone (``OF``)."""

    def is_meant(lock: exp.Expr) -> bool:
        named = [each.name.lower() for each in lock.expressions]
        return not named or table.alias_or_name.lower() in named

    return [each for each in select.args.get("locks") or [] if is_meant(each)]

"""A State as a graph of rows and of the new values they share, and its colouring (1-dimensional Weisfeiler-Leman).

A row has what is literal in it as its first colour, a masked value has none. Then each takes the colours around it
into its own until nothing becomes more distinct. The names of masked values never enter a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from acidity.analysis.digits import numbers_in
from acidity.analysis.documents import ROOT, document, is_binary, leaves, parts
from acidity.analysis.masks import Column, Masks
from acidity.analysis.moments import Dated, by_column
from acidity.analysis.pairing import keyed, origins
from acidity.analysis.texts import Pieces, Sort, Texts, cut, is_in
from acidity.analysis.values import (
    encode,
    encode_all,
    framed,
    identity,
    is_epoch,
    is_opaque,
    is_time,
    order_of,
    shape,
)
from acidity.core.outcome import Row, State, Table

Colours = dict[int, bytes]
TOKENS = "tokens"


def hashed(data: bytes) -> bytes:
    """A colour: 16 bytes that are the same in every process."""
    return blake2b(data, digest_size=16).digest()


@dataclass(slots=True)
class Node:
    """One masked value: its domain, how it is written in the rows (by `shape`), and the places it is in.

    A place is a row and a number among the masked values in it, so no two values share one: to give one of them a
    colour of its own tells it from all others in its rows, also from those in the same array of a document.
    """

    domain: str
    raws: dict[bytes, Any] = field(default_factory=dict)
    places: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def order(self) -> tuple[str, tuple[Any, ...]]:
        """Sorts the nodes of a graph the way their values are sorted."""
        return self.domain, order_of(min(self.raws.values(), key=order_of))


_Keys = Mapping[str, frozenset[Any]]  # the keys of a State by domain, where copies of them are compared
# What is found in a State, the values held by one row of it from left to right, and the number of that row.
_Where = tuple[dict[tuple[str, bytes], Node], list[Node], int]


@dataclass(slots=True)
class Graph:
    """The nodes of a State, the rows that hold some of them, and everything else as one sorted list.

    Attributes:
        nodes: the masked values, sorted by domain and value.
        bases: for each row that holds masked values, the colour of what is literal in it.
        links: for each of these rows, the nodes in it from left to right.
        constant: the schema and the rows without masked values, as sorted bytes.
    """

    nodes: list[Node]
    bases: list[bytes]
    links: list[list[int]]
    constant: list[bytes]

    def first_colours(self) -> Colours:
        """What masked values show before anything around them is looked at: nothing. Their places tell them apart."""
        return dict.fromkeys(range(len(self.nodes)), b"")

    def refine(self, nodes: Sequence[int], colours: Colours) -> list[bytes]:
        """Refine the colours of `nodes`, in place, until nothing becomes more distinct; other nodes stay.

        Args:
            nodes: the nodes that may take a new colour.
            colours: node → colour, for all nodes of the graph.

        Returns:
            The sorted colours of the rows that hold some of `nodes`.
        """
        rows = {row for node in nodes for row, _ in self.nodes[node].places}
        classes = 0
        while True:
            rings = {row: hashed(self.bases[row] + b"".join([colours[n] for n in self.links[row]])) for row in rows}
            distinct = len({colours[node] for node in nodes})
            if distinct == classes:
                return sorted(rings.values())
            classes = distinct
            for node in nodes:
                colours[node] = hashed(b"".join(sorted([tag + rings[row] for row, tag in self.nodes[node].places])))


@dataclass(slots=True)
class _Plan:
    """How each column of one table is read: ignored, literal, time, document, text, copy, or the domain of a mask."""

    literal: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)
    masked: list[tuple[int, str]] = field(default_factory=list)

    @property
    def by_stem(self) -> bool:
        """Whether the row of the seed that a row stems from is asked for."""
        return bool(self.times or self.documents or self.texts)


class Frame:
    """What is needed to read States that come from one seed under the same masks.

    Args:
        seed: the rows before.
        masks: what is not compared literally.
    """

    def __init__(self, seed: State, masks: Masks) -> None:
        self.seed = seed
        self.masks = masks
        self._moments = by_column(masks.moments)
        self._plans: dict[tuple[str, tuple[str, ...]], _Plan] = {}
        self.texts = Texts(masks.constants, masks.tokens | masks.times)
        self.copies: dict[Column, dict[int, str]] = {}
        for place, index, domain in masks.copies:
            self.copies.setdefault(place, {})[index] = domain
        self._known: dict[str, set[bytes]] = {TOKENS: set(self.texts.same)}
        for name, table in seed.tables.items():
            plan = self._plan(name, table, seed)
            domains = dict(plan.masked)
            for row in table.rows:
                inside = [leaf for index in plan.documents for _, leaf in leaves(document(row[index]), ROOT)]
                self._known[TOKENS] |= {identity(leaf) for leaf in inside if is_opaque(leaf)}
                self._known[TOKENS] |= {identity(row[index]) for index in plan.texts}
                texts = (cut(it)[1::2] for it in [*inside, *(row[at] for at in plan.texts)] if isinstance(it, str))
                self._known[TOKENS] |= {identity(piece) for pieces in texts for piece in pieces}
                for index, value in enumerate(row):
                    if is_opaque(value):
                        self._known[TOKENS].add(identity(value))
                    elif index in domains:
                        self._known.setdefault(domains[index], set()).add(identity(value))

    def graph(self, state: State, dated: Dated | None = None) -> Graph:
        """The graph of a State; it does not depend on the order of tables or rows, nor on the names of new values.

        Args:
            state: the rows.
            dated: told of each new time, instead of what tells it by the moments that are known.
        """
        dated = dated or Dated(self._moments, state.during)
        found: dict[tuple[str, bytes], Node] = {}
        bases: list[bytes] = []
        links: list[list[Node]] = []
        constant: list[bytes] = []
        keys = self._keys_of(state)
        for name, table in state.tables.items():
            if name in self.masks.tables:
                continue
            plan = self._plan(name, table, state)
            constant.append(encode_all((name, table.columns)))
            stems = _Stems(self.seed.tables.get(name), table) if plan.by_stem else None
            for index, row in enumerate(table.rows):
                literal = [encode(row[column]) for column in plan.literal]
                held: list[Node] = []
                where = found, held, len(bases)
                if stems:
                    for column in (*plan.times, *plan.texts):
                        place, value = (name, table.columns[column]), row[column]
                        if column in plan.times or (place in self.masks.times and (is_time(value) or is_epoch(value))):
                            literal.append(stems.time(index, column, place, dated))
                        else:
                            literal.append(self.text(place, value, stems.before(index, column), where, dated))
                for column in plan.documents:
                    reader = _Reader(self, name, where, dated, keys)
                    old = document(stems.before(index, column)) if stems else None
                    literal.append(reader.read(row[column], f"{table.columns[column]}{ROOT}", old))
                literal += [self.copied((name, table.columns[at]), row[at], where, keys) for at in plan.copies]
                for column, domain in plan.masked:
                    literal.append(self.masked(row[column], domain, where))
                base = framed((name.encode(), *literal))
                if held:
                    bases.append(hashed(base))
                    links.append(held)
                else:
                    constant.append(base)
        nodes = sorted(found.values(), key=lambda node: node.order)
        number = {id(node): index for index, node in enumerate(nodes)}
        return Graph(nodes, bases, [[number[id(node)] for node in held] for held in links], sorted(constant))

    def masked(self, value: Any, domain: str, where: _Where) -> bytes:
        """Note a value of a masked column as a node if it is new; returns what is literal about it."""
        found, held, row = where
        if value is None:
            return encode(None)
        # A UUID or a token is the same thing wherever it stands; a number means something only in its own domain.
        domain = TOKENS if is_opaque(value) else domain
        content = identity(value)
        if content in self._known.get(domain, ()):
            return encode(value)
        node = found.get((domain, content))
        if node is None:
            node = found[domain, content] = Node(domain)
        written = shape(value)
        node.raws[written] = value
        node.places.append((row, b"%d:" % len(held)))
        held.append(node)
        return b"*" + written

    def _keys_of(self, state: State) -> _Keys:
        found: dict[str, frozenset[Any]] = {}
        for domain in {each for domains in self.copies.values() for each in domains.values()}:
            name, _, column = domain.rpartition(".")
            table = state.tables.get(name)
            at = table.columns.index(column) if table is not None and column in table.columns else None
            found[domain] = frozenset() if table is None or at is None else frozenset(row[at] for row in table.rows)
        return found

    def copied(self, place: Column, value: Any, where: _Where, keys: _Keys) -> bytes:
        """A value of a column or path with copies of keys in it; a number that is no key of a row there is literal."""
        around, numbers = numbers_in(value)
        found = [encode_all(around)]
        for index, digits in enumerate(numbers):
            domain = self.copies[place].get(index)
            if domain is None or int(digits) not in keys[domain]:
                found.append(encode(digits))
            else:  # a number that is filled up with zeros is as long as any other
                length = b"%d" % len(digits) if digits[0] == "0" else b""
                found.append(length + self.masked(int(digits), domain, where))
        return b"c" + framed(found) if numbers else encode(value)

    def text(self, place: Column, value: Any, before: Any, where: _Where, dated: Dated) -> bytes:
        """A value of a column or path that holds texts with something random in them."""
        if before is not None and encode(before) == encode(value):
            return encode(value)
        pieces = self.texts.pieces(place, value)
        if pieces is not None:
            return b"x" + framed(self._pieces(place, pieces, before, where, dated))
        if place in self.masks.times and (is_time(value) or is_epoch(value)):
            return dated.tell(place, value)
        return self.masked(value, TOKENS, where) if place in self.masks.tokens else encode(value)

    def _pieces(self, place: Column, pieces: Pieces, before: Any, where: _Where, dated: Dated) -> Iterator[bytes]:
        for sort, piece in pieces:
            if sort is Sort.RANDOM and place in self.masks.tokens:
                yield self.masked(piece, TOKENS, where)
            elif sort is Sort.TIME and place in self.masks.times and not is_in(piece, before):
                yield dated.tell(place, piece)
            else:
                yield encode(piece)

    def _plan(self, name: str, table: Table, state: State) -> _Plan:
        plan = self._plans.get((name, table.columns))
        if plan is not None:
            return plan
        plan = self._plans[name, table.columns] = _Plan()
        for index, column in enumerate(table.columns):
            place = (name, column)
            if place in self.masks.ignored:
                continue
            if place in self.texts.places and place not in self.masks.keys:
                plan.texts.append(index)
            elif place in self.masks.times:
                plan.times.append(index)
            elif place in self.masks.keys:
                plan.masked.append((index, ".".join(self._root(place, state.tables))))
            elif place in self.masks.tokens:
                plan.masked.append((index, TOKENS))
            elif place in self.copies:
                plan.copies.append(index)
            elif place in self.masks.documents:
                plan.documents.append(index)
            else:
                plan.literal.append(index)
        return plan

    def _root(self, column: Column, tables: Mapping[str, Table]) -> Column:
        """The key at the end of the foreign keys that start at a column: it names the domain."""
        seen = {column}
        while (table := tables.get(column[0])) and (target := table.references.get(column[1])):
            if target in seen or target not in self.masks.keys:
                break
            seen.add(target)
            column = target
        return column


_NO_PART = object()


@dataclass(slots=True)
class _Reader:
    """Reads one document of one row: what is literal in it as bytes, what is masked as nodes."""

    frame: Frame
    table: str
    where: _Where
    dated: Dated
    keys: _Keys

    def read(self, value: Any, path: str, before: Any) -> bytes:
        """A stored value; one that is no document is literal."""
        found = document(value)
        if found is None:
            return encode(value)
        return (b"J" if is_binary(value) else b"j") + self._part(found, path, before)

    def _part(self, value: Any, path: str, before: Any) -> bytes:
        masks, place = self.frame.masks, (self.table, path)
        if place in masks.ignored:
            return b"ignored"
        if isinstance(value, dict | list) and value:
            old = {name: part for _, name, part in parts(before, path)} if type(before) is type(value) else {}
            inside = [
                framed((encode(name), self._part(part, inner, old.get(name, _NO_PART))))
                for inner, name, part in parts(value, path)
            ]
            return type(value).__name__.encode() + framed(inside)
        if place in self.frame.texts.places:
            return self.frame.text(place, value, None if before is _NO_PART else before, self.where, self.dated)
        if place in masks.times and (is_time(value) or is_epoch(value)):
            if before is not _NO_PART and encode(before) == encode(value):
                return encode(value)
            return self.dated.tell(place, value)
        if place in masks.tokens:
            return self.frame.masked(value, TOKENS, self.where)
        if place in self.frame.copies:
            return self.frame.copied(place, value, self.where, self.keys)
        return encode(value)


class _Stems:
    """Whether a time was kept, seen from the row of the seed that its row stems from.

    The row decides, not the value: a new row may be written within the second in which the seed was.
    """

    def __init__(self, before: Table | None, after: Table) -> None:
        self._after = after
        self._rows: list[Row | None]
        self._rows, gone = origins(before, after)
        self._lost: list[set[bytes]] = []
        # Without a key an updated row looks like one row gone and another one added.
        if before is not None and before.columns == after.columns and not keyed(before, after):
            self._lost = [set(map(encode, cells)) for cells in zip(*gone, strict=True)]

    def before(self, index: int, column: int) -> Any:
        """The value in the row of the seed that a row stems from."""
        row = self._rows[index]
        return None if row is None else row[column]

    def time(self, index: int, column: int, place: Column, dated: Dated) -> bytes:
        """A time as bytes: the value when it is empty, kept or no time at all, or else that it is new, and when."""
        value = self._after.rows[index][column]
        content = encode(value)
        if not (is_time(value) or is_epoch(value)):
            return content
        row = self._rows[index]
        if row is not None:
            return content if encode(row[column]) == content else dated.tell(place, value)
        return content if self._lost and content in self._lost[column] else dated.tell(place, value)


def digest_of(graph: Graph, rings: Iterable[bytes]) -> bytes:
    """One hash over everything that does not depend on the names of masked values."""
    return hashed(framed((framed(graph.constant), framed(rings))))

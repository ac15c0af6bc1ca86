"""A Schema as each engine's catalogue has it, read over a connection of acidity's own."""

# ruff: noqa: S608 - the only text that is put together is what is in this file

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from acidity.engines.base import Sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.engines.own_calls import own_calls
from acidity.prove.explore.classes.schema import Described, Reference, Schema

Rows = list[tuple[Any, ...]]
Ask = Callable[[Sequence[str]], list[Rows]]  # the rows of each statement
_NUMBERS = ("int", "serial")  # in the name of a type
_TEXTS = ("char", "text")
_TIMES = re.compile("date|time", re.IGNORECASE)
_FLOATS = re.compile("double|real|float", re.IGNORECASE)
# What a default may call: of the clock, a sequence or chance, or nothing but its arguments.
_CALLED, _LITERAL = re.compile(r"(\w+)\s*\("), re.compile(r"'(?:[^']|'')*'")
_KNOWN = frozenset(
    """
    nextval now clock_timestamp statement_timestamp transaction_timestamp timezone date_trunc to_char gen_random_uuid
    uuid_generate_v4 random lower upper md5 round abs length coalesce array numeric varchar char timestamp time
    """.split()  # noqa: SIM905 - one a line would fill a page
)
_NEXT = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_OF_DOMAIN = " of a domain"
_OWN = re.compile(r"\d+\.\d+")
_CLOCK = re.compile(
    r"\bnow\(|current_(?:date|time)|local_?time|(?:clock|statement|transaction)_timestamp", re.IGNORECASE
)


def schema_of(sandbox: Sandbox) -> Schema:
    """The schema that a Sandbox has now."""
    with own_calls():
        if isinstance(sandbox, HostedSandbox):  # whose administrator has read the catalogue before
            return _READERS[sandbox.engine_name](sandbox.ask_all)
        connection = sandbox.connect_beside()
        found = _READERS[sandbox.engine_name](lambda asked: [list(connection.execute(sql)) for sql in asked])
        return replace(found, there=sandbox.traits().get("there", frozenset()))


def _sort(name: str) -> str:
    """What values of a type are, so far as they can be told apart."""
    name = name.lower()
    if name == '"char"' or (name.endswith(_OF_DOMAIN) and any(word in name for word in _TEXTS)):
        return ""  # one byte; a collation of its own
    if any(word in name for word in _NUMBERS) and "interval" not in name and "point" not in name:
        return "number"
    return "text" if any(word in name for word in _TEXTS) else ""


def _together(
    columns: Sequence[tuple[str, str, str, bool, str]],
    indexes: Iterable[tuple[str, str, bool, str | None, bool]],
    references: Iterable[tuple[str, str, str, str, str]],
    triggers: Iterable[str],
    unfit: str,
) -> Schema:
    """A Schema of what the engines say alike.

    Args:
        columns: table, column, type, whether it is computed from others, and what hands out its numbers, if anything.
        indexes: table, name of a unique index, whether it is the primary key, column (None for an expression), and
            whether it holds for all rows.
        references: name, table, column, parent, column of that; in the order of the columns.
        triggers: the tables that have some.
        unfit: what is not modelled.
    """
    sorts: dict[str, dict[str, str]] = defaultdict(dict)
    derived: set[tuple[str, str]] = set()
    drawn: dict[str, dict[str, str]] = defaultdict(dict)
    for table, column, kind, computed, numbers in columns:
        sorts[table.lower()][column.lower()] = _sort(kind)
        derived |= {(table.lower(), column.lower())} if computed else set()
        drawn[table.lower()] |= {column.lower(): numbers} if numbers else {}
    shared = Counter(numbers for *_, numbers in columns)
    keys: dict[str, list[str]] = defaultdict(list)
    names: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    partial: set[tuple[str, str]] = set()
    for table, name, primary, unique_column, whole in indexes:
        partial |= set() if whole else {(table.lower(), name)}
        if primary and unique_column is not None:
            keys[table.lower()].append(unique_column.lower())
        else:
            names[table.lower(), name].append(None if unique_column is None else unique_column.lower())
    uniques = {
        where: None if None in found or where in partial else tuple(map(str, found)) for where, found in names.items()
    }
    watched, refers = {table.lower() for table in triggers}, _references(references)
    in_keys = {(table, column) for table, found in keys.items() for column in found}
    in_keys |= {(each.table, column) for each in refers for column in each.columns}
    in_keys |= {(each.parent, column) for each in refers for column in each.parent_columns}

    def is_computed(table: str, columns: tuple[str, ...] | None) -> bool:
        return not derived.isdisjoint((table, each) for each in columns or ())

    tables = {
        table: Described(
            tuple(keys[table]),
            dict(sorts[table]),
            tuple(
                None if is_computed(table, found) else found for (each, _), found in uniques.items() if each == table
            ),
            table in watched,
            {name: found for (each, name), found in uniques.items() if each == table and found is not None},
            {
                column: numbers
                for column, numbers in drawn[table].items()
                if column not in keys[table] or shared[numbers] > 1
            },
        )
        for table in sorts
    }
    return Schema(
        tables,
        refers,
        unfit or ("a key that is computed" if derived & in_keys else "") or _alike(columns),
        times=frozenset(column.lower() for _, column, kind, *_ in columns if _TIMES.search(kind)),
        floats=frozenset(column.lower() for _, column, kind, *_ in columns if _FLOATS.search(kind)),
    )


def _alike(columns: Iterable[tuple[str, str, str, bool, str]]) -> str:
    """What is to be said of columns that differ in case alone."""
    called = Counter((table.lower(), column.lower()) for table, column, *_ in columns)
    return "two columns of one table whose names differ in case alone" if max(called.values(), default=0) > 1 else ""


def _names(rows: Iterable[Sequence[Any]]) -> frozenset[str]:
    """What stands first in each row, in lower case."""
    return frozenset(str(row[0]).lower() for row in rows)


def _texts(views: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    """What the views ask, without what ends it."""
    return tuple(str(row[1]).strip().rstrip(";") for row in views)


def _references(rows: Iterable[tuple[str, str, str, str, str]]) -> tuple[Reference, ...]:
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for name, table, column, parent, parent_column in rows:
        found[name, table.lower(), parent.lower()].append((column.lower(), parent_column.lower()))
    return tuple(
        Reference(table, tuple(one for one, _ in pairs), parent, tuple(other for _, other in pairs))
        for (_, table, parent), pairs in found.items()
    )


# SQLite

_ENDS_OTHERWISE = re.compile(r"\bon\s+conflict\s+(?:replace|rollback)\b|\braise\s*\(\s*rollback\b", re.IGNORECASE)
_AS = re.compile(r"^.*?\bas\b(?=\s*(?:select|with|values)\b)", re.IGNORECASE | re.DOTALL)
_COMPUTED = (2, 3)  # what PRAGMA table_xinfo has as hidden: virtual, and stored


def _sqlite(ask_all: Ask) -> Schema:
    def ask(sql: str) -> Rows:
        return ask_all([sql])[0]

    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    names = [str(name) for (name,) in ask(tables)]
    columns: list[tuple[str, str, str, bool, str]] = []
    indexes: list[tuple[str, str, bool, str | None, bool]] = []
    references: list[tuple[str, str, str, str, str]] = []
    for table in names:
        quoted = '"' + table.replace('"', '""') + '"'
        described = ask(f"PRAGMA table_xinfo({quoted})")
        columns += [(table, str(row[1]), str(row[2]), row[6] in _COMPUTED, "") for row in described]
        indexes += [(table, "", True, str(row[1]), True) for row in sorted(described, key=lambda row: row[5]) if row[5]]
        for _, name, unique, origin, partial in ask(f"PRAGMA index_list({quoted})"):
            if unique and origin != "pk":
                parts = ask(f'PRAGMA index_info("{name}")')
                indexes += [(table, str(name), False, column, not partial) for _, _, column in parts]
        for number, _, parent, column, parent_column, *_ in ask(f"PRAGMA foreign_key_list({quoted})"):
            # Without a column, it is the primary key; `*` stands for it, since any column of it may be meant.
            references.append((str(number), table, str(column), str(parent), str(parent_column or "*")))
    triggers = [str(table) for (table,) in ask("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")]
    deferred = ask("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%DEFERRED%'")
    virtual = ask("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'")
    unfit = "a foreign key that is checked at COMMIT" if deferred else "a virtual table" if virtual else ""
    texts = [str(text) for (text,) in ask("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if any(map(_ENDS_OTHERWISE.search, texts)):
        unfit = unfit or "a conflict that replaces rows, or ends the transaction"
    views = ask("SELECT name, sql FROM sqlite_master WHERE type = 'view'")
    asked = tuple(_AS.sub("", str(text), count=1) for _, text in views)
    return replace(_together(columns, indexes, references, triggers, unfit), views=_names(views), texts=asked)


# PostgreSQL

# Without what acidity itself has put there: a schema for its bait, and triggers that count.
_OURS = "n.nspname !~ '^(pg_|acidity_[0-9a-f]{8}_bait$)' AND n.nspname <> 'information_schema'"
_PG_COLUMNS = f"""
SELECT c.relname, a.attname,
CASE WHEN coalesce(l.collisdeterministic, true) AND t.typtype = 'b' THEN format_type(a.atttypid, a.atttypmod)
WHEN t.typtype = 'd' THEN format_type(t.typbasetype, NULL) || ' of a domain' ELSE '' END,
a.attgenerated <> '',
CASE WHEN a.attidentity <> '' THEN a.attrelid || '.' || a.attnum WHEN a.attgenerated <> '' THEN ''
ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault, '') END FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE {_OURS} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"""
_PG_INDEXES = f"""
SELECT c.relname, x.relname, i.indisprimary, a.attname, i.indpred IS NULL FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, place)
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0
WHERE {_OURS} AND i.indisunique AND k.place <= i.indnkeyatts ORDER BY i.indexrelid, k.place"""
_PG_REFERENCES = f"""
SELECT con.oid::text, c.relname, a.attname, f.relname, b.attname FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = con.confrelid
CROSS JOIN LATERAL unnest(con.conkey, con.confkey) WITH ORDINALITY AS k(mine, theirs, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.mine
JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = k.theirs
WHERE {_OURS} AND con.contype = 'f' ORDER BY con.oid, k.place"""
_PG_TRIGGERS = f"""
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND NOT t.tgisinternal AND t.tgenabled <> 'D'
AND t.tgname !~ '^acidity_[0-9a-f]{{8}}_bait_'"""
_PG_VIEWS = f"""
SELECT c.relname, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('v', 'm')"""
_PG_UNFIT = {
    "a view that locks rows": f"""
SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind = 'v' AND pg_get_viewdef(c.oid) ~* '\\mFOR (UPDATE|SHARE|NO KEY UPDATE|KEY SHARE)\\M'""",
    "a constraint that is checked at COMMIT": f"""
SELECT 1 FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE {_OURS} AND c.condeferrable AND c.contype <> 't'""",
    "an exclusion constraint": f"""
SELECT 1 FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE {_OURS} AND c.contype = 'x'""",
    "a rule": f"""
SELECT 1 FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND r.rulename <> '_RETURN'""",
    "a policy": f"""
SELECT 1 FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS}""",
    "a partitioned, inherited or foreign table": f"""
SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND (c.relkind IN ('p', 'f') OR c.relispartition OR c.relhassubclass)""",
    "a function of the schema's own": f"""
SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_OURS} AND p.prorettype <> 'trigger'::regtype""",
    "one name for two tables": f"""
SELECT lower(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('r', 'v', 'm') GROUP BY 1 HAVING count(*) > 1""",
}


def _postgresql(ask_all: Ask) -> Schema:
    asked = (_PG_COLUMNS, _PG_INDEXES, _PG_REFERENCES, _PG_TRIGGERS, _PG_VIEWS)
    *found, unfit = _asked(ask_all, asked, _PG_UNFIT)
    columns, indexes, references, triggers, views = (
        [tuple(cell.decode() if isinstance(cell, bytes) else cell for cell in row) for row in rows] for rows in found
    )
    clocked = _names(row for row in columns if _CLOCK.search(row[-1]))
    called = {name.lower() for row in columns for name in _CALLED.findall(_LITERAL.sub("''", row[-1]))}
    if not called <= _KNOWN:
        unfit = unfit or "a default that calls a function which is not known"
    columns = [(*row, _drawing(default)) for *row, default in columns]
    schema = _together(columns, indexes, references, [str(name) for (name,) in triggers], unfit)  # type: ignore[arg-type]
    return replace(schema, views=_names(views), texts=_texts(views), clocked=clocked)


def _drawing(default: str) -> str:
    """Which sequence a default draws from, or that of its own column (``16385.1``); ``*`` for one that is not known."""
    if found := _NEXT.fullmatch(default):
        return f"#sequence {found[1]}"
    return "*" if "nextval" in default else f"#column {default}" if _OWN.fullmatch(default) else ""


# MariaDB: its inserts count as writes of the whole table, numbers included; a sequence is a table without transactions.

# By these collations i and y are one letter, or i and j, or m and n; by all others letters and digits differ.
_ODD = "lithuanian|roman_|macce"
_MY_COLUMNS = f"""
SELECT table_name, column_name, IF(columns.collation_name REGEXP '{_ODD}', '', data_type), is_generated = 'ALWAYS', ''
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"""
_MY_INDEXES = """
SELECT table_name, index_name, index_name = 'PRIMARY', IF(sub_part IS NULL, column_name, NULL), non_unique, column_name
FROM information_schema.statistics
WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index"""
_MY_VIEWS = """
SELECT table_name, REPLACE(view_definition, CONCAT('`', DATABASE(), '`.'), '')
FROM information_schema.views WHERE table_schema = DATABASE()"""
_MY_CLOCKED = """
SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE()
AND CONCAT_WS(' ', column_default, extra) REGEXP 'now|current_|utc_|sysdate|unix_timestamp|local'"""
_MY_REFERENCES = """
SELECT constraint_name, table_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position"""
_MY_TRIGGERS = "SELECT event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
_MY_UNFIT = {
    "a table without transactions or with a history": """
SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE()
AND (table_type NOT IN ('BASE TABLE', 'VIEW') OR engine <> 'InnoDB')""",
    "another notion of snapshots (innodb_snapshot_isolation)": """
SELECT 1 FROM information_schema.session_variables
WHERE variable_name = 'INNODB_SNAPSHOT_ISOLATION' AND variable_value = 'ON'""",
    "an event": "SELECT 1 FROM information_schema.events WHERE event_schema = DATABASE()",
    "a routine": "SELECT 1 FROM information_schema.routines WHERE routine_schema = DATABASE()",
}


def _mariadb(ask_all: Ask) -> Schema:
    asked = (_MY_COLUMNS, _MY_INDEXES, _MY_REFERENCES, _MY_TRIGGERS, _MY_VIEWS, _MY_CLOCKED)
    columns, indexes, references, triggers, views, clocked, unfit = _asked(ask_all, asked, _MY_UNFIT)
    unique = [
        (table, name, bool(primary), column, True) for table, name, primary, column, more, _ in indexes if not more
    ]
    held: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for table, name, *_, column in indexes:
        held[table.lower()][name].add(column.lower())
    schema = _together(columns, unique, references, [str(name) for (name,) in triggers], unfit)
    every = {table: tuple(map(frozenset, names.values())) for table, names in held.items()}
    return replace(schema, views=_names(views), texts=_texts(views), clocked=_names(clocked), indexes=every)


def _asked(ask_all: Ask, questions: Sequence[str], unfit: Mapping[str, str]) -> tuple[Any, ...]:
    """The rows of each question, and what is there that is not modelled, all in one request."""
    answers = ask_all([*questions, *unfit.values()])
    there = (what for what, rows in zip(unfit, answers[len(questions) :], strict=True) if rows)
    return (*answers[: len(questions)], next(there, ""))


_READERS: dict[str, Callable[[Ask], Schema]] = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}

"""What PostgreSQL's catalogue says of a database: its tables in every schema, and everything that DDL makes.

Left out are the schemas of the server, the schema of acidity's own (`_BAIT`), and what belongs to an extension.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.engines.hosted_database import Catalogue, Shape, state_name

Ask = Callable[[str], list[tuple[Any, ...]]]

_BAIT = "^acidity_[0-9a-f]{8}_bait$"  # the schema for seed rows and for what faults need, with its Sandbox's token
_COUNTS = "^acidity_[0-9a-f]{8}_bait_"  # the triggers of `Writers`
DEFAULT = "public"  # its tables have no schema in front of their names

_OURS = f"n.nspname <> 'information_schema' AND n.nspname !~ '{_BAIT}' AND NOT starts_with(n.nspname, 'pg_')"


def _free(catalogue: str, oid: str) -> str:
    """Whether the object is no extension's."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalogue}'::regclass AND e.objid = {oid}"
        " AND e.deptype = 'e')"
    )


_COLUMNS = f"""
SELECT n.nspname, c.relname, c.relkind, a.attname, a.attgenerated = ''
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE {_OURS} AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND {_free("pg_class", "c.oid")}
ORDER BY n.nspname, c.relname, a.attnum
"""
_KEYS = f"""
SELECT n.nspname, t.relname, con.contype, a.attname, m.nspname, f.relname, b.attname
FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(con.conkey) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
LEFT JOIN pg_class f ON f.oid = con.confrelid LEFT JOIN pg_namespace m ON m.oid = f.relnamespace
LEFT JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = con.confkey[k.position]
WHERE {_OURS} AND con.contype IN ('p', 'f') ORDER BY n.nspname, t.relname, con.conname, k.position
"""
_NOT_ENFORCED = f"""
SELECT n.nspname, t.relname, con.conname, pg_get_expr(con.conbin, con.conrelid)
FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE {_OURS} AND con.contype = 'c' AND to_jsonb(con) ->> 'conenforced' = 'false' AND {_free("pg_class", "t.oid")}
"""  # the column is new in PostgreSQL 18
_CONSTRAINTS = f"""
SELECT (SELECT count(*) FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
        WHERE {_OURS} AND con.contype IN ('p', 'u', 'f', 'c', 'x') AND {_free("pg_class", "con.conrelid")})
     + (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull AND {_free("pg_class", "c.oid")}
        AND NOT EXISTS (
              SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)))
"""
SEQUENCES_OF = f"""
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS place, c.relfilenode
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind = 'S' AND {_free("pg_class", "c.oid")} ORDER BY 1
"""
_OF_COLUMNS = f"""
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
WHERE {_OURS} AND c.relkind = 'S'
"""
_OF_EXTENSIONS = """
SELECT n.nspname, c.relname, x.extname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
JOIN pg_extension x ON x.oid = e.refobjid WHERE c.relkind IN ('r', 'p', 'm', 'f') ORDER BY 1, 2
"""
_FOREIGN = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind = 'f' AND {_free("pg_class", "c.oid")} ORDER BY 1, 2
"""
_EVERYTHING = f"""
SELECT 'schema', n.nspname, coalesce(n.nspacl::text, '') FROM pg_namespace n WHERE {_OURS}
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                      WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END,
       n.nspname || '.' || c.relname,
       concat_ws(' ', c.relkind, c.relpersistence, c.relacl, c.reloptions, c.relrowsecurity,
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid)
              WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid)
              WHEN c.relkind = 'S' THEN (SELECT concat_ws(' ', s.seqtypid, s.seqstart, s.seqincrement, s.seqmin,
                                                s.seqmax, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid)
              ELSE (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                           a.attidentity, a.attgenerated, a.attacl, pg_get_expr(d.adbin, d.adrelid)), ', '
                           ORDER BY a.attnum)
                    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I') AND {_free("pg_class", "c.oid")}
UNION ALL
SELECT 'constraint', n.nspname || '.' || k.conname, concat_ws(' ', k.conrelid::regclass, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {_OURS}
UNION ALL
SELECT 'trigger', t.tgrelid::regclass || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND NOT t.tgisinternal AND t.tgname !~ '{_COUNTS}'
UNION ALL
SELECT 'function', format('%s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       concat_ws(' ', CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) ELSE p.prosrc END, p.proacl)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS} AND {_free("pg_proc", "p.oid")}
UNION ALL
SELECT 'type', n.nspname || '.' || y.typname, concat_ws(' ', y.typtype, format_type(y.typbasetype, y.typtypmod),
       (SELECT string_agg(l.enumlabel, ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = y.oid))
FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
WHERE {_OURS} AND y.typtype IN ('e', 'd') AND {_free("pg_type", "y.oid")}
UNION ALL
SELECT 'rule', r.ev_class::regclass || '.' || r.rulename, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', p.polrelid::regclass || '.' || p.polname, concat_ws(' ', p.polcmd, pg_get_expr(p.polqual, p.polrelid),
       pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p
"""
# Number and sum of the transactions that wrote the rows of each catalogue from the first oid that is not the server's.
# A row that DDL adds or replaces carries a later transaction than all that were there when nobody else was connected:
# as long as the number is the same, the sum grows with every change.
STAMP = "SELECT " + ", ".join(
    f"(SELECT (count(*), sum(xmin::text::bigint))::text FROM {name} WHERE {oid} >= 16384)"
    for name, oid in (
        ("pg_class", "oid"),
        ("pg_attribute", "attrelid"),
        ("pg_attrdef", "oid"),
        ("pg_constraint", "oid"),
        ("pg_trigger", "oid"),
        ("pg_proc", "oid"),
        ("pg_type", "oid"),
        ("pg_enum", "oid"),
        ("pg_rewrite", "oid"),
        ("pg_policy", "oid"),
        ("pg_sequence", "seqrelid"),
        ("pg_extension", "oid"),
        ("pg_namespace", "16384"),  # all of it: public has a number of the server's, and can be dropped
    )
)
# Large objects are in no schema.
LARGE_OBJECTS = """
SELECT (SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_largeobject_metadata),
       (SELECT md5(string_agg(concat_ws(' ', loid, pageno, md5(data)), ',' ORDER BY loid, pageno)) FROM pg_largeobject)
"""


def stamp(ask: Ask) -> Any:
    """A value that is the same as long as no DDL was committed; a temporary table or TRUNCATE may change it too."""
    return ask(STAMP)


def everything(ask: Ask) -> Catalogue:
    """All that DDL has made: kind, name with schema, definition."""
    return frozenset((str(kind), str(name), str(definition)) for kind, name, definition in ask(_EVERYTHING))


def large_objects(ask: Ask) -> Any:
    """A value that changes with any large object."""
    return ask(LARGE_OBJECTS)


def of_columns(ask: Ask) -> list[str]:
    """The sequences that belong to a column (serial, identity, OWNED BY), quoted."""
    return [name for (name,) in ask(_OF_COLUMNS)]


def sequences(ask: Ask) -> list[tuple[str, int, bool]]:
    """Every sequence, quoted, with where it stands."""
    return [(name, *ask(f"SELECT last_value, is_called FROM {name}")[0]) for name, _ in ask(SEQUENCES_OF)]


def constraints(ask: Ask) -> int:
    """Keys, unique, foreign keys, checks, exclusions and not null."""
    return int(ask(_CONSTRAINTS)[0][0])


def of_extensions(ask: Ask) -> tuple[str, ...]:
    """Tables that an extension has made, and which extension."""
    return tuple(
        f"{state_name(DEFAULT, schema, table)} (of the extension {extension})"
        for schema, table, extension in ask(_OF_EXTENSIONS)
    )


def foreign_tables(ask: Ask) -> tuple[str, ...]:
    """Tables whose rows are somewhere else."""
    return tuple(state_name(DEFAULT, schema, table) for schema, table in ask(_FOREIGN))


def shapes(ask: Ask, quoted: Callable[[str], str]) -> dict[str, Shape]:
    """The tables and materialized views of every schema; a partition is read through its table."""
    columns: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    kinds: dict[tuple[str, str], str] = {}
    for schema, table, kind, column, writable in ask(_COLUMNS):
        found = columns.setdefault((schema, table), [])
        kinds[schema, table] = _text(kind)
        if column is not None:
            found.append((column, writable))
    keys: dict[tuple[str, str], list[str]] = {}
    references: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for schema, table, kind, column, there, parent, target in ask(_KEYS):
        if _text(kind) == "p":
            keys.setdefault((schema, table), []).append(column)
        else:
            references.setdefault((schema, table), {})[column] = state_name(DEFAULT, there, parent), target
    checks: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, name, condition in ask(_NOT_ENFORCED):
        checks.setdefault((schema, table), {})[name] = condition
    return {
        state_name(DEFAULT, *where): Shape(
            place := ".".join(map(quoted, where)),
            tuple(name for name, _ in found),
            tuple(name for name, writable in found if writable),
            tuple(keys.get(where, ())),
            references.get(where, {}),
            source=f"ONLY {place}" if kinds[where] == "r" else "",  # not the rows of those that inherit from it
            derived=kinds[where] == "m",
            checks=checks.get(where, {}),
        )
        for where, found in columns.items()
    }


def _text(kind: str | bytes) -> str:
    return kind.decode() if isinstance(kind, bytes) else kind

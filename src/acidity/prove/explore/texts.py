"""What a schema does by itself, as the texts that its catalogue holds: defaults, CHECK, triggers, views, functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acidity.engines.base import Sandbox
from acidity.engines.own_calls import own_calls

_POSTGRESQL = """
SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE c.contype = 'c' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT t.typdefault FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT definition FROM pg_rules WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT concat(qual, ' ', with_check) FROM pg_policies
UNION ALL
SELECT pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_MARIADB = """
SELECT CONCAT(COALESCE(column_default, ''), ' ', extra, ' ', COALESCE(generation_expression, ''))
FROM information_schema.columns
WHERE table_schema = DATABASE()
UNION ALL SELECT action_statement FROM information_schema.triggers WHERE trigger_schema = DATABASE()
UNION ALL SELECT check_clause FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()
UNION ALL SELECT routine_definition FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL SELECT view_definition FROM information_schema.views WHERE table_schema = DATABASE()
"""
_ASKED: Mapping[str, str] = {
    "sqlite": "SELECT sql FROM sqlite_master",
    "postgresql": _POSTGRESQL,
    "mariadb": _MARIADB,
}


def texts_of(parts: Iterable[Sandbox]) -> list[str]:
    """The texts of some databases, each asked over a connection of acidity's own."""
    found: list[str] = []
    for part in parts:
        with own_calls():
            cursor = part.connect_beside().cursor()
            try:
                cursor.execute(_ASKED[part.engine_name])
                found += [str(text) for (text,) in cursor.fetchall() if text]
            finally:
                cursor.close()
    return found

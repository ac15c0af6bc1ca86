"""What a text may ask for that no row tells, or that an engine understands in a way of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.classes.terms import Term, term_of

if TYPE_CHECKING:
    from sqlglot import exp

_OF_THE_ENGINE = frozenset({"xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"})  # columns of each table of PostgreSQL

# What the server tells of tables. Only a change of the schema changes it, and then no schedule is left out; so what it
# gives depends on nobody, though to ask for it may begin a transaction, or meet whoever locks the file.
_CATALOGUES = {
    "sqlite": frozenset({"sqlite_master", "sqlite_schema"}),
    "postgresql": frozenset(
        """
        pg_class pg_namespace pg_attribute pg_attrdef pg_type pg_index pg_constraint pg_description pg_enum pg_range
        pg_collation pg_am pg_opclass pg_inherits pg_sequence pg_tables pg_views pg_indexes columns tables views
        table_constraints key_column_usage constraint_column_usage referential_constraints check_constraints schemata
        """.split()  # noqa: SIM905 - one a line would fill a page
    ),
}
_CATALOGUE_SCHEMAS = {"pg_catalog", "information_schema"}
_OF_CATALOGUES = re.compile(
    r"pg_\w+_is_visible|pg_get_(?:expr|\w+def|serial_sequence|userbyid)|format_type|(?:obj|col|shobj)_description"
)

_HARMLESS = frozenset(
    """
    SUM COUNT MAX MIN AVG COALESCE ABS LOWER UPPER ROUND LENGTH GREATEST LEAST NULLIF CAST TRY_CAST EXISTS CASE IF AND
    OR XOR NOT CONCAT SUBSTRING TRIM CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME ROW_NUMBER STR_POSITION TIMESTAMP DATE
    TS_OR_DS_TO_DATE EXTRACT CEIL FLOOR SIGN MOD ARRAY_AGG IN BETWEEN LIKE CHR INITCAP
    SQLITE_COMPILEOPTION_USED SQLITE_VERSION SQLITE_SOURCE_ID
    JSON JSON_VALID JSON_EXTRACT JSON_OBJECT JSON_ARRAY JSON_ARRAY_LENGTH ARRAY
    JSON_BUILD_OBJECT JSONB_BUILD_OBJECT JSON_BUILD_ARRAY JSONB_BUILD_ARRAY
    ARRAY_SIZE ARRAY_LENGTH REPLACE REVERSE LOGICAL_AND LOGICAL_OR
    """.split()  # noqa: SIM905 - one a line would fill a page
)


def is_harmless(function: str) -> bool:
    """Whether what a function gives depends on its arguments alone, and on the schema."""
    return function.upper() in _HARMLESS or _OF_CATALOGUES.fullmatch(function.lower()) is not None


def peculiar(tree: exp.Expr, schema: Schema, engine: str) -> str:
    """Why nothing is known of a text for certain; empty where something is.

    Args:
        tree: of the text.
        schema: of the database.
        engine: its name.
    """
    from sqlglot import exp

    known = {*schema.tables, *schema.views, "dual", *(each.alias_or_name.lower() for each in tree.find_all(exp.CTE))}
    for table in tree.find_all(exp.Table):
        if is_catalogue(table, schema, engine):
            continue
        if not isinstance(table.parent, exp.Lock) and table.name.lower() not in known:
            return f"{table.name or 'what is in FROM'} is no table or view of the program's"
    if engine == "postgresql" and any(each.name.lower() in _OF_THE_ENGINE for each in tree.find_all(exp.Column)):
        return "a column of the server's own is read"
    if any(isinstance(each.args.get("field"), exp.Column) for each in tree.find_all(exp.In)):
        return "IN is asked of a table"
    if engine == "postgresql" and any(map(_locks_within, tree.find_all(exp.Select))):
        return "rows are locked within a query in FROM"
    return ""


def is_catalogue(table: exp.Expr, schema: Schema, engine: str) -> bool:
    """Whether it is a table of the server's own that only a change of the schema changes."""
    name, place = table.name.lower(), table.text("db").lower()
    if name not in _CATALOGUES.get(engine, ()) or name in schema.tables or name in schema.views:
        return False
    return place in _CATALOGUE_SCHEMAS or (not place and name.startswith(("pg_", "sqlite_")))


def _locks_within(select: exp.Select) -> bool:
    """Whether rows are locked of what another query in its FROM has found."""
    from sqlglot import exp

    source = select.args.get("from_")
    sources = [*([] if source is None else [source.this]), *(join.this for join in select.args.get("joins") or [])]
    return bool(select.args.get("locks")) and any(isinstance(each, exp.Subquery) for each in sources)


def may_look_at_nothing(tree: exp.Expr) -> bool:
    """Whether a query says itself that it finds nothing, so that it may be answered without a look at its tables."""
    from sqlglot import exp

    for where in tree.find_all(exp.Where):
        for each in where.find_all(exp.Predicate):
            if not isinstance(each, exp.Is | exp.Exists) and not each.find(exp.Column):
                return True
        if any(not isinstance(each.parent, exp.Is) for each in where.find_all(exp.Null)):
            return True
        around = (exp.Where, exp.And, exp.Or, exp.Not, exp.Paren)
        if any(isinstance(each.parent, around) for each in where.find_all(exp.Boolean)):
            return True
    if not isinstance(tree, exp.Select):
        return False
    without = tree.args.get("from_") is None or bool(tree.args.get("locks"))  # nothing that is plainly read for certain
    return without and any(each is not tree for each in tree.find_all(exp.Select))


def limits_of(tree: exp.Expr) -> tuple[Term | None, ...]:
    """How many rows it asks for at most, at each place where it says so."""
    from sqlglot import exp

    return tuple(term_of(each.expression) for each in tree.find_all(exp.Limit))

"""What MariaDB's catalogue says of the databases of a Sandbox: tables, numbers, and everything that DDL makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from acidity.engines.hosted_database import Catalogue, Shape, state_name

_COLUMNS = """
SELECT table_schema, table_name, column_name, column_type, is_nullable, column_key, extra, generation_expression,
       column_default, column_comment
FROM information_schema.columns WHERE table_schema IN %s ORDER BY table_schema, table_name, ordinal_position
"""
_TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema IN %s AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""
_VERSIONED = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema IN %s AND table_type = 'SYSTEM VERSIONED'
"""
_WITHOUT_TRANSACTIONS = """
SELECT t.table_schema, t.table_name, t.engine
FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema IN %s AND t.table_type <> 'SEQUENCE' AND e.transactions = 'NO'
"""
_KEYS = """
SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
       referenced_column_name
FROM information_schema.key_column_usage WHERE table_schema IN %s
AND (constraint_name = 'PRIMARY' OR referenced_table_name IS NOT NULL)
ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""
_CHECKS = """
SELECT constraint_schema, table_name, constraint_name, check_clause
FROM information_schema.check_constraints WHERE constraint_schema IN %s
"""  # of which a session may ask that they are not enforced (check_constraint_checks)
_CONSTRAINTS = """
SELECT (SELECT count(*) FROM information_schema.table_constraints WHERE table_schema IN %s)
     + (SELECT count(*) FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema IN %s AND c.is_nullable = 'NO' AND c.column_key <> 'PRI'
        AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED'))
"""
_NUMBERS = """
SELECT table_schema, table_name, auto_increment FROM information_schema.tables
WHERE table_schema IN %s AND auto_increment IS NOT NULL
"""
# Each costs a tenth of a millisecond or more, so they are asked where the Calls of a run may have made something.
_EVERYTHING = {
    "database": """
SELECT schema_name, default_collation_name, '' FROM information_schema.schemata WHERE schema_name IN %s
""",
    "table": """
SELECT concat(table_schema, '.', table_name),
       concat_ws(' ', table_type, engine, table_collation, create_options, table_comment), ''
FROM information_schema.tables WHERE table_schema IN %s
""",
    "index": """
SELECT concat(table_schema, '.', table_name, '.', index_name),
       concat_ws(' ', non_unique, column_name, sub_part, collation), seq_in_index
FROM information_schema.statistics WHERE table_schema IN %s
""",
    "view": """
SELECT concat(table_schema, '.', table_name), view_definition, ''
FROM information_schema.views WHERE table_schema IN %s
""",
    "trigger": """
SELECT concat(trigger_schema, '.', trigger_name),
       concat_ws(' ', action_timing, event_manipulation, event_object_table, action_statement), ''
FROM information_schema.triggers WHERE trigger_schema IN %s
""",
    "routine": """
SELECT concat(routine_schema, '.', routine_name), concat_ws(' ', routine_type, dtd_identifier, routine_definition), ''
FROM information_schema.routines WHERE routine_schema IN %s
""",
    "event": """
SELECT concat(event_schema, '.', event_name), concat_ws(' ', event_definition, status), ''
FROM information_schema.events WHERE event_schema IN %s
""",
    "check": """
SELECT concat(constraint_schema, '.', table_name, '.', constraint_name), check_clause, ''
FROM information_schema.check_constraints WHERE constraint_schema IN %s
""",
    "foreign key": """
SELECT concat(constraint_schema, '.', table_name, '.', constraint_name),
       concat_ws(' ', referenced_table_name, update_rule, delete_rule), ''
FROM information_schema.referential_constraints WHERE constraint_schema IN %s
""",
}


# Of a table WITH SYSTEM VERSIONING: the server fills them in, and makes the last one a part of every key.
_PERIOD = frozenset({"ROW START", "ROW END"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the catalogue for some databases.

    Attributes:
        ask: sends a statement as the administrator.
        quoted: an identifier, quoted.
        databases: the default one first.
    """

    ask: Callable[..., list[tuple[Any, ...]]]
    quoted: Callable[[str], str]
    databases: tuple[str, ...]

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        return self.ask(sql, (self.databases,) * sql.count("%s"))

    def named(self, database: str, table: str) -> str:
        """What a State calls the table."""
        return state_name(self.databases[0], database, table)

    def place(self, database: str, table: str) -> str:
        """The table as SQL."""
        return f"{self.quoted(database)}.{self.quoted(table)}"

    def columns(self) -> Catalogue:
        """Every column of every table and view: what most DDL changes, in one cheap question."""
        return frozenset(
            ("column", ".".join((self.named(database, table), column)), " ".join(map(str, rest)))
            for database, table, column, *rest in self._asked(_COLUMNS)
        )

    def everything(self) -> Catalogue:
        """All that DDL has made."""
        return self.columns() | frozenset(
            (kind, f"{name.removeprefix(self.databases[0] + '.')}{number and f' ({number})'}", str(definition))
            for kind, sql in _EVERYTHING.items()
            for name, definition, number in self._asked(sql)
        )

    def shapes(self) -> dict[str, Shape]:
        """The tables of all databases of the Sandbox, with their columns and keys."""
        tables = {(database, name) for database, name in self._asked(_TABLES)}
        columns: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        serial = set()
        for database, table, column, _, _, _, extra, generated, _, _ in self._asked(_COLUMNS):
            if (database, table) in tables and generated not in _PERIOD:
                columns.setdefault((database, table), []).append((column, "GENERATED" not in extra.upper()))
                if "auto_increment" in extra:
                    serial.add((database, table))
        keys: dict[tuple[str, str], list[str]] = {}
        references: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        for database, table, name, column, there, parent, target in self._asked(_KEYS):
            if name == "PRIMARY":
                keys.setdefault((database, table), []).append(column)
            else:
                references.setdefault((database, table), {})[column] = self.named(there, parent), target
        checks: dict[tuple[str, str], dict[str, str]] = {}
        for database, table, name, condition in self._asked(_CHECKS):
            checks.setdefault((database, table), {})[name] = condition
        return {
            self.named(*where): Shape(
                self.place(*where),
                tuple(name for name, _ in found),
                tuple(name for name, writable in found if writable),
                tuple(column for column in keys.get(where, ()) if any(name == column for name, _ in found)),
                references.get(where, {}),
                where in serial,
                checks=checks.get(where, {}),
            )
            for where, found in sorted(columns.items())
        }

    def constraints(self) -> int:
        """Keys, unique, foreign keys, checks and not null."""
        return int(self._asked(_CONSTRAINTS)[0][0])

    def versioned(self) -> list[str]:
        """The tables of which the server keeps every version of a row."""
        return [self.place(*where) for where in self._asked(_VERSIONED)]

    def without_transactions(self) -> dict[str, str]:
        """The tables whose storage engine knows no transactions, and its name."""
        found = self._asked(_WITHOUT_TRANSACTIONS)
        return {self.named(database, table): engine for database, table, engine in found}

    def numbers(self) -> dict[str, int]:
        """The next number of every table that the database numbers."""
        return {self.place(database, table): int(number) for database, table, number in self._asked(_NUMBERS)}

    def sequences(self) -> dict[str, int]:
        """Where every sequence stands: after what it has handed out, or keeps in its cache."""
        found = self._asked(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN %s AND table_type = 'SEQUENCE'"
        )
        places = [self.place(*where) for where in found]
        return {place: int(self.ask(f"SELECT next_not_cached_value FROM {place}")[0][0]) for place in places}

    def making(self) -> Iterator[tuple[str, str, str]]:
        """Database, DROP and CREATE of everything, in an order in which it can be made with foreign keys off."""
        for database in self.databases:
            listed = self.ask(
                "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = %s"
                " ORDER BY table_type = 'VIEW', table_type <> 'SEQUENCE', table_name",
                (database,),
            )
            for name, kind in listed:
                what = {"VIEW": "VIEW", "SEQUENCE": "SEQUENCE"}.get(kind, "TABLE")
                yield self._made(database, name, what, 1)
            for (name,) in self.ask(
                "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s ORDER BY trigger_name",
                (database,),
            ):
                yield self._made(database, name, "TRIGGER", 2)
            for name, what in self.ask(
                "SELECT routine_name, routine_type FROM information_schema.routines WHERE routine_schema = %s"
                " ORDER BY routine_name",
                (database,),
            ):
                yield self._made(database, name, what, 2)
            for (name,) in self.ask("SELECT event_name FROM information_schema.events WHERE event_schema = %s",
                                    (database,)):  # fmt: skip
                yield self._made(database, name, "EVENT", 3)

    def _made(self, database: str, name: str, what: str, column: int) -> tuple[str, str, str]:
        place = self.place(database, name)
        return database, f"DROP {what} IF EXISTS {place}", str(self.ask(f"SHOW CREATE {what} {place}")[0][column])

"""What texts mean to a database: a `Speech` for each engine tells control, writes and commits from the words.

One place per engine (``engines/<name>/speech.py``) holds its words as data; here is how they are put together. Nothing
here asks a database: where a text cannot tell (a procedure, a function, a prepared statement), `Meaning` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, lru_cache

from acidity.core.call import Kind, Writes
from acidity.core.lexis import Lexis
from acidity.core.registry import Registry


class ErrorClass(StrEnum):
    """What an error of a database means for a transaction."""

    SERIALIZATION = "serialization failure"
    DEADLOCK = "deadlock"
    BUSY = "busy"
    LOCK_TIMEOUT = "lock time-out"
    DUPLICATE = "duplicate key"
    CONSTRAINT = "violated constraint"
    CANCELLED = "cancelled statement"
    REFUSED = "commit refused"
    LOST = "connection lost"
    FULL = "no connection left"


TURNED_AWAY = frozenset(
    {
        ErrorClass.SERIALIZATION,
        ErrorClass.DEADLOCK,
        ErrorClass.BUSY,
        ErrorClass.LOCK_TIMEOUT,
        ErrorClass.CANCELLED,
    }
)
"""What an engine tells a caller that could not be served, or not in its time, beside the others; not when alone."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one text asks of the database.

    Attributes:
        kind: the kind of Call that it is; one that holds control and other statements is a statement.
        writes: whether it changes rows or schema.
        commits: it is a COMMIT, holds one, or commits by itself what is open (and then itself).
        opaque: it may commit on its way where its words do not show it, or more than once.
        switches: it turns autocommit on, which commits what is open where it was off.
    """

    kind: Kind = Kind.STATEMENT
    writes: Writes = Writes.NO
    commits: bool = False
    opaque: bool = False
    switches: bool = False

    @property
    def commits_unasked(self) -> bool:
        """It commits although it is no COMMIT."""
        return self.commits and self.kind is not Kind.COMMIT


READS = Meaning()
WRITES = Meaning(writes=Writes.YES)
MAY_WRITE = Meaning(writes=Writes.PERHAPS)
Judge = Callable[[str], Meaning]


@dataclass(frozen=True)
class Speech:
    """The speech of one engine.

    Attributes:
        engine: its name.
        lexis: how it writes comments, strings and names.
        control: patterns of transaction control; the first that matches a statement gives its kind.
        undivided: a text that begins so is one statement, whatever semicolons it holds (the body of a trigger).
        statement: the meaning of one statement that is no control.
        sets_positions: a pattern of what sets the next number of a sequence or table so that no rollback takes it back.
        begins_by_committing: BEGIN commits what is open, and each statement outside a transaction itself.
        savepoint_begins: a SAVEPOINT outside a transaction begins one, and its RELEASE commits it.
        fails_by_errors: an error fails the whole transaction; until ROLLBACK TO, its COMMIT is a ROLLBACK.
        errors: code → what it means for a transaction.
        lost_by: errors after which nothing is left of a transaction, and what comes is part of another one.
    """

    engine: str
    lexis: Lexis
    control: tuple[tuple[str, Kind], ...]
    undivided: str
    statement: Judge
    sets_positions: str = ""
    begins_by_committing: bool = False
    savepoint_begins: bool = False
    fails_by_errors: bool = False
    errors: Mapping[str, ErrorClass] = field(default_factory=dict)
    lost_by: frozenset[ErrorClass] = frozenset()

    def __hash__(self) -> int:
        return hash(self.engine)

    def bare(self, sql: str) -> str:
        """The text without comments."""
        return self.lexis.bare(sql)

    def statements(self, sql: str) -> tuple[str, ...]:
        """The statements of a text as skeletons (`Lexis.skeleton`); none where it holds nothing but comments.

        >>> speech_of("sqlite").statements("BEGIN; UPDATE t SET a = ';'; COMMIT;")
        ('begin', "update t set a = ''", 'commit')
        """
        skeleton = self.lexis.skeleton(sql)
        if ";" not in skeleton or re.match(self.undivided, skeleton):
            return tuple(filter(None, (skeleton.strip("; "),)))
        return tuple(filter(None, map(str.strip, skeleton.split(";"))))

    def meaning(self, sql: str) -> Meaning:
        """What a text means that is sent as one request.

        >>> speech_of("postgresql").meaning("EXPLAIN ANALYZE DELETE FROM t").writes
        <Writes.YES: 2>
        >>> speech_of("mariadb").meaning("CREATE TABLE t (id int)").commits_unasked
        True
        """
        return _meaning(self, sql)

    def changes_schema(self, sql: str) -> bool:
        """Whether some statement of a text changes the schema, of this session or of all.

        >>> speech_of("sqlite").changes_schema("ALTER TABLE t ADD COLUMN c INTEGER")
        True
        """
        return _changes_schema(self, sql)

    def sets_position(self, sql: str) -> bool:
        """Whether a text sets where a sequence goes on, at once and whatever becomes of the transaction.

        What an opaque one carries out may stand in a string of it.

        >>> speech_of("postgresql").sets_position("SELECT setval('orders_id_seq', 500)")
        True
        """
        return bool(self.sets_positions) and _sets_position(self, sql)

    def kind(self, statement: str) -> Kind:
        """The kind of one statement, given as a skeleton."""
        return next((kind for pattern, kind in self.control if re.match(pattern, statement)), Kind.STATEMENT)

    def meaning_of(self, statement: str) -> Meaning:
        """The meaning of one statement, given as a skeleton."""
        kind = self.kind(statement)
        if kind is not Kind.STATEMENT:
            return Meaning(kind, commits=kind is Kind.COMMIT)
        return self.statement(statement)


_SCHEMA = re.compile(r"(create|drop|alter|rename|truncate)\b")  # as every engine has it


@lru_cache(maxsize=4096)
def _changes_schema(speech: Speech, sql: str) -> bool:
    return any(_SCHEMA.match(statement) for statement in speech.statements(sql))


@lru_cache(maxsize=4096)
def _sets_position(speech: Speech, sql: str) -> bool:
    texts = [*speech.statements(sql), *([speech.bare(sql).lower()] if speech.meaning(sql).opaque else [])]
    return any(re.search(speech.sets_positions, text) for text in texts)


@lru_cache(maxsize=4096)
def _meaning(speech: Speech, sql: str) -> Meaning:
    parts = [speech.meaning_of(statement) for statement in speech.statements(sql)]
    if len(parts) == 1:
        return parts[0]
    return _together(parts, begins_by_committing=speech.begins_by_committing) if parts else READS


def _together(parts: list[Meaning], *, begins_by_committing: bool) -> Meaning:
    kinds = [part.kind for part in parts]
    whole = replace(
        READS,
        writes=max(part.writes for part in parts),
        commits=any(part.commits for part in parts),
        opaque=any(part.opaque for part in parts) or _units(parts, begins_by_committing=begins_by_committing) > 1,
        switches=any(part.switches for part in parts),
    )
    if Kind.STATEMENT in kinds:
        return whole
    # A COMMIT among control decides over what was done before, and a ROLLBACK more than a BEGIN after it.
    return replace(whole, kind=next((kind for kind in (Kind.COMMIT, Kind.ROLLBACK) if kind in kinds), kinds[0]))


def _units(parts: list[Meaning], *, begins_by_committing: bool) -> int:
    """How many commits of writes there may be in a text, one that follows it included."""
    units, pending, inside = 0, False, False
    for part in parts:
        ends = part.commits or (part.kind is Kind.BEGIN and begins_by_committing)
        if part.kind is Kind.ROLLBACK:
            pending = inside = False
        elif part.writes and begins_by_committing and not inside and pending:
            units += 1  # the one before it was committed by itself, if no transaction was open
        units += ends and pending
        units += part.commits_unasked and bool(part.writes)
        pending = (pending and not ends) or (bool(part.writes) and not part.commits)
        inside = part.kind is Kind.BEGIN or (inside and not part.commits)
    return units + pending


class Functions:
    """Functions that are known to change no row, among all that may be called in a query.

    Args:
        harmless: their names, separated by blanks.
    """

    def __init__(self, harmless: str) -> None:
        self.harmless = frozenset(harmless.split())
        self._called = re.compile(r'((?:"\?"|[\w$]+)(?: ?\. ?(?:"\?"|[\w$]+))*) ?\(')
        self._defined = re.compile(r'("\?"|[\w$]+) ?\([^()]*\) as (?:not )?(?:materialized )?\(')
        self._aliased = re.compile(r"\bas [\w$]+ ?\(")

    def unknown_in(self, statement: str) -> bool:
        """Whether the statement calls another one; a word before a bracket that is no call counts as one."""
        text = self._aliased.sub("as (", self._defined.sub("as (", statement))
        names = (found[1].replace(" ", "").removeprefix("pg_catalog.") for found in self._called.finditer(text))
        return any(name not in self.harmless for name in names)


# Words of SQL that a bracket may follow, and functions of the standard: the same on every engine.
STANDARD = """
all and any array as asc between by case check coalesce collate cross cube desc distinct else escape except exists
except extract filter for from full group grouping having if ilike in inner intersect interval is join key lateral left
like limit match materialized natural not null nulls of offset on only or order outer over partition range recursive
regexp right rlike rollup row rows select sets similar some table then to union unique using values when where window
with within xor div mod binary
bigint bit char character date datetime decimal double float int integer nchar numeric nvarchar precision real smallint
text time timestamp timestamptz timetz tinyint varbinary varbit varchar varying year
abs acos asin atan atan2 avg cast ceil ceiling char_length character_length concat concat_ws convert cos cot count
cume_dist current_date current_time current_timestamp current_user date dense_rank degrees exp first_value floor format
greatest group_concat ifnull instr json_array json_array_length json_extract json_group_array json_group_object
json_object json_quote json_type json_valid lag last_value lead least length ln localtime localtimestamp log log10 log2
lower lpad ltrim max md5 min mod month now nth_value ntile nullif octet_length percent_rank percentile_cont
percentile_disc pi position pow power quote radians rand random rank replace reverse round row_number rpad rtrim sign
sin sqrt strftime string_agg strpos substr substring sum tan translate trim truncate typeof upper user version
corr covar_pop covar_samp stddev stddev_pop stddev_samp var_pop var_samp variance bit_and bit_or bit_xor
"""

DML = re.compile(
    r"\binsert (?:or \w+ |ignore )?into\b|\breplace into\b|\bmerge into\b|\bdelete from\b"
    r"|(?<!for )(?<!key )\bupdate (?:or \w+ |only )?(?:\"\?\"|[\w$.]+)[^()]*? set\b"
)

SPEECHES: Registry[Speech] = Registry(
    "speeches",
    {
        "sqlite": "acidity.engines.sqlite.speech:SPEECH",
        "postgresql": "acidity.engines.postgresql.speech:SPEECH",
        "mariadb": "acidity.engines.mariadb.speech:SPEECH",
    },
)


@cache  # asked for every Call
def speech_of(engine: str) -> Speech:
    """The speech of an engine, or of a dialect of SQLAlchemy.

    Raises:
        UsageError: no speech is registered for this engine.
    """
    return SPEECHES["mariadb" if engine == "mysql" else engine]


@lru_cache(maxsize=4096)
def touches_rows_alone(engine: str, kind: Kind, sql: str) -> bool:
    """Whether a Call only reads or writes rows, or begins or ends a transaction, as far as its words go.

    Nothing that it does outlives the transaction on its connection but rows. A text of more than one statement, or
    with a function that is not known, may do anything.

    >>> touches_rows_alone("sqlite", Kind.STATEMENT, "CREATE TEMP TABLE t (id int)")
    False
    """
    if kind is not Kind.STATEMENT:
        return kind is not Kind.PREPARE
    speech = speech_of(engine)
    meaning, statements = speech.meaning(sql), speech.statements(sql)
    if meaning.opaque or meaning.commits or meaning.writes is Writes.PERHAPS or len(statements) != 1:
        return False
    word = re.match(r"[( ]*(\w+)", statements[0])
    if word is None or word[1] not in _OF_ROWS or _OF_SESSIONS.search(statements[0]):
        return False
    return word[1] in {"insert", "replace", "merge"} or not re.search(r"(?<!insert) into\b", statements[0])


@lru_cache(maxsize=4096)
def only_reads(engine: str, kind: Kind, sql: str) -> bool:
    """Whether nobody else can notice a Call, as far as its words go: it changes no row and asks for no lock by name.

    >>> only_reads("postgresql", Kind.STATEMENT, "SELECT * FROM t FOR UPDATE")
    False
    """
    if not touches_rows_alone(engine, kind, sql):
        return False
    speech = speech_of(engine)
    return speech.meaning(sql).writes is Writes.NO and not any(map(_LOCKS.search, speech.statements(sql)))


_LOCKS = re.compile(
    r"\bfor (no key |key )?(update|share)\b|\block in share mode\b|\w*advisory\w*|\b(immediate|exclusive)\b"
)
# They change no row and outlive a transaction, or carry out any text that they are given.
_OF_SESSIONS = re.compile(
    r"\b(set_config|setseed|get_lock|pg_(?:try_)?advisory_(?:un)?lock\w*|query_to_xml\w*|dblink\w*)\b"
)
_OF_ROWS = frozenset({"select", "values", "with", "insert", "update", "delete", "replace", "merge"})

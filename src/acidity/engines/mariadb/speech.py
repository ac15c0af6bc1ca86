"""What texts and error codes mean to MariaDB (mariadb.com/kb, "SQL statements that cause an implicit commit").

MariaDB commits what is open before most statements that are no queries, and nobody is told. Its own list is followed
here word by word, and tests hold it against a server.
"""

from __future__ import annotations

import re
from dataclasses import replace

from acidity.core.call import Kind
from acidity.core.lexis import Lexis
from acidity.engines.speech import (
    DML,
    MAY_WRITE,
    READS,
    STANDARD,
    WRITES,
    ErrorClass,
    Functions,
    Meaning,
    Speech,
)

_TEMPORARY = re.compile(
    r"(create (or replace )?temporary (table|sequence)|drop temporary (tables?|sequence)|drop prepare)\b"
)
_SCHEMA = re.compile(r"(create|drop|alter|rename|truncate)\b")
_ADMINISTRATION = re.compile(
    r"(flush|optimize|repair|backup|reset|change master|shutdown)\b"
    r"|(lock|unlock) tables?\b|check (table|view)s?\b|(start|stop) (all )?(slave|replica)s?\b"
    r"|analyze ((no_write_to_binlog|local) )?tables?\b"
)
_USERS = re.compile(r"(grant|revoke|install|uninstall|set password|set default role)\b")
_ROWS = re.compile(r"(insert|update|delete|replace|load data|load xml)\b")
_ANALYZE = re.compile(r"analyze (?:format ?= ?(?:\w+|'') )?(?=insert|update|delete|replace|select|with|values)")
_SET_STATEMENT = re.compile(r"set statement .*? for (?P<rest>.*)", re.DOTALL)
_AUTOCOMMIT = re.compile(
    r"set (?:.*, ?)?(?:session |local |@@(?:session ?\. ?|local ?\. ?)?)?autocommit ?:?=(?! ?(?:0|off|false)\b)"
)
_BLOCK = r"(begin not atomic|if|case|loop|while|repeat|for)\b|[\w\"?]+ ?: ?(loop|while|repeat|begin|for)\b"
_HIDES = re.compile(rf"(call|execute)\b|{_BLOCK}")
_PLAIN = re.compile(
    r"(select|with|values|table|set|show|describe|desc|explain|use|do|handler|checksum|help|get|signal|resignal|kill"
    r"|prepare|deallocate|xa (end|recover)|purge|binlog|declare|fetch|open|close)\b"
)
_QUERY = re.compile(r"(select|with|values|set|do)\b")

FUNCTIONS = Functions(
    STANDARD
    + """
    adddate addtime aes_decrypt aes_encrypt ascii benchmark bin bin_to_uuid bit_count bit_length chr coercibility
    collation column_json compress connection_id conv convert_tz crc32 curdate curtime database date_add date_format
    date_sub datediff day dayname dayofmonth dayofweek dayofyear decode decode_oracle default des_decrypt elt encode
    export_set extractvalue field find_in_set found_rows from_base64 from_days from_unixtime get_format get_lock hex
    hour inet6_aton inet6_ntoa inet_aton inet_ntoa insert is_free_lock is_ipv4 is_ipv6 is_used_lock isnull json_arrayagg
    json_array_append json_array_insert json_compact json_contains json_contains_path json_depth json_detailed
    json_equals json_exists json_insert json_keys json_length json_loose json_merge json_merge_patch
    json_merge_preserve json_normalize json_objectagg json_overlaps json_query json_remove json_replace json_search
    json_set json_table json_unquote json_value last_day last_insert_id lastval lcase left load_file locate make_set
    makedate maketime master_pos_wait microsecond mid minute monthname name_const natural_sort_key nvl nvl2 oct ord
    password period_add period_diff quarter random_bytes regexp_instr regexp_replace regexp_substr release_all_locks
    release_lock repeat right row_count schema sec_to_time second session_user sha sha1 sha2 sleep soundex space std
    str_to_date strcmp subdate substring_index subtime sys_guid sysdate system_user time_format time_to_sec timediff
    timestampadd timestampdiff to_base64 to_char to_days to_seconds truncate ucase uncompress uncompressed_length unhex
    unix_timestamp updatexml utc_date utc_time utc_timestamp uuid uuid_short value week weekday weekofyear weight_string
    yearweek match against st_astext st_geomfromtext st_distance point median percentile_cont lateral bit
    mediumint mediumtext longtext blob enum set signed unsigned
    """
)


def _statement(text: str) -> Meaning:
    text = text.lstrip("( ")
    if within := _SET_STATEMENT.match(text):
        return SPEECH.meaning_of(within["rest"])
    if analyzed := _ANALYZE.match(text):  # carries the statement out, unlike EXPLAIN
        return _statement(text[analyzed.end() :])
    if _HIDES.match(text):  # what a procedure, a prepared statement or a block does is not for a text to say
        return replace(MAY_WRITE, opaque=True)
    if _TEMPORARY.match(text):
        return READS if text.startswith("drop prepare") else MAY_WRITE
    if _SCHEMA.match(text):
        return replace(WRITES, commits=True)
    if _ADMINISTRATION.match(text):
        return replace(READS, commits=True)
    if _USERS.match(text):
        return replace(MAY_WRITE, commits=True)
    if _ROWS.match(text) or ("with " in text and DML.search(text)):
        return WRITES
    if not text:
        return READS
    if not _PLAIN.match(text):  # whatever a later version adds may commit
        return replace(MAY_WRITE, opaque=True)
    unknown = _QUERY.match(text) and (FUNCTIONS.unknown_in(text) or "next value for" in text or " into outfile" in text)
    meaning = MAY_WRITE if unknown else READS
    return replace(meaning, switches=True) if _AUTOCOMMIT.match(text) else meaning


SPEECH = Speech(
    engine="mariadb",
    lexis=Lexis(line=r"#|--(?=\s|\Z)", executes=True, strings="'\"", names="`", backslashes=True),
    control=(
        (r"begin( work)?$|start transaction\b|xa (start|begin)\b", Kind.BEGIN),
        (r"rollback (work )?to\b", Kind.ROLLBACK_TO),
        (r"xa prepare\b", Kind.PREPARE),
        (r"commit\b|xa commit\b", Kind.COMMIT),
        (r"rollback\b|xa rollback\b", Kind.ROLLBACK),
        (r"savepoint\b", Kind.SAVEPOINT),
        (r"release\b", Kind.RELEASE),
    ),
    undivided=rf"create .*?\b(trigger|procedure|function|event|package)\b|{_BLOCK}",
    statement=_statement,
    sets_positions=r"\bsetval ?\(|^alter sequence\b|^alter .*\bauto_increment ?=? ?\d",
    begins_by_committing=True,
    lost_by=frozenset({ErrorClass.DEADLOCK, ErrorClass.SERIALIZATION}),
    errors={
        "1020": ErrorClass.SERIALIZATION,  # record has changed since last read (innodb_snapshot_isolation)
        "1213": ErrorClass.DEADLOCK,
        "1205": ErrorClass.LOCK_TIMEOUT,
        "1062": ErrorClass.DUPLICATE,
        "1586": ErrorClass.DUPLICATE,
        "1048": ErrorClass.CONSTRAINT,
        "1451": ErrorClass.CONSTRAINT,
        "1452": ErrorClass.CONSTRAINT,
        "4025": ErrorClass.CONSTRAINT,
        "1969": ErrorClass.CANCELLED,
        "1317": ErrorClass.CANCELLED,
        "1180": ErrorClass.REFUSED,
        "1040": ErrorClass.FULL,
        "1203": ErrorClass.FULL,  # for this user
        "1927": ErrorClass.LOST,
        "2006": ErrorClass.LOST,
        "2013": ErrorClass.LOST,
        "2014": ErrorClass.LOST,
        "2045": ErrorClass.LOST,
        "2055": ErrorClass.LOST,
        "4031": ErrorClass.LOST,
    },
)

_OF_ROWS = frozenset(
    {"select", "insert", "update", "delete", "replace", "with", "set"}
    | {"begin", "start", "commit", "rollback", "savepoint", "release", "xa"}
)


def only_writes_rows(sql: str) -> bool:
    """Whether it is one statement of a kind that makes and drops nothing; what is not known may make anything."""
    meaning, statements = SPEECH.meaning(sql), SPEECH.statements(sql)
    if meaning.opaque or meaning.commits_unasked or len(statements) > 1:
        return False
    return all(re.split(r"\W", text.lstrip("( "), maxsplit=1)[0] in _OF_ROWS for text in statements)

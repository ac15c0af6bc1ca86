"""What texts and error codes mean to PostgreSQL (its manual, Part VI and Appendix A)."""

from __future__ import annotations

import re

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

_EXPLAIN = re.compile(
    r"explain (?:\((?P<options>[^()]*)\) ?|(?P<words>(?:(?:analyze|verbose) )*))(?P<rest>.*)", re.DOTALL
)
_ANALYZES = re.compile(r"\banaly[sz]e\b(?! ?(off|false|0|no)\b)")
_WRITE = re.compile(r"(insert|update|delete|merge|truncate|create|drop|alter|refresh|import)\b")
_OF_THIS_SESSION = re.compile(r"create (global |local )?(temp|temporary)\b")
_COPY_FROM = re.compile(r"copy (binary )?[^\s(]+ ?(\([^)]*\) ?)?from\b")
_OPAQUE = re.compile(r"(call|do)\b")
_READ = re.compile(
    r"(select|values|table|show|explain|fetch|move|close|declare|deallocate|prepare|listen|unlisten|notify|lock|set"
    r"|reset|discard|checkpoint|with|copy"
    r"|vacuum|analy[sz]e|reindex|cluster)\b"  # they keep house, and change no row
)
_INTO = re.compile(r"\binto\b")
_QUERY = re.compile(r"(select|values|with|declare|copy)\b")

# Of pg_catalog: not volatile in any of their forms, or volatile and yet no write of a row (clocks, locks, random).
FUNCTIONS = Functions(
    STANDARD
    + """
    age any_value array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims
    array_position array_positions array_prepend array_remove array_replace array_to_json array_to_string array_upper
    ascii bool_and bool_or btrim cardinality cbrt chr clock_timestamp current_catalog current_database current_query
    current_role current_schema current_schemas current_setting date_bin date_part date_trunc decode encode every
    factorial format_type gcd gen_random_uuid generate_series generate_subscripts get_bit get_byte
    has_table_privilege has_schema_privilege initcap inet_client_addr inet_server_addr isfinite json_agg
    json_array_elements
    json_array_elements_text json_build_array json_build_object json_each json_each_text json_extract_path
    json_extract_path_text json_object_agg json_object_keys json_populate_record json_populate_recordset
    json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
    jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
    jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
    jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours justify_interval lastval currval lcm
    make_date make_interval make_time make_timestamp make_timestamptz mode num_nonnulls num_nulls numnode
    obj_description overlay overlaps parse_ident pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
    pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
    pg_backend_pid pg_blocking_pids pg_client_encoding pg_column_size pg_current_xact_id_if_assigned
    pg_current_snapshot pg_database_size pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_serial_sequence
    pg_get_viewdef pg_is_in_recovery pg_postmaster_start_time pg_relation_size pg_size_pretty pg_sleep pg_sleep_for
    pg_sleep_until pg_table_is_visible pg_table_size pg_total_relation_size pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_typeof pg_type_is_visible
    plainto_tsquery phraseto_tsquery quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like
    regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat
    row_to_json scale session_user set_config setseed setweight sha224 sha256 sha384 sha512 similarity split_part
    starts_with statement_timestamp string_to_array string_to_table timeofday timezone to_ascii to_char to_date to_hex
    to_json to_jsonb to_number to_regclass to_regtype to_timestamp to_tsquery to_tsvector
    transaction_timestamp trim_array
    trim_scale trunc ts_headline ts_rank ts_rank_cd tsvector_to_array txid_current_if_assigned txid_current_snapshot
    unnest websearch_to_tsquery width_bucket xmlagg xmlelement xmlforest xpath regclass inet cidr jsonb json uuid bytea
    money oid name boolean bool interval int2 int4 int8 float4 float8 percentile grouping upper_inc lower_inc isempty
    range_merge daterange int4range int8range numrange tsrange tstzrange left right
    """
)


def _statement(text: str) -> Meaning:
    text = text.lstrip("( ")
    if explained := _EXPLAIN.match(text):
        analyzes = _ANALYZES.search(explained["options"] or explained["words"] or "")
        return _statement(explained["rest"]) if analyzes else READS
    if _OPAQUE.match(text):  # they may hold COMMIT where they stand outside a transaction block
        return Meaning(writes=MAY_WRITE.writes, opaque=True)
    if _OF_THIS_SESSION.match(text):
        return MAY_WRITE
    if _WRITE.match(text) or _COPY_FROM.match(text):
        return WRITES
    if not text:
        return READS
    if not _READ.match(text):  # GRANT, EXECUTE, COMMENT … and whatever a later version adds
        return MAY_WRITE
    if text.startswith("select") and _INTO.search(text):
        return WRITES
    if ("with " in text or text.startswith("copy")) and DML.search(text) and not text.startswith("prepare"):
        return WRITES
    return MAY_WRITE if _QUERY.match(text) and FUNCTIONS.unknown_in(_without_head_of_copy(text)) else READS


def _without_head_of_copy(text: str) -> str:
    """``COPY t (a, b) TO`` names columns, and ``COPY (SELECT …) TO … (FORMAT csv)`` options."""
    return re.sub(r"^copy [\w$\".?]+ ?\([^)]*\)|\bto \S+ (with )?\([^)]*\)$|^copy ", "", text)


SPEECH = Speech(
    engine="postgresql",
    lexis=Lexis(nests=True, names='"', escapes=True, dollars=True),
    control=(
        (r"begin\b(?! atomic)|start transaction\b", Kind.BEGIN),
        (r"rollback (work |transaction )?to\b", Kind.ROLLBACK_TO),
        (r"prepare transaction\b", Kind.PREPARE),
        (r"(commit|end)\b", Kind.COMMIT),
        (r"(rollback|abort)\b", Kind.ROLLBACK),
        (r"savepoint\b", Kind.SAVEPOINT),
        (r"release\b", Kind.RELEASE),
    ),
    undivided=r"create (or replace )?(function|procedure)\b.* begin atomic\b",
    statement=_statement,
    sets_positions=r"\bsetval ?\(",
    fails_by_errors=True,
    errors={
        "40001": ErrorClass.SERIALIZATION,
        "40P01": ErrorClass.DEADLOCK,
        "55P03": ErrorClass.LOCK_TIMEOUT,
        "57014": ErrorClass.CANCELLED,
        "23505": ErrorClass.DUPLICATE,
        "23000": ErrorClass.CONSTRAINT,
        "23001": ErrorClass.CONSTRAINT,
        "23502": ErrorClass.CONSTRAINT,
        "23503": ErrorClass.CONSTRAINT,
        "23514": ErrorClass.CONSTRAINT,
        "23P01": ErrorClass.CONSTRAINT,
        "08000": ErrorClass.LOST,
        "08003": ErrorClass.LOST,
        "08006": ErrorClass.LOST,
        "57P01": ErrorClass.LOST,
        "57P02": ErrorClass.LOST,
        "57P03": ErrorClass.LOST,
    },
)

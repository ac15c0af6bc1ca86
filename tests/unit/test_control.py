"""What a statement means, told from its first words."""

from __future__ import annotations

import pytest

from acidity.core.control import commits_within, is_ddl, is_write, kind_of, parts_of
from acidity.core.prepared import commits_prepared, without_names

KINDS = {
    "begin": [
        "BEGIN",
        "begin immediate",
        "BEGIN;",
        " BEGIN ",
        "/* a */ -- b\n BEGIN",
        "START TRANSACTION READ ONLY",
        "XA START 'x'",
    ],
    "commit": [
        "COMMIT",
        "commit;",
        "COMMIT AND CHAIN",
        "END",
        "END TRANSACTION",
        "COMMIT PREPARED 'x'",
        "XA COMMIT 'x'",
    ],
    "rollback": [
        "ROLLBACK",
        "rollback work",
        "ABORT",
        "ROLLBACK PREPARED 'x'",
        "XA ROLLBACK 'x'",
        "ROLLBACK TRANSACTION",
    ],
    "rollback-to": [
        "ROLLBACK TO a",
        "rollback to savepoint a",
        "ROLLBACK WORK TO SAVEPOINT a",
        "ROLLBACK TRANSACTION TO a",
    ],
    "savepoint": ["SAVEPOINT a", "-- why\nsavepoint a"],
    "release": ["RELEASE a", "RELEASE SAVEPOINT a"],
    "prepare": ["PREPARE TRANSACTION 'x'", "XA PREPARE 'x'"],
    "statement": [
        "",
        "SELECT 1",
        "PREPARE plan AS SELECT 1",
        "beginning",
        "SELECT 'COMMIT'",
        "INSERT INTO commits VALUES (1)",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "committed",
        "endpoint",
        "-- COMMIT",
    ],
}


@pytest.mark.parametrize(("kind", "sql"), [(kind, sql) for kind, texts in KINDS.items() for sql in texts])
def test_kind(kind: str, sql: str) -> None:
    assert kind_of(sql) == kind


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "update t set a = 1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES (1)",
        "/* so */ MERGE INTO t USING u ON a = b",
        "TRUNCATE t",
        "CREATE TABLE t (id INTEGER)",
        "DROP INDEX i",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "with a as (select 1) update t set b = (select * from a)",
        'WITH a AS (SELECT 1) UPDATE "my t" SET b = 1',
        "WITH a AS (SELECT 1) UPDATE t AS u SET b = 1",
        "WITH a AS (SELECT 1) UPDATE OR IGNORE t SET b = 1",
        "WITH a AS (SELECT 1) UPDATE ONLY t SET b = 1",
        "WITH a AS (SELECT 1)\nDELETE\nFROM t",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
    ],
)
def test_writes(sql: str) -> None:
    assert is_write(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "SELECT replace(a, 'x', 'y') FROM t",
        "SELECT * FROM t FOR UPDATE",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "WITH a AS (SELECT * FROM t FOR UPDATE) SELECT * FROM a",
        "WITH a AS (SELECT 'delete from t') SELECT * FROM a",
        "PRAGMA foreign_keys",
        "EXPLAIN DELETE FROM t",
        "COMMIT",
        "",
    ],
)
def test_what_only_reads(sql: str) -> None:
    assert not is_write(sql)


def test_changes_of_the_schema() -> None:
    assert is_ddl("create index i on t (a)")
    assert is_ddl("-- now\nALTER TABLE t ADD b INTEGER")
    assert not is_ddl("INSERT INTO t VALUES ('CREATE')")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("XA PREPARE 'f00','b',1", "XA PREPARE"),
        ("XA END 'f00'", "XA END"),
        ("/* why */ PREPARE TRANSACTION 'f00'", "PREPARE TRANSACTION"),
        ("COMMIT PREPARED 'f00'", "COMMIT PREPARED"),
        ("rollback prepared 'f00'", "rollback prepared"),
        ("prepare _sa_0123456789abcdef", "prepare"),
        ("prepare acidity-0123456789ab-0123-1", "prepare"),
        ("COMMIT", "COMMIT"),
        ("COMMIT AND CHAIN", "COMMIT AND CHAIN"),
        ("SELECT 'XA PREPARE'", "SELECT 'XA PREPARE'"),
    ],
)
def test_names_of_prepared_transactions_are_left_out(sql: str, words: str) -> None:
    assert without_names(sql) == words


def test_what_was_prepared_is_committed() -> None:
    assert all(map(commits_prepared, ["XA COMMIT 'x'", "COMMIT PREPARED 'x'", "commit _sa_0123456789abcdef"]))
    assert not any(map(commits_prepared, ["COMMIT", "XA COMMIT 'x' ONE PHASE", "XA PREPARE 'x'", "XA ROLLBACK 'x'"]))


TRIGGER = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = 1; END"


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELECT 1;", ["SELECT 1;"]),
        ("BEGIN; UPDATE t SET a = ';'; COMMIT;", ["BEGIN", "UPDATE t SET a = ';'", "COMMIT"]),
        ("-- a;\nSELECT 1; /* ; */ SELECT $$;$$", ["SELECT 1", "SELECT $$;$$"]),
        (TRIGGER, [TRIGGER]),
    ],
)
def test_the_statements_of_a_text(sql: str, parts: list[str]) -> None:
    assert list(parts_of(sql)) == parts


def test_a_text_of_several_is_a_statement_unless_all_are_control() -> None:
    several = "BEGIN; UPDATE t SET a = 1; COMMIT"
    assert (kind_of(several), is_write(several), commits_within(several)) == ("statement", True, True)
    assert kind_of("COMMIT; BEGIN") == "commit"
    assert not commits_within("UPDATE t SET a = 'COMMIT'; SELECT 1")


@pytest.mark.parametrize("sql", ["CALL p()", "DO $$ x $$", "COPY t FROM STDIN", "COPY t (a, b) FROM 'file'"])
def test_what_may_write_is_a_write(sql: str) -> None:
    assert is_write(sql)


def test_copying_out_is_none() -> None:
    assert not is_write("COPY t TO STDOUT")
    assert not is_write("COPY (SELECT a FROM t) TO STDOUT")

"""What settings promise, in words, and that reading them writes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acidity.engines import new_sandbox
from acidity.engines.durability import promises, read_from
from acidity.errors import UsageError
from tests.quality.test_crash import MATRIX
from tests.tiers import SERVERS


@pytest.mark.parametrize("setting", MATRIX)
def test_the_words_of_sqlite_are_what_the_power_cuts_show(setting: tuple[str, str]) -> None:
    journal, synchronous = setting
    (said,) = promises("sqlite", {"journal_mode": journal, "synchronous": synchronous})
    assert ("is there after a power loss" in said) is not bool(MATRIX[setting]), said
    if MATRIX[setting] == {"lost"}:
        assert said.startswith("your last acknowledged commit can vanish at power loss")
    if "damaged" in MATRIX[setting]:
        assert "damage" in said


@pytest.mark.parametrize(
    ("engine", "settings", "word"),
    [
        ("postgresql", {}, "is there after a power loss"),
        ("postgresql", {"synchronous_commit": "off"}, "up to about three times wal_writer_delay (200ms)"),
        ("postgresql", {"fsync": "off"}, "nothing is synced"),
        ("postgresql", {"full_page_writes": "off"}, "half written"),
        ("mariadb", {}, "is there after a power loss"),
        ("mariadb", {"innodb_flush_log_at_trx_commit": "0"}, "and when the server is killed"),
        ("mariadb", {"innodb_flush_log_at_trx_commit": "2"}, "a killed server loses none"),
        ("mariadb", {"innodb_doublewrite": "OFF"}, "half written"),
    ],
)
def test_the_words_of_servers(engine: str, settings: dict[str, str], word: str) -> None:
    assert word in " ".join(promises(engine, settings))


def test_settings_of_a_file_are_read_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n)")
    before = path.read_bytes()
    assert read_from(f"sqlite:///{path}") == ("sqlite", {"journal_mode": "wal"})
    assert path.read_bytes() == before
    for wrong in ("nonsense", f"sqlite:///{tmp_path}/absent.db", "oracle://host/db"):
        with pytest.raises(UsageError):
            read_from(wrong)
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_settings_of_a_server_are_read(db: str) -> None:
    sandbox = new_sandbox(db, {})
    try:
        engine, found = read_from(sandbox.url())
    finally:
        sandbox.close()
    assert engine == db
    assert set(found) <= {"fsync", "full_page_writes", "synchronous_commit", "wal_writer_delay"} | {
        "innodb_doublewrite",
        "innodb_flush_log_at_trx_commit",
    }
    assert found

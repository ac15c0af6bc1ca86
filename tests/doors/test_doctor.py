"""``acidity doctor``: engines that work, engines that do not, and what would help."""

from __future__ import annotations

import json

import pytest

import acidity.engines
from acidity.core.registry import Registry
from acidity.errors import EngineUnavailable
from tests.doors.samples import SQLITE


class Works:
    def doctor(self):
        return SQLITE


class Missing:
    def doctor(self):
        raise EngineUnavailable("no server; pip install 'acidity[postgresql]'")


works, missing = Works(), Missing()


@pytest.fixture
def engines(monkeypatch):
    def register(**parts):
        registry = Registry("engines", {name: f"{__name__}:{part}" for name, part in parts.items()})
        registry._loaded = {name: globals()[part] for name, part in parts.items()}
        monkeypatch.setattr(acidity.engines, "ENGINES", registry)

    return register


def test_one_works(acidity, engines):
    engines(sqlite="works", postgresql="missing")
    left = acidity("doctor")
    assert left.code == 0
    assert " sqlite  works: 3.40.1, through pysqlite" in left.out
    assert "    journal_mode  delete" in left.out
    assert " postgresql  not available: no server; pip install 'acidity[postgresql]'" in left.out
    assert "Python" in left.out
    assert "SQLAlchemy" in left.out


def test_none_works(acidity, engines):
    engines(postgresql="missing")
    assert acidity("doctor").code == 3


def test_json(acidity, engines):
    engines(sqlite="works", postgresql="missing")
    whole = json.loads(acidity("doctor", "--output-format", "json").out)
    assert whole["schema"] == "acidity.doctor/1"
    assert [(engine["name"], engine["available"]) for engine in whole["engines"]] == [
        ("sqlite", True),
        ("postgresql", False),
    ]


def test_this_machine(acidity):
    whole = json.loads(acidity("doctor", "--output-format", "json").out)
    sqlite = next(engine for engine in whole["engines"] if engine["name"] == "sqlite")
    assert sqlite["available"]
    assert {"isolation level", "journal_mode"} <= set(sqlite["settings"])


def test_each_driver_is_named_with_what_brings_it(acidity, engines, monkeypatch):
    engines(sqlite="works")
    monkeypatch.setattr("acidity.cli.doctor.installed", lambda name: "2.9" if name == "psycopg2-binary" else None)
    left = acidity("doctor")
    said = " ".join(left.out.split())
    assert "psycopg2 2.9 PostgreSQL with psycopg2 (--db postgresql+psycopg2)" in said
    assert (
        "asyncpg not installed; needed for async code on PostgreSQL with asyncpg: pip install 'acidity[async]'" in said
    )
    assert "MySQLdb not installed; needed for MariaDB with mysqlclient: pip install 'acidity[mysqlclient]'" in said
    whole = json.loads(acidity("doctor", "--output-format", "json").out)
    assert {driver["module"]: driver["version"] for driver in whole["drivers"]} == {
        "aiosqlite": None,
        "psycopg": None,
        "psycopg2": "2.9",
        "asyncpg": None,
        "pymysql": None,
        "aiomysql": None,
        "MySQLdb": None,
    }


def test_it_says_what_settings_promise(acidity):
    left = acidity("doctor", "--durability")
    assert left.code == 0
    assert "your last acknowledged commit can vanish at power loss" in left.out
    items = json.loads(acidity("doctor", "--durability", "--output-format", "json").out)["items"]
    assert [item["name"] for item in items] == ["sqlite", "postgresql", "mariadb"]
    assert acidity("doctor", "--settings-from", "nonsense").code == 2


def test_a_database_that_does_not_answer_is_named_as_it_was_given(acidity, tmp_path):
    told = acidity("doctor", "--settings-from", f"sqlite:///{tmp_path}/none.db")
    assert told.code == 2
    assert f"sqlite:///{tmp_path}/none.db does not tell its settings" in told.err.replace("\n", " ")

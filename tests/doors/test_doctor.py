"""``acidity doctor``: engines that work, engines that do not, and what would help."""

from __future__ import annotations

import json
import sys
import time

import pytest

import acidity.engines
from acidity.core.registry import Registry
from acidity.errors import EngineUnavailable
from acidity.prove.crash.weakest import Trial, in_turns, try_all, weakest
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
    left = acidity("doctor", "--durability", "--words-only")
    assert left.code == 0
    assert "your last acknowledged commit can vanish at power loss" in left.out
    items = json.loads(acidity("doctor", "--durability", "--words-only", "--output-format", "json").out)["items"]
    assert [item["name"] for item in items] == ["sqlite", "postgresql", "mariadb"]
    assert not any("tried" in item for item in items)
    assert acidity("doctor", "--settings-from", "nonsense").code == 2


TRIED = [
    Trial({"synchronous": "normal"}, "fail", "9 lost", kept=False, commit_ms=1.0, price=0.5),
    Trial({"synchronous": "full"}, "pass", "none lost", kept=True, commit_ms=3.0, price=1.5),
    Trial({"synchronous": "extra"}, "pass", "none lost", kept=True, commit_ms=4.0, price=2.0),
    Trial({"flush": "2"}, "pass", "none lost", kept=False, commit_ms=0.1, price=0.05),
]


def test_the_weakest_that_passed_is_the_cheapest_durable_one(acidity, monkeypatch):
    def try_some(engine, deadline, progress, found):
        if engine == "postgresql":
            raise EngineUnavailable("no server")
        if engine == "mariadb":
            found.append(TRIED[0])
            raise KeyboardInterrupt
        found.extend(TRIED)

    monkeypatch.setattr(sys.modules[Trial.__module__], "try_all", try_some)
    left = acidity("doctor", "--durability")
    assert left.code == 130, "somebody stopped it at the last engine"
    assert "weakest that passed: synchronous=full, 3.00 ms, 1.50 times as long as by default" in left.out
    assert "a kill cannot show what a power loss takes here; a COMMIT takes 0.050 times" in left.out
    assert "not tried: no server" in left.out
    assert "none of those that were tried is shown to be durable" in left.out
    items = json.loads(acidity("doctor", "--durability", "--output-format", "json").out)["items"]
    assert [item.get("weakest", {}) and item["weakest"]["price"] for item in items if "weakest" in item] == [1.5, None]
    assert items[1]["trouble"] == "no server"


def test_settings_commit_in_turns():
    calls = []
    took = in_turns([lambda: calls.append("a"), lambda: calls.append("b")], turns=3)
    assert [len(each) for each in took] == [3, 3]
    turn = "a" * (calls[2:].index("b"))
    assert "".join(calls[2:]) == (turn + turn.replace("a", "b")) * 3


@pytest.mark.slow
def test_the_settings_of_sqlite_are_tried():
    found = []
    try_all("sqlite", time.monotonic() + 300, lambda *_: None, found)
    durable = {(it.settings["journal_mode"], it.settings["synchronous"]) for it in found if it.is_durable}
    assert durable == {("delete", "extra"), ("truncate", "full"), ("persist", "full"), ("wal", "full")}
    assert all(it.is_durable == (it.verdict == "pass") for it in found), "words and power cuts agree"
    assert all(it.commit_ms and it.price for it in found)
    (default,) = (it for it in found if it.settings == {"journal_mode": "delete", "synchronous": "full"})
    assert (default.price, weakest(found) in found) == (1.0, True)
    late = []
    try_all("sqlite", time.monotonic() - 1, lambda *_: None, late)
    assert {it.verdict for it in late} == {"unknown"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "durable"),
    [("postgresql", {"synchronous_commit": "on"}), ("mariadb", {"innodb_flush_log_at_trx_commit": "1"})],
)
def test_the_settings_of_servers_are_tried(engine, durable):
    found = []
    try_all(engine, time.monotonic() + 300, lambda *_: None, found)
    assert [it.settings for it in found if it.is_durable] == [durable]
    assert weakest(found).price == 1.0


def test_a_database_that_does_not_answer_is_named_as_it_was_given(acidity, tmp_path):
    told = acidity("doctor", "--settings-from", f"sqlite:///{tmp_path}/none.db")
    assert told.code == 2
    assert f"sqlite:///{tmp_path}/none.db does not tell its settings" in told.err.replace("\n", " ")


def test_a_driver_that_is_not_there_is_named_with_what_brings_it(acidity, monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    told = acidity("doctor", "--settings-from", "mysql+mysqldb://somebody@127.0.0.1/bank")
    assert told.code == 2
    assert "pip install 'acidity[mysqlclient]'" in " ".join(told.err.split())

"""Option before environment before pyproject.toml before default; a wrong value is named."""

from __future__ import annotations

import pytest

from acidity import prove
from acidity.cli.config import defaults
from acidity.cli.options import seconds
from acidity.errors import UsageError
from tests.doors.samples import GREEN

BANK = "from acidity.core.scenario import Scenario\npay = Scenario(print, schema=print)\n"


@pytest.fixture
def asked(monkeypatch, write):
    """What `prove.check` was called with."""
    write("pond.py", BANK)
    calls = []

    def check(scenario, **options):
        calls.append(options)
        return GREEN

    monkeypatch.setattr(prove, "check", check, raising=False)
    return calls


def test_defaults(acidity, asked):
    assert acidity("check", "pond:pay").code == 0
    (options,) = asked
    assert callable(options.pop("progress"))
    assert options == {
        "db": "sqlite", "letters": "ACID", "settings": None, "isolation_level": None, "seed": 0,
        "budget": None, "runs_max": None, "target": "pond:pay", "actors": "threads",
    }  # fmt: skip


def test_every_option_arrives(acidity, asked):
    words = (
        "check pond:pay --letters ac --db sqlite --seed 7 --budget 2m --runs-max 9 --isolation-level repeatable_read "
        "--actors processes"
    )
    acidity(*words.split(), "--setting", "journal_mode=wal", "--setting", "foreign_keys=on")
    (options,) = asked
    assert (options["letters"], options["seed"], options["budget"], options["runs_max"]) == ("AC", 7, 120.0, 9)
    assert (options["isolation_level"], options["actors"]) == ("REPEATABLE READ", "processes")
    assert options["settings"] == {"journal_mode": "wal", "foreign_keys": "on"}


def test_option_before_environment_before_file(acidity, asked, write, monkeypatch):
    write(
        "pyproject.toml",
        "[tool.acidity]\nseed = 1\nbudget = '1s'\nruns-max = 3\nsettings = {foreign_keys = true, busy_timeout = 0}\n",
    )
    acidity("check", "pond:pay")
    monkeypatch.setenv("ACIDITY_SEED", "2")
    monkeypatch.setenv("ACIDITY_BUDGET", "2s")
    acidity("check", "pond:pay")
    acidity("check", "pond:pay", "--seed", "3")
    assert [(options["seed"], options["budget"], options["runs_max"]) for options in asked] == [
        (1, 1.0, 3),
        (2, 2.0, 3),
        (3, 2.0, 3),
    ]
    assert asked[0]["settings"] == {"foreign_keys": "on", "busy_timeout": "0"}


@pytest.mark.parametrize(
    ("words", "databases"),
    [
        (["--db", "sqlite,postgresql"], ["sqlite", "postgresql"]),
        (["--db", "sqlite", "--db", "sqlite"], ["sqlite"]),
        (["--db", "postgresql://u:p@a,b/app"], ["postgresql://u:p@a,b/app"]),
    ],
)
def test_databases(acidity, asked, words, databases):
    acidity("check", "pond:pay", *words)
    assert [options["db"] for options in asked] == databases


def test_databases_from_the_environment_and_the_file(acidity, asked, monkeypatch, write):
    write("pyproject.toml", "[tool.acidity]\ndb = ['sqlite', 'mariadb']\n")
    acidity("check", "pond:pay")
    monkeypatch.setenv("ACIDITY_DB", "postgresql,sqlite")
    acidity("check", "pond:pay")
    assert [options["db"] for options in asked] == ["sqlite", "mariadb", "postgresql", "sqlite"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.acidity]\nseeds = 1", "has no key 'seeds'; did you mean 'seed'"),
        ("[tool.acidity]\ncolour = 1", "has no key 'colour'; the keys are: db, letters"),
        ("[tool.acidity]\nseed = 'one'", "seed takes a whole number, not 'one'"),
        ("[tool.acidity]\nseed = true", "seed takes a whole number"),
        ("[tool.acidity]\ndb = []", "db takes an engine"),
        ("[tool.acidity]\nsettings = 'wal'", "settings takes a table"),
        ("[tool]\nacidity = 3", "not a table"),
        ("[tool.acidity", "cannot read"),
    ],
)
def test_wrong_files(acidity, asked, write, text, message):
    write("pyproject.toml", text)
    left = acidity("check", "pond:pay")
    assert left.code == 2
    assert message in left.err
    assert "pyproject.toml" in left.err
    assert "Traceback" not in left.err
    assert asked == []


def test_the_nearest_file_with_the_table_counts(folder, write):
    write("pyproject.toml", "[tool.acidity]\nseed = 1\n")
    write("deep/pyproject.toml", "[project]\nname = 'x'\n")
    (folder / "deep/deeper").mkdir()
    assert defaults(folder / "deep/deeper") == {"seed": 1}


def test_a_wrong_budget_in_the_file_is_wrong_usage(acidity, asked, write):
    write("pyproject.toml", "[tool.acidity]\nbudget = 'soon'\n")
    left = acidity("check", "pond:pay")
    assert (left.code, asked) == (2, [])
    assert "'soon' is not a duration" in left.err


@pytest.mark.parametrize(
    ("text", "value"), [("30s", 30), ("2m", 120), ("500ms", 0.5), ("7", 7), ("1.5s", 1.5), ("1h", 3600)]
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    "words",
    [
        ["--budget", "soon"],
        ["--budget", "0s"],
        ["--budget", "-1"],
        ["--db", ""],
        ["--db", " , "],
        ["--isolation-level", "snapshot"],
        ["--letters", "AX"],
        ["--letters", ""],
        ["--setting", "wal"],
        ["--setting", "=wal"],
        ["--runs-max", "0"],
        ["--seed", "x"],
        ["--inject", "money"],
        ["--output-format", "xml"],
        ["--output-file", "nowhere/card.json"],
        ["--no-such-option"],
    ],
)
def test_wrong_options(acidity, asked, words):
    left = acidity("check", "pond:pay", *words)
    assert (left.code, asked) == (2, [])
    assert left.err.strip()
    assert "Traceback" not in left.err
    assert left.out == ""


def test_the_reader_of_settings_raises_usage_errors(write):
    write("pyproject.toml", "[tool.acidity]\nnope = 1")
    with pytest.raises(UsageError):
        defaults()

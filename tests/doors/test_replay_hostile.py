"""A report is data: whatever a file says, only the target on the command line is imported, and nothing else is run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from acidity import prove
from acidity.report.json import render
from acidity.report.saved import LARGEST
from tests.doors.samples import FAILED, TORN, Replayed

TRAP = "open('pwned', 'w').close()\ndef x(*_): open('pwned', 'w').close()\n"
BANK = "from acidity.core.scenario import Scenario\npay = Scenario(print, schema=print)\n"
REPORT = replace(FAILED, target="pond:pay", findings=(replace(TORN, replay=""),))


@pytest.fixture
def asked(monkeypatch, write):
    """The options of every run that is made."""
    write("pond.py", BANK)
    write("trap.py", TRAP)
    made = []

    def replay(_scenario, schedule, **options):
        made.append(options | {"schedule": str(schedule)})
        return replace(Replayed(target=options["target"]))

    monkeypatch.setattr(prove, "replay", replay)
    return made


@pytest.fixture
def report(write):
    """Writes a report in which some values are others; ``finding.replay`` is the command of its finding."""

    def change(**values):
        whole = json.loads(render([REPORT]))
        for path, value in values.items():
            holder = whole
            *parts, last = path.split("__")
            for part in parts:
                holder = holder["findings"][0] if part == "finding" else holder[part]
            holder[last] = value
        write("card.json", json.dumps(whole))

    return change


def refused(left, folder):
    assert left.code == 2, left
    assert left.out == ""
    assert left.err.count("\n") == 1, left.err
    assert not (folder / "pwned").exists()


COMMANDS = [
    "acidity replay os:system 'ac1:' --schema builtins:id --args \"'touch pwned'\"",
    "acidity replay os:remove 'ac1:' --schema builtins:id --args \"'card.json'\"",
    "acidity replay shutil:rmtree 'ac1:' --schema builtins:id --args \"'.'\"",
    "acidity replay trap:x 'ac1:'",
    "acidity replay pond:pay 'ac1:A3' --db 'postgresql;x'",
    "acidity replay pond:pay 'ac1:A3' --isolation-level 'SERIALIZABLE; DROP TABLE t'",
    "acidity replay pond:pay 'ac1:A3' --setting 'journal_mode=wal; DROP TABLE t'",
    "acidity replay pond:pay 'ac1:A3' --seed inf",
    "acidity replay pond:pay 'ac1:A3' --actors trap:x",
    "acidity replay pond:pay 'ac1:A3' --actors",
    "acidity replay pond:pay",
    "acidity replay pond:pay 'ac1:A3' more",
    "acidity check trap:x",
    "rm -rf .",
    "acidity replay pond:pay 'ac1:A3",
]


@pytest.mark.parametrize("named", [("pond:pay", "card.json"), ("card.json", "pond:pay"), ("card.json",)])
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.one_in(2)
def test_s1_a_command_in_a_report_is_not_run(acidity, asked, report, folder, command, named):
    report(finding__replay=command)
    refused(acidity("replay", *named), folder)
    assert asked == []


def test_s1_a_target_in_a_report_is_not_imported(acidity, asked, report, folder):
    for target in ("trap:x", "trap", "pond:pay"):
        report(target=target)
        refused(acidity("replay", "card.json"), folder)
    report(target="trap:x")
    left = acidity("replay", "pond:pay", "card.json")
    refused(left, folder)
    assert "it speaks of: trap:x" in left.err


def test_s1_the_twin_the_same_target_on_the_command_line(acidity, asked, report):
    report(finding__replay="acidity replay pond:pay 'ac1:A2!error-after'")
    for words in (
        ("pond:pay", "card.json"),
        ("card.json", "pond:pay"),
        ("pond.py:pay", "card.json"),
        ("pond", "card.json"),
    ):
        assert acidity("replay", *words).code == 1
    assert {run["schedule"] for run in asked} == {"ac1:A2!error-after"}
    assert len(asked) == 4


@pytest.mark.parametrize(
    "option", ["args", "schema", "metadata", "setup", "succeeded", "bind", "invariant", "output-file"]
)
def test_s1_l2_options_in_a_report_that_name_code_are_named_and_left_out(acidity, asked, report, folder, option):
    report(finding__replay=f"acidity replay pond:pay 'ac1:A2' --{option} trap:x")
    left = acidity("replay", "pond:pay", "card.json")
    assert (left.code, len(asked)) == (1, 1)
    assert f"--{option}" in left.err
    assert not (folder / "pwned").exists()
    assert not (folder / "trap:x").exists()


@pytest.mark.parametrize(
    "setting", ["archive_command=touch pwned", "shared_preload_libraries=evil", "plugin_load=evil", "init_connect=x"]
)
def test_s1_only_settings_of_isolation_and_durability_are_taken(acidity, asked, report, setting):
    report(finding__replay=f"acidity replay pond:pay 'ac1:A2' --setting '{setting}' --setting synchronous_commit=off")
    left = acidity("replay", "pond:pay", "card.json")
    assert (left.code, asked[0]["settings"]) == (1, {"synchronous_commit": "off"})
    assert setting.partition("=")[0] in left.err
    assert "touch" not in left.err


def test_s1_an_engine_comes_by_name_and_never_as_a_url(acidity, asked, report):
    report(finding__replay="acidity replay pond:pay 'ac1:A2' --db postgresql://bob:s3cret@evil/prod")
    left = acidity("replay", "pond:pay", "card.json")
    assert (left.code, asked[0]["db"]) == (1, "sqlite")
    assert "--db postgresql://bob:***@evil/prod" in left.err
    assert "s3cret" not in left.err + left.out


def test_s1_what_is_typed_goes_before_what_the_report_says(acidity, asked, report):
    report(finding__replay="acidity replay pond:pay 'ac1:A2' --db postgresql --seed 3 --setting synchronous=off")
    acidity(
        "replay", "pond:pay", "card.json", "--db", "mariadb", "--seed", "4", "--setting", "any=1", "--operation", "2"
    )
    (run,) = asked
    assert (run["db"], run["seed"], run["operation"]) == ("mariadb", 4, 1)
    assert run["settings"] == {"synchronous": "off", "any": "1"}


def test_s1_where_callers_are_is_taken(acidity, asked, report):
    report(finding__replay="acidity replay pond:pay 'ac1:A2' --actors processes")
    left = acidity("replay", "pond:pay", "card.json")
    assert (asked[0]["actors"], left.err) == ("processes", "")
    acidity("replay", "pond:pay", "card.json", "--actors", "threads")
    assert asked[1]["actors"] == "threads"


BAD = [
    {"seed": 10**40},
    {"seed": 1.5},
    {"seed": True},
    {"seed": "1"},
    {"target": 5},
    {"target": "x" * 5000},
    {"engine__name": "postgresql://evil/prod"},
    {"engine__name": "../../x"},
    {"finding__schedule": "ac1:A" + "9" * 4000},
    {"finding__schedule": "ac1:" + ".".join("A" * 4000)},
    {"finding__schedule": ["ac1:A"]},
    {"finding__word": "x" * 5000},
    {"finding__word": {"a": 1}},
    {"finding__operation": None},
    {"finding__replay": 7},
    {"finding__replay": "acidity replay " + "x" * 5000},
    {"findings": 3},
    {"findings": [3]},
    {"findings": {"a": 1}},
    {"engine": []},
]


@pytest.mark.parametrize(
    "values", BAD, ids=lambda values: f"{next(iter(values))}={str(next(iter(values.values())))[:20]}"
)
def test_s1_every_value_is_checked(acidity, asked, report, folder, values):
    report(**values)
    refused(acidity("replay", "pond:pay", "card.json"), folder)
    assert asked == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 500 + "]" * 500,
        '{"schema":' * 100_000,
        '{"schema": "acidity.set/1", "items": [' * 200,
        '{"schema": Infinity}',
        '{"schema": -Infinity}',
        '{"schema": NaN}',
        '{"schema": 1e999}',
        '{"schema": ' + "9" * 10_000 + "}",
        '{"schema": "\\ud800"}',
        '{"schema": "acidity.card/1", "letters": [1]}',
        '{"schema": "acidity.set/1", "items": {"a": 1}}',
        "\0",
        "",
    ],
    ids=range(14),
)
def test_l1_depths_infinities_and_digits(acidity, asked, write, folder, text):
    write("card.json", text)
    refused(acidity("replay", "pond:pay", "card.json"), folder)
    assert asked == []


@pytest.mark.parametrize(
    ("inside", "why"),
    [("NaN", "NaN is not a number"), ("1e999", "1e999 is not a number"), ("[" * 70 + "]" * 70, "nested too deeply")],
)
def test_l1_what_no_report_holds_is_refused_wherever_it_stands(acidity, asked, write, folder, inside, why):
    write("card.json", f'{{"schema": "acidity.report/1", "findings": [], "notes": {inside}}}')
    left = acidity("replay", "pond:pay", "card.json")
    refused(left, folder)
    assert why in left.err


def test_l1_a_file_that_is_too_large_is_not_read_whole(acidity, asked, folder):
    with (folder / "card.json").open("wb") as file:
        file.truncate(LARGEST * 1000)  # a hole: it takes no room
    left = acidity("replay", "pond:pay", "card.json")
    refused(left, folder)
    assert "larger than" in left.err


def test_l1_too_many_findings(acidity, asked, write, folder):
    whole = json.loads(render([REPORT]))
    finding = {name: whole["findings"][0][name] for name in ("operation", "schedule", "word")}
    whole["findings"] = [finding] * 10_001
    write("card.json", json.dumps(whole))
    refused(acidity("replay", "pond:pay", "card.json"), folder)


def test_m1_a_report_cannot_write_to_the_terminal(acidity, asked, report):
    report(finding__replay="acidity replay pond:pay 'ac1:A2' --setting '\x1b]0;pwn\x07=1'")
    assert "\x1b" not in acidity("replay", "pond:pay", "card.json").err
    report(finding__word="\x1b[31mtorn")
    left = acidity("replay", "pond:pay", "card.json")
    assert "\x1b" not in left.err + left.out

"""``acidity replay``: a schedule by hand, and a whole saved report."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from acidity import prove
from acidity.core.report import Card, EngineInfo
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.report.json import render
from tests.doors.samples import FAILED, GREEN, SQLITE, TORN, Replayed
from tests.engines.bank import bank, move
from tests.quality.callers import twice, withdraw

BANK = """
from acidity.core.scenario import Scenario
pay = Scenario(print, schema=print)
more = Scenario(print, schema=print)
def plain(session, amount): ...
"""


@pytest.fixture
def replayed(monkeypatch, write):
    """What `prove.replay` was called with; it answers with the run that was prepared last."""
    write("pond.py", BANK)
    calls = []

    def prepare(**changes):
        def replay(scenario, schedule, **options):
            sys.stdout.write("the function prints\n")
            calls.append((str(schedule), options))
            return replace(Replayed(target=options["target"]), **changes)

        monkeypatch.setattr(prove, "replay", replay, raising=False)
        return calls

    return prepare


def saved(write, *findings, **changes):
    report = replace(FAILED, target="pond:pay", findings=findings, **changes)
    card = Card("pond:pay", SQLITE, {"A": report, "C": report, "I": "not built", "D": "not asked"})
    return write("card.json", render([card]))


def test_one_schedule(acidity, replayed):
    calls = replayed()
    left = acidity("replay", "pond:pay", "ac1:A3!error-before", "--operation", "2", "--seed", "4", "--setting", "a=b")
    assert left.code == 1
    assert calls == [
        (
            "ac1:A3!error-before",
            {
                "db": "sqlite",
                "operation": 1,
                "target": "pond:pay",
                "settings": {"a": "b"},
                "isolation_level": None,
                "seed": 4,
                "actors": "threads",
            },
        )
    ]
    assert "← struck by error-before" in left.out
    assert "accounts id=1 balance 100 → 50" in left.out
    assert "FAIL: torn" in left.out
    assert "the report" not in left.out
    assert left.err == "the function prints\n"


@pytest.mark.parametrize(("changes", "code"), [({"word": "right"}, 0), ({}, 1), ({"struck": False}, 3)])
def test_the_verdict_of_the_run_is_the_exit_code(acidity, replayed, changes, code):
    replayed(**changes)
    assert acidity("replay", "pond:pay", "ac1:A3!error-before").code == code


def test_it_may_be_one_line(acidity, replayed):
    replayed()
    left = acidity("replay", "pond:pay", "ac1:A3!error-before", "-q")
    assert left.out == "pond:pay  FAIL: torn  transfer, replaying ac1:A3!error-before\n"
    assert acidity("replay", "pond:pay", "ac1:A3!error-before", "-v").out.count("\n") > 3


def test_the_settings_of_the_day_do_not_reach_a_replay(acidity, replayed, write, monkeypatch):
    calls = replayed()
    write("pyproject.toml", "[tool.acidity]\nseed = 5\ndb = 'mariadb'\n")
    monkeypatch.setenv("ACIDITY_DB", "postgresql")
    monkeypatch.setenv("ACIDITY_ISOLATION_LEVEL", "SERIALIZABLE")
    acidity("replay", "pond:pay", "ac1:A3!error-before")
    ((_, options),) = calls
    assert (options["db"], options["seed"], options["isolation_level"]) == ("sqlite", 0, None)


def test_a_report_by_its_commands(acidity, replayed, write):
    calls = replayed()
    command = "acidity replay pond:pay 'ac1:A2!commit-lost*' --operation pay --setting journal_mode=wal --seed 3"
    saved(write, replace(TORN, replay=command))
    left = acidity("replay", "pond:pay", "card.json")
    assert left.code == 1
    ((schedule, options),) = calls
    assert schedule == "ac1:A2!commit-lost*"
    assert (options["operation"], options["settings"], options["seed"]) == ("pay", {"journal_mode": "wal"}, 3)
    assert "the report           reproduced: torn" in left.out


def test_a_report_by_its_fields(acidity, replayed, write):
    calls = replayed()
    saved(write, replace(TORN, replay=""), seed=8)
    assert acidity("replay", "pond:pay", "card.json").code == 1
    ((schedule, options),) = calls
    assert schedule == "ac1:A3!error-before"
    assert (options["db"], options["operation"], options["seed"]) == ("sqlite", "transfer", 8)


@pytest.mark.parametrize(
    ("schedule", "named", "more", "callers"),
    [
        ("ac1:A4!server-killed-after.B", "transfer beside transfer", "", 0),
        ("ac1:A.B5.A4", "transfer and transfer", "", ()),
        ("ac1:A.B5.A4", "transfer and refund", " --operation 1,3", (0, 2)),
    ],
)
@pytest.mark.parametrize("by", ["commands", "fields"])
def test_what_a_report_says_of_several_callers(acidity, write, monkeypatch, schedule, named, more, callers, by):
    """Its operation is those of all of them, in words, and no name of one."""
    calls = []

    def again(scenario, schedule, **options):
        calls.append((str(schedule), options.get("operation", options.get("callers"))))
        return replace(FAILED, target="pond:pay")

    monkeypatch.setattr(prove, "replay_crash", again)
    monkeypatch.setattr(prove, "replay_together", again)
    write("pond.py", BANK)
    command = f"acidity replay pond:pay '{schedule}'{more}" if by == "commands" else ""
    saved(write, replace(TORN, operation=named, schedule=Schedule.parse(schedule), replay=command))
    left = acidity("replay", "pond:pay", "card.json")
    assert left.code == 1, left.err
    assert calls == [(schedule, callers if by == "commands" or not more else ())]


def test_a_run_that_two_letters_speak_of_is_made_once(acidity, replayed, write):
    calls = replayed(broken=("money: False",))
    torn = replace(TORN, replay="")
    saved(write, torn, replace(torn, word="inconsistent"))
    left = acidity("replay", "pond:pay", "card.json", "--output-format", "json")
    assert len(calls) == 1
    assert json.loads(left.out)["expected"] == ["torn", "inconsistent"]
    assert json.loads(left.out)["reproduced"] is True


def test_a_plain_function_is_described_on_the_command_line(acidity, replayed, write):
    calls = replayed()
    report = replace(
        FAILED, target="pond:plain", findings=(replace(TORN, replay="acidity replay pond:plain 'ac1:A2'"),)
    )
    write("card.json", render([report]))
    left = acidity("replay", "pond:plain", "card.json", "--args", "1", "--schema", "pond:plain")
    assert "reproduced" in left.out
    assert [schedule for schedule, _ in calls] == ["ac1:A2"]


def test_a_finding_that_is_mended(acidity, replayed, write):
    replayed(word="right")
    saved(write, replace(TORN, replay=""))
    left = acidity("replay", "pond:pay", "card.json", "--output-format", "json")
    assert left.code == 0
    run = json.loads(left.out)
    assert (run["schema"], run["expected"], run["reproduced"], run["word"]) == (
        "acidity.replay/1",
        ["torn"],
        False,
        "right",
    )


def test_a_fault_that_never_struck_reproduces_nothing(acidity, replayed, write):
    replayed(struck=False)
    saved(write, replace(TORN, replay=""))
    left = acidity("replay", "pond:pay", "card.json")
    assert left.code == 3
    assert "not reproduced" in left.out


@pytest.mark.parametrize(("word", "again"), [("torn", 2), ("doubled", 1)])
def test_all_that_was_replayed_is_counted(acidity, replayed, write, monkeypatch, word, again):
    """Of several callers, and of a crash, there is a report, and of a drill a run."""
    replayed()
    found = replace(FAILED, target="pond:pay", findings=(replace(TORN, word=word),))
    monkeypatch.setattr(prove, "replay_together", lambda *_, **__: found)
    together = replace(TORN, replay="", schedule=Schedule.parse("ac1:A.B"))
    saved(write, replace(TORN, replay=""), together)
    left = acidity("replay", "pond:pay", "card.json")
    assert f"2 runs replayed: {again} reproduced what the report said" in left.out
    assert ("the report: reproduced: torn" in left.out) is (again == 2)
    assert ("the report: not reproduced: it said 'torn'" in left.out) is (again == 1)
    left = acidity("replay", "pond:pay", "card.json", "--output-format", "json")
    items = {item["schema"]: item for item in json.loads(left.out)["items"]}
    assert (items["acidity.report/1"]["expected"], items["acidity.report/1"]["reproduced"]) == (["torn"], again == 2)


def test_engines_of_a_report_that_are_not_asked_are_one(acidity, replayed, write):
    calls = replayed()
    reports = [
        replace(FAILED, target="pond:pay", engine=EngineInfo(name, "1"), findings=(replace(TORN, replay=""),))
        for name in ("sqlite", "postgresql", "mariadb")
    ]
    write("card.json", render(reports))
    left = acidity("replay", "pond:pay", "card.json", "--db", "mariadb")
    assert [options["db"] for _, options in calls] == ["mariadb"]
    assert left.out.count("reproduced: torn") == 1
    acidity("replay", "pond:pay", "card.json")
    assert [options["db"] for _, options in calls[1:]] == ["sqlite", "postgresql", "mariadb"]


@pytest.mark.parametrize("operation", ["3", "leave", "0", "-1", "x", "1,x", "1,"])
@pytest.mark.parametrize("what", ["ac1:A.B3.A2", "card.json"])
def test_several_callers_take_an_operation_each(acidity, replayed, write, operation, what):
    """Nothing is run before that is known."""
    calls = replayed()
    drilled, together = replace(TORN, replay=""), replace(TORN, replay="", schedule=Schedule.parse("ac1:A.B3.A2"))
    saved(write, drilled, together)
    left = acidity("replay", "pond:pay", what, f"--operation={operation}")
    assert (left.code, left.out, calls) == (2, "", [])
    assert "counted from 1" in left.err if operation == "0" else "as in 1,3, not" in left.err


def test_more_callers_than_a_schedule_names_may_be_there(acidity, write, monkeypatch):
    write("pond.py", BANK)
    asked = []
    monkeypatch.setattr(prove, "replay_together", lambda *_, **options: asked.append(options["callers"]) or FAILED)
    acidity("replay", "pond:pay", "ac1:A.B", "--operation", "1,3,2")
    assert asked == [(0, 2, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "its schema is None"),
        ('{"schema": "acidity.report/2"}', "its schema is 'acidity.report/2'"),
        ('{"schema": "acidity.report/1", "findings": [{}]}', "not a whole saved report"),
        ('{"schema": "acidity.card/1", "letters": {"A": 3}}', "not a whole saved report"),
        ('{"schema": "acidity.set/1", "items": 3}', "not a whole saved report"),
        (render([GREEN]), "holds no finding"),
        ("[" * 100_000, "nested too deeply"),
        (render([replace(FAILED, seed=0)]).replace('"seed": 0', '"seed": Infinity'), "not a number of JSON"),
    ],
)
def test_wrong_reports(acidity, replayed, write, text, message):
    replayed()
    write("card.json", text)
    left = acidity("replay", "pond:pay", "card.json")
    assert left.code == 2
    assert message in left.err
    assert left.err.count("\n") == 1


@pytest.mark.parametrize("command", ["acidity replay --help", "acidity replay pond:pay", "acidity replay --bogus"])
def test_a_report_whose_command_cannot_be_read(acidity, replayed, write, command):
    calls = replayed()
    saved(write, replace(TORN, replay=command))
    left = acidity("replay", "pond:pay", "card.json")
    assert (left.code, calls) == (2, [])
    assert left.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pond:pay", "ac1:A3", "--operation", "0"], "counted from 1"),
        (["pond:pay", "ac1:A3", "--operation", ""], "names no operation"),
        (["nothing.json"], "there is no report 'nothing.json'"),
        (["pond:pay"], "say which schedule"),
        (["pond:pay", "A3"], "not a schedule"),
        (["pond", "ac1:A3"], "name one of: pond:pay, pond:more"),
        (["pond:nobody", "ac1:A3"], "no attribute 'nobody'"),
        (["pond:pay", "ac1:A3", "--db", "sqlite,mariadb"], "give one --db"),
    ],
)
def test_wrong_usage(acidity, replayed, words, message):
    replayed()
    left = acidity("replay", *words)
    assert (left.code, left.out) == (2, "")
    assert message in left.err


def test_a_name_that_no_file_can_have(acidity, replayed):
    replayed()
    for name in ("a" * 300 + ".json", "a\0.json"):
        left = acidity("replay", name)
        assert left.code == 2
        assert "there is no report" in left.err
        assert left.err.count("\n") == 1


def test_a_schedule_with_too_many_digits(acidity, replayed, write):
    replayed()
    left = acidity("replay", "pond:pay", "ac1:A" + "9" * 5000)
    assert left.code == 2
    assert left.err.startswith("acidity: not a schedule")


def test_a_report_of_a_later_version_may_say_more(acidity, replayed, write):
    """What replaying does not need is not read, whatever it is."""
    calls = replayed()
    whole = json.loads(render([replace(FAILED, target="pond:pay", findings=(replace(TORN, replay=""),))]))
    whole["also"] = ["job_marked_failed"]
    whole["findings"][0] |= {"remedies": [{"name": "x", "verdict": "ends this", "runs": 3}], "also": [], "more": {}}
    write("card.json", json.dumps(whole))
    assert acidity("replay", "pond:pay", "card.json").code == 1
    assert [schedule for schedule, _ in calls] == ["ac1:A3!error-before"]


@pytest.mark.parametrize(
    ("schedule", "why"),
    [("ac1:Z9", "has one caller, A, as in .* speaks of Z"), ("ac1:A2.A3", "one caller and one fault, .* has more")],
)
def test_a_schedule_that_is_none_of_a_drill_is_refused_for_what_is_wrong_with_it(schedule, why):
    with pytest.raises(UsageError, match=why):
        prove.replay(bank(move), schedule)


def test_one_caller_without_a_fault_is_a_run_like_any():
    run = prove.replay(twice(withdraw, 10), "ac1:A")
    assert (run.verdict, run.unknowns) == ("pass", ())

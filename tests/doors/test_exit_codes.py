"""1 if anything failed, else 3 if anything is unknown, else 0; 2 for wrong usage; every answer there is gets printed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from acidity import prove
from acidity.core.report import Card
from acidity.errors import EngineUnavailable, Interrupted, Terminated, UsageError
from acidity.prove import checks
from acidity.prove.stage import ground
from tests.doors.samples import ALL_LETTERS, FAILED, GREEN, PASSED, SQLITE, UNDECIDED

BANK = """
from acidity.core.scenario import Scenario
one = Scenario(print, schema=print)
two = Scenario(print, schema=print)
def plain(session, amount): ...
"""
READS = """
from acidity.prove import Scenario
def reads(connection): connection.exec_driver_sql("SELECT 1")
def schema(connection): connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
one = Scenario(reads, schema=schema)
"""
NO_SERVER = EngineUnavailable("no PostgreSQL server is here; pip install 'acidity[postgresql]'")


@pytest.fixture
def answers(monkeypatch, write):
    """Let `prove` answer, or raise, one after another."""
    write("pond.py", BANK)

    def prepare(*prepared):
        rest = iter(prepared)

        def answer(scenario, *, target, **options):
            item = next(rest)
            if isinstance(item, BaseException):
                raise item
            return replace(item, target=target)

        monkeypatch.setattr(prove, "check", answer, raising=False)
        monkeypatch.setattr(prove, "drill", answer, raising=False)

    return prepare


UNKNOWN_CARD = Card("", SQLITE, {"A": UNDECIDED, "C": PASSED})


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (GREEN, 0),
        (ALL_LETTERS, 1),
        (UNKNOWN_CARD, 3),
        (Card("", SQLITE, {"A": FAILED, "C": UNDECIDED}), 1),
        (Card("", SQLITE, {"A": "not asked", "C": PASSED, "I": "not built", "D": "not asked"}), 0),
    ],
)
def test_one_card(acidity, answers, card, code):
    answers(card)
    left = acidity("check", "pond:one")
    assert left.code == code
    headline = left.out.splitlines()[0]
    assert headline.startswith(f"pond:one  {'FAIL' if code == 1 else card.verdict}  ")
    assert "  sqlite 3.40.1" in headline


@pytest.mark.parametrize(("report", "code"), [(PASSED, 0), (FAILED, 1), (UNDECIDED, 3)])
def test_one_drill(acidity, answers, report, code):
    answers(report)
    assert acidity("drill", "pond:one").code == code


@pytest.mark.parametrize(
    ("cards", "code"),
    [((GREEN, GREEN), 0), ((GREEN, UNKNOWN_CARD), 3), ((UNKNOWN_CARD, ALL_LETTERS), 1), ((ALL_LETTERS, GREEN), 1)],
)
def test_the_first_code_that_applies_over_all(acidity, answers, cards, code):
    answers(*cards)
    left = acidity("check", "pond")
    assert left.code == code
    assert any(line.startswith("2 targets: ") for line in left.out.splitlines()[-4:])


@pytest.mark.parametrize("verb", ["check", "drill"])
def test_how_much_is_shown(acidity, answers, verb):
    answers(*[ALL_LETTERS if verb == "check" else FAILED] * 3)
    quiet, card, verbose = (acidity(verb, "pond:one", *options) for options in (["-q"], [], ["-v"]))
    assert [left.code for left in (quiet, card, verbose)] == [1, 1, 1]
    assert quiet.out.count("\n") == 1
    assert "fix: one commit" in card.out
    assert " note: " not in card.out
    assert " note: " in verbose.out
    assert "the run shown" in verbose.out
    assert all(left.out.count("Not covered") == 1 for left in (card, verbose))
    assert acidity(verb, "pond:one", "-q", "-v").code == 2


@pytest.mark.parametrize("card", [ALL_LETTERS, UNKNOWN_CARD])
def test_exit_zero(acidity, answers, card):
    answers(card)
    assert acidity("check", "pond:one", "--exit-zero").code == 0


def test_exit_zero_does_not_hide_wrong_usage(acidity, answers):
    answers(UsageError("no such thing"))
    assert acidity("check", "pond:one", "--exit-zero").code == 2


@pytest.fixture
def no_server(monkeypatch, write):
    """PostgreSQL cannot be started here; SQLite is as always."""
    write("pond.py", READS)
    made = ground.new_sandbox

    def new_sandbox(db, settings):
        if db.startswith("postgresql"):
            raise NO_SERVER
        return made(db, settings)

    monkeypatch.setattr(ground, "new_sandbox", new_sandbox)


@pytest.mark.dear
def test_an_engine_that_cannot_start_is_unknown_and_hides_no_other(acidity, no_server):
    left = acidity("check", "pond:one", "--db", "sqlite", "--db", "postgresql://ann:s3cret@db/x")
    assert left.code == 3
    assert "pond:one  unknown      postgresql://ann:***@db/x" in left.out
    assert "undecided: no PostgreSQL server is here" in left.out
    assert "s3cret" not in left.out + left.err
    assert "2 answers on 1 target: 1 pass, 1 unknown" in left.out.splitlines()


def test_an_engine_that_cannot_start_shows_only_the_letters_asked(acidity, no_server):
    left = acidity("check", "pond:one", "--letters", "A", "--db", "postgresql", "--output-format", "json")
    letters = json.loads(left.out)["letters"]
    assert left.code == 3
    assert {letter: row["verdict"] for letter, row in letters.items()} == {
        "A": "unknown", "C": "not asked", "I": "not asked", "D": "not asked",
    }  # fmt: skip


def test_wrong_usage_of_one_target_hides_no_other(acidity, answers):
    answers(UsageError("the clean run was told failed"), ALL_LETTERS)
    left = acidity("check", "pond")
    assert left.code == 2
    assert "pond:two  FAIL  not atomic" in left.out
    assert left.err == "acidity: pond:one: the clean run was told failed\n"


@pytest.mark.dear
def test_what_is_not_applicable_is_told_and_has_no_verdict(acidity, write):
    write("pond.py", READS + 'two = Scenario(reads, schema=schema, not_applicable={"sqlite": "it has no row locks"})\n')
    told = "acidity: pond:two: not applicable on sqlite: it has no row locks\n"
    for command in ("check", "drill", "explore"):
        both = acidity(command, "pond")
        assert (both.code, "pond:one" in both.out, "pond:two" in both.out) == (0, True, False)
        assert both.err.endswith(told)
    alone = acidity("check", "pond:two")
    assert (alone.code, alone.out, alone.err) == (2, "", told)


def test_the_same_trouble_is_told_once(acidity, answers):
    answers(UsageError("letter D is not built"), UsageError("letter D is not built"))
    left = acidity("check", "pond", "--letters", "D")
    assert (left.code, left.out) == (2, "")
    assert left.err.count("not built") == 1


@pytest.mark.parametrize("given", ["D", "AD", "acid"])
def test_a_letter_that_is_asked_for_and_not_built_is_wrong_usage(acidity, answers, given, monkeypatch):
    answers(GREEN)
    monkeypatch.setattr(checks, "CHECKS", {letter: checks.CHECKS[letter] for letter in "ACI"})
    left = acidity("check", "pond:one", "--letters", given)
    assert (left.code, left.out) == (2, "")
    assert f"--letters {given.upper()}: D is not built into acidity check yet; ask for A, C, I" in left.err
    monkeypatch.setenv("ACIDITY_LETTERS", given)
    assert acidity("check", "pond:one").code == 2


def test_without_letters_the_last_line_names_what_is_not_built(acidity, answers):
    answers(GREEN, GREEN)
    left = acidity("check", "pond:one")
    assert left.code == 0
    assert left.out.splitlines()[-1] == "Not built into acidity check yet: I isolated, D durable"
    assert left.out.lower().count("not built") == 1
    letters = json.loads(acidity("check", "pond:one", "--output-format", "json").out)["letters"]
    assert letters["I"] == letters["D"] == {"schema": "acidity.letter/1", "verdict": "not built"}


def test_a_bad_target_runs_nothing(acidity, answers):
    answers()
    left = acidity("check", "pond:one", "pond:three")
    assert (left.code, left.out) == (2, "")
    assert left.err.startswith("acidity: target: 'pond' has no attribute 'three'")
    assert left.err.count("\n") == 1


def test_no_target_is_wrong_usage(acidity):
    assert acidity("check").code == 2


def test_interrupted_with_answers_prints_them(acidity, answers):
    answers(GREEN, KeyboardInterrupt())
    left = acidity("check", "pond")
    assert left.code == 130
    assert "pond:one" in left.out
    assert "interrupted; 1 of 2 answers are there" in left.err


def test_interrupted_after_a_failure_shows_the_failure(acidity, answers):
    answers(ALL_LETTERS, KeyboardInterrupt())
    left = acidity("check", "pond")
    assert (left.code, "torn" in left.out) == (130, True)


def test_interrupted_before_any_answer(acidity, answers):
    answers(KeyboardInterrupt())
    left = acidity("check", "pond")
    assert (left.code, left.out) == (130, "")


def test_a_check_that_was_interrupted_is_the_last(acidity, answers):
    found = replace(UNDECIDED, unknowns=("pay: interrupted after 3 of 63 runs",))
    answers(Interrupted(found), AssertionError("never asked"))
    left = acidity("drill", "pond")
    assert left.code == 130
    assert "undecided: pay: interrupted after 3 of 63 runs" in left.out
    assert "interrupted; 1 of 2 answers are there" in left.err


def test_a_polite_kill_shows_what_was_found(acidity, answers):
    told = Terminated(143)
    told.report = UNDECIDED
    answers(told, AssertionError("never asked"))
    left = acidity("drill", "pond")
    assert (left.code, "undecided: 30 of 63" in left.out) == (143, True)


def test_a_bug_of_ours_is_not_a_failure_of_theirs(acidity, answers):
    answers(ZeroDivisionError("ours"))
    left = acidity("check", "pond:one")
    assert left.code == 2
    assert "this is a bug in acidity" in left.err


def test_m2_a_bug_of_ours_tells_no_password_and_writes_nothing_to_the_terminal(acidity, answers):
    answers(ZeroDivisionError("postgresql://ann:s3cret@prod/x \x1b]0;pwn\x07"))
    left = acidity("check", "pond:one")
    assert "Traceback" in left.err
    assert "s3cret" not in left.err
    assert "\x1b" not in left.err


@pytest.mark.parametrize(
    "words",
    [
        ("check", "pond", "--output-format", "postgresql://u:s3cret@h/x"),
        ("check", "pond", "--output-format", "postgresql://u:my s3cret@h/x"),
        ("check", "pond", "--db", "host=h password=s3cret"),
        ("check", "postgresql://u:s3cret@h/x"),
        ("check", "pond", "--seed", "postgresql://u:a@s3cret@h/x"),
        ("check", "pond", "--letters", "postgresql://u:s3cret@h/x"),
        ("check", "pond", "--setting", "postgresql://u:s3cret@h/x?password=s3cret"),
        ("replay", "pond", "postgresql://u:s3cret@h/x"),
        ("postgresql://u:s3cret@h/x",),
    ],
)
def test_m2_what_was_typed_in_the_wrong_place_tells_no_password(acidity, words):
    left = acidity(*words)
    assert left.code == 2
    assert "s3cret" not in left.err + left.out


def test_passwords_in_errors_are_masked(acidity, answers):
    answers(UsageError("refused postgresql://ann:s3cret@prod/x"))
    assert "s3cret" not in acidity("check", "pond:one").err


def test_a_message_cannot_write_to_the_terminal(acidity, answers):
    answers(UsageError("the clean run failed: \x1b]0;gotcha\x07\x1b[31m\u202e"))
    assert (
        acidity("check", "pond:one").err
        == "acidity: pond:one: the clean run failed: \\x1b]0;gotcha\\x07\\x1b[31m\\u202e\n"
    )
    assert "s3cret" not in acidity("check", "pond:one", "--output-format", "a://ann:s3cret@db/x").err


def test_the_output_goes_to_a_file(acidity, answers, folder):
    answers(ALL_LETTERS)
    left = acidity("check", "pond:one", "--output-format", "json", "--output-file", "card.json")
    assert (left.code, left.out) == (1, "")
    assert "written to card.json" in left.err
    assert json.loads((folder / "card.json").read_text())["schema"] == "acidity.card/1"


def test_several_targets_are_a_set(acidity, answers):
    answers(GREEN, GREEN)
    whole = json.loads(acidity("check", "pond", "--output-format", "json").out)
    assert whole["schema"] == "acidity.set/1"
    assert [item["target"] for item in whole["items"]] == ["pond:one", "pond:two"]


def test_the_command_that_replays_a_plain_function_is_whole(acidity, answers):
    answers(FAILED)
    left = acidity("drill", "pond:plain", "--args", "1", "--schema", "pond:plain")
    assert "replay: acidity replay app.bank:transfer 'ac1:A3!error-before' --args 1 --schema pond:plain" in left.out


def test_colours_only_when_wanted(acidity, answers, monkeypatch):
    answers(GREEN, GREEN, GREEN)
    assert "\x1b[" not in acidity("check", "pond:one").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in acidity("check", "pond:one").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in acidity("check", "pond:one").out


def test_what_the_function_prints_is_not_in_the_report(acidity, answers, monkeypatch):
    answers(GREEN)
    quiet = prove.check

    def loud(*arguments, **options):
        sys.stdout.write("hello from the function")
        return quiet(*arguments, **options)

    monkeypatch.setattr(prove, "check", loud)
    left = acidity("check", "pond:one", "--output-format", "json")
    assert json.loads(left.out)["verdict"] == "pass"
    assert "hello" not in left.out + left.err

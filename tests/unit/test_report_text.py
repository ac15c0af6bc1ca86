"""The text format: every kind of letter, whole words at every width, and nothing in a value that acts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from acidity.core.finding import Remedy, Tried
from acidity.core.report import Bound, Card
from acidity.core.schedule import Schedule
from acidity.report import FORMATS
from acidity.report.page import Page
from acidity.report.rerun import Rerun
from acidity.report.text import plain, render
from tests.doors.samples import ALL_LETTERS, FAILED, GREEN, NOTES, PASSED, SQLITE, TORN, UNDECIDED, Replayed

EXPECTED = """\
app.bank:transfer  on sqlite 3.40.1, through pysqlite, journal_mode delete, foreign_keys off

 A  atomic      FAIL         9 calls × 7 faults = 63 runs: 50 before · 1 after · 12 torn · 0 misreported
                             2 commits: missing
                             covers: 63 of 63 runs · 1,200 end states

    error: $50 left account 1 and arrived nowhere
       torn, ACI201, in transfer at bank.py:44, then bank.py:41; 12 runs ended like this
       rows    accounts id=1 balance 100 → 50
               log id=9 added: id 9, text paid\\x1b[31m [red]
       why     1. The first COMMIT made the debit durable.
               2. The second UPDATE failed, and nothing undid the debit.
       cheapest change that passed: one commit instead of several (tried in 57 runs; both writes in the first
       transaction)
       did not end it: roll back after a failed COMMIT (tried in 63 runs)
       not tried: a larger disk (the disk is not full)
       replay: acidity replay app.bank:transfer 'ac1:A3!error-before'

    warning: The caller is told that it failed, and it did not
       failed after commit, ACI206, in transfer
       schedule: ac1:A5!error-after

 C  consistent  not stated   no constraint is declared and no invariant was given: nothing to check
 D  durable     not asked

 note: end states: no power loss
 note: ids made by the database are not compared
 note: COMMIT applied, answer lost: simulated at the driver"""


def words(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).split()


def test_a_card_with_every_kind_of_letter():
    assert plain(ALL_LETTERS) == EXPECTED


def test_what_is_not_built_is_named_in_the_last_line_and_on_no_card():
    for answers, names in [([ALL_LETTERS], "I isolated"), ([ALL_LETTERS, GREEN], "I isolated, D durable")]:
        text = render(answers, color=False, width=120)
        assert text.splitlines()[-1] == f"Not built in this version of acidity: {names}"
        assert len(re.findall("not built", text, re.IGNORECASE)) == 1
        assert all("not built" not in str(answer) and " I  isolated" not in str(answer) for answer in answers)
    built = replace(GREEN, letters={"A": PASSED, "C": "not asked"})
    assert "not built" not in render([built, PASSED], color=False, width=120).lower()


def test_str_of_an_answer_is_its_text():
    assert str(ALL_LETTERS) == EXPECTED
    assert str(PASSED) == plain(PASSED)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [1, 40, 60, 80, 200])
def test_no_width_loses_a_word(width, color):
    answers = [ALL_LETTERS, GREEN, UNDECIDED, Rerun(Replayed(), ("torn",))]
    whole = render(answers, color=False, width=100_000)
    squeezed = render(answers, color=color, width=width)
    assert "".join(words(squeezed)) == "".join(words(whole))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_except_what_will_be_copied(width):
    lines = render([ALL_LETTERS, GREEN], color=False, width=width).splitlines()
    assert [line for line in lines if len(line) > width and "replay:" not in line] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_command_is_never_broken():
    long = replace(TORN, replay="acidity replay " + "app." * 30 + "bank:transfer 'ac1:A3'")
    assert f"replay: {long.replay}\n" in render([replace(FAILED, findings=(long,))], color=False, width=50) + "\n"


def test_the_classifier_shares_the_line_where_it_fits():
    row = plain(PASSED).splitlines()[2]
    assert row.startswith(" drill  pass   9 calls")
    assert "2 writes in 1 commit: protected" not in row
    assert "misreported     2 writes in 1 commit: protected" in render([PASSED], color=False, width=150)


def test_a_pass_prints_what_it_covers():
    assert "covers: 63 of 63 runs · 1,200 end states" in plain(GREEN)
    assert "seed" not in plain(GREEN)
    assert "covers: 63 of 63 runs · 1,200 end states · seed 7" in plain(replace(PASSED, seed=7))


def test_an_unknown_says_why():
    text = plain(UNDECIDED)
    assert " drill  unknown   " in text
    assert "undecided: 30 of 63 runs were made" in text
    assert "pass" not in text


def test_notes_of_several_letters_are_said_once():
    assert plain(GREEN).count(NOTES[0]) == 1


def test_a_set_says_what_is_shared_once_and_counts():
    other = replace(GREEN, target="app.bank:other")
    text = render([GREEN, other, ALL_LETTERS, UNDECIDED], color=False, width=120)
    assert text.count(NOTES[0]) == 1
    assert f" note on all of these: {NOTES[0]}" in text
    assert text.splitlines()[-3] == "4 answers on 3 targets: 2 pass, 1 FAIL, 1 unknown"
    assert render([GREEN, other], color=False, width=120).splitlines()[-3] == "2 targets: 2 pass"


def test_a_note_of_one_answer_stays_with_it():
    odd = replace(PASSED, notes=("only here", NOTES[0]))
    text = render([GREEN, odd], color=False, width=120)
    assert " note: only here" in text
    assert f" note: {NOTES[1]}" in text
    assert f" note on all of these: {NOTES[0]}" in text


def test_colours_mark_the_verdict():
    text = render([ALL_LETTERS], color=True, width=120)
    assert "\x1b[1;31m A  atomic      FAIL" in text
    assert "\x1b[32m A  atomic      pass" in render([GREEN], color=True, width=120)


def test_values_cannot_act_on_the_terminal():
    for color in (False, True):
        assert "paid\\x1b[31m [red]" in render([ALL_LETTERS], color=color, width=120)
    page = Page(80)
    page.say("two\nlines\r\b \u202egnp.exe")
    assert page.render(color=False) == "two\\nlines\\r\\x08 \\u202egnp.exe"


def test_wide_letters_count_as_wide():
    page = Page(40)
    page.say("漢字 " * 20)
    assert max(len(line) for line in page.render(color=False).splitlines()) <= 25


def test_passwords_are_masked():
    engine = replace(SQLITE, name="postgresql://ann:s3cret@db/x")
    text = render([replace(FAILED, engine=engine, notes=("on postgresql://ann:s3cret@db/x",))], color=False, width=120)
    assert "s3cret" not in text
    assert text.count("postgresql://ann:***@db/x") == 2


def test_one_run_is_not_runs():
    once = replace(
        TORN, occurrences=1, remedies=(Remedy("commit once", Tried.PASSED, 1),), explanation=("It broke.",), replay=""
    )
    text = plain(replace(FAILED, findings=(once,), headline="", runs=1))
    assert " FAIL   1 run" in text
    assert "(tried in 1 run)" in text
    assert "why     It broke." in text
    assert "ended like this" not in text


def test_a_bound_without_a_total():
    assert "covers: 12 end states\n" in plain(replace(PASSED, bounds=(Bound("end states", 12),), notes=())) + "\n"


@pytest.mark.parametrize(
    ("bound", "text"), [(Bound("faults", 1, 1), "1 of 1 fault"), (Bound("runs", 0, 1), "0 of 1 run")]
)
def test_one_of_a_thing_is_singular(bound, text):
    assert f"covers: {text}\n" in plain(replace(PASSED, bounds=(bound,), notes=())) + "\n"


def test_a_scenario_without_a_name_leaves_no_gap():
    assert plain(replace(PASSED, target="")).startswith("on ")


def test_an_anomaly_is_named_beside_the_word():
    text = plain(replace(FAILED, findings=(replace(TORN, word="not serial", anomaly="lost update"),)))
    assert "not serial (lost update), ACI201" in text


def test_a_replayed_run():
    text = render([Rerun(Replayed())], color=False, width=160)
    assert " A1   bank.py:41  partially committed  UPDATE accounts SET balance=?   (Decimal('50.00'), 1)\n" in text
    assert " A2   bank.py:42  committed            COMMIT\n" in text
    assert " A3   bank.py:44  failed               UPDATE accounts SET balance=?   (b'\\x01', 2)   ← struck by" in text
    assert "← struck by error-before: SQLITE_IOERR disk I/O error\n" in text
    assert " the caller was told  failed: it did not work (raised OperationalError: disk I/O error)\n" in text
    assert " verdict              FAIL: torn" in text


def test_what_a_replayed_run_broke_and_left_open_is_said():
    run = Replayed(broken=("no_money_is_lost: it returned False",), unknowns=("the fault found nothing to break",))
    text = render([Rerun(run)], color=False, width=120)
    assert "  broken: no_money_is_lost: it returned False\n" in text
    assert "  undecided: the fault found nothing to break" in text


@pytest.mark.parametrize(
    ("run", "expected", "reproduced"),
    [
        (Replayed(), (), None),
        (Replayed(), ("torn",), True),
        (Replayed(word="right"), ("torn",), False),
        (Replayed(struck=False), ("torn",), False),
        (Replayed(struck=False, schedule=Schedule(), word="false success"), ("false success",), True),
        (Replayed(broken=("money: False",)), ("torn", "inconsistent"), True),
        (Replayed(), ("torn", "inconsistent"), False),
    ],
)
def test_whether_a_report_is_reproduced(run, expected, reproduced):
    rerun = Rerun(run, expected)
    assert rerun.reproduced is reproduced
    text = render([rerun], color=False, width=120)
    assert text.count(" the report ") == len(expected)
    assert ("not reproduced: " in text) == (reproduced is False)


def test_a_replayed_report_is_counted():
    runs = [Rerun(Replayed(), ("torn",)), Rerun(Replayed(word="right"), ("torn",))]
    text = render(runs, color=False, width=120)
    assert text.splitlines()[-1] == "2 runs replayed: 1 reproduced what the report said"


def test_what_a_bound_leaves_out_is_a_note():
    assert " note: end states: no power loss\n" in plain(PASSED)


def test_formats_are_found_by_name():
    assert list(FORMATS)[:2] == ["text", "json"]
    assert FORMATS["text"] is render


def test_a_card_without_any_answer():
    card = Card("a:b", SQLITE, dict.fromkeys("ACID", "not asked"))
    assert plain(card).count("not asked") == 4

"""The text format: every kind of letter, whole words at every width, and nothing in a value that acts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from acidity.core.call import Site
from acidity.core.cause import AlsoBroken, Place, Rate, RowFate
from acidity.core.finding import Remedy, Tried
from acidity.core.lane import Move
from acidity.core.outcome import Rows
from acidity.core.report import Bound, Card, Detail, ExitReason, Levels
from acidity.core.schedule import Schedule
from acidity.report import FORMATS
from acidity.report.brief import way_of
from acidity.report.lanes import lane_lines
from acidity.report.page import Page
from acidity.report.rerun import Rerun
from acidity.report.text import plain, render
from tests.doors.samples import ALL_LETTERS, FAILED, GREEN, NOTES, PASSED, SQLITE, TORN, UNDECIDED, WARNING, Replayed

EXPECTED = """\
app.bank:transfer  on sqlite 3.40.1, through pysqlite, journal_mode delete, foreign_keys off

 A  atomic      FAIL         9 calls × 7 faults = 63 runs: 50 before · 1 after · 12 torn · 0 misreported
                             2 commits: unprotected
                             covers: 63 of 63 runs · 1,200 end states

    error: $50 left account 1 and arrived nowhere
       torn, ACI201, in transfer at bank.py:44, then bank.py:41; 12 of 63 runs, shown with a real fault
       cause   transfer commits at bank.py:42 before the change is complete
       line    bank.py:42 transfer   session.commit()   ← decides
               shop.py:9 checkout
               shop.py:5 main
       broke   bank.py:44 transfer   session.execute(credit)
       rows    accounts id=1 balance 100 → 50
               log id=9 added: id 9, text paid\\x1b[31m [red]
       should  accounts 1   balance 100 → 50   (should be 100)
               log 9   new: text paid\\x1b[31m [red]   (should be absent)
       why     1. The first COMMIT made the debit durable.
               2. The second UPDATE failed, and nothing undid the debit.
       also    breaks money_adds_up (ACI252)
       the run shown
        A1   bank.py:41  partially committed  UPDATE accounts SET balance=?   (Decimal('50.00'), 1)
        A2   bank.py:42  committed            COMMIT
        A3   bank.py:44  failed               UPDATE accounts SET balance=?   (b'\\x01', 2)   ← struck by error-before:
                                              SQLITE_IOERR disk I/O error
       fix     one commit instead of several (tried in 57 runs: passed; both writes in the first transaction)
               roll back after a failed COMMIT (tried in 63 runs: did not end it)
               a larger disk (not tried: the disk is not full)
       replay: acidity replay app.bank:transfer 'ac1:A3!error-before'

    warning: The caller is told that it failed, and it did not
       failed after commit, ACI206, in transfer
       schedule: ac1:A5!error-after

 C  consistent  not stated   no constraint is declared and no invariant was given: nothing to check
 D  durable     not asked

 note: end states: no power loss
 note: ids made by the database are not compared
 note: COMMIT applied, answer lost: simulated at the driver
 Not covered: other arguments, power loss"""
CARD = """\
app.bank:transfer  FAIL  not atomic (torn, ACI201)      sqlite 3.40.1 · 63 runs · 12 torn
  bank.py:42 transfer   session.commit()     ← checkout shop.py:9 ← main :5
  broke at bank.py:44 transfer   session.execute(credit)
  $50 left account 1 and arrived nowhere
     accounts 1   balance 100 → 50   (should be 100)
     log 9   new: text paid\\x1b[31m [red]   (should be absent)
  also breaks: money_adds_up
  cause: transfer commits at bank.py:42 before the change is complete
  fix: one commit instead of several (tried in 57 runs: passed)
  replay: acidity replay app.bank:transfer 'ac1:A3!error-before'
  also: ACI206 failed after commit (warning) in transfer
  1 of 2 findings in full; with -v: all, coverage, notes; acidity explain ACI201"""


def words(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).split()


def test_a_card_with_every_kind_of_letter_in_every_detail():
    assert plain(ALL_LETTERS) == EXPECTED


def test_a_card_with_a_finding_is_a_headline_and_one_finding_in_full():
    assert plain(ALL_LETTERS, Detail.CARD) == CARD


def test_a_passing_card_has_one_line_and_one_for_each_letter():
    lines = plain(GREEN, Detail.CARD).splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["app.bank:mended", "pass", "sqlite"],
        ["A", "atomic", "pass"],
        ["C", "consistent", "pass"],
    ]
    assert "63 of 63 runs · 1,200 end states: 57 before · 6 after   2 writes in 1 commit: protected" in lines[1]
    assert "journal_mode delete" in lines[0]


def test_what_is_wrong_without_any_fault_is_told_first():
    """Nobody has to imagine a fault to see it."""
    by_itself = replace(TORN, code="ACI252", word="inconsistent", title="half of it is there", schedule=Schedule())
    card = replace(ALL_LETTERS, letters={"A": FAILED, "C": replace(FAILED, findings=(by_itself,))})
    lines = plain(card, Detail.CARD).splitlines()
    assert lines[3] == "  half of it is there"
    assert [line.split()[1] for line in lines if line.startswith("  also: ")] == ["ACI201", "ACI206"]


def test_what_the_line_that_decided_calls_stands_before_the_way_to_it():
    inner, decided, outer = Site("db.py", 24, "commit"), Site("service.py", 36, "place"), Site("bus.py", 53, "handle")
    assert way_of(Place(decided, (inner, decided, outer))) == "→ commit db.py:24 ← handle bus.py:53"
    assert way_of(Place(inner, (inner, decided, outer))) == "← place service.py:36 ← handle bus.py:53"
    assert way_of(Place(outer)) == ""


def test_quiet_is_one_line_for_each_target():
    long = replace(FAILED, target="app." * 40 + "bank:transfer")
    lines = render([GREEN, ALL_LETTERS, UNDECIDED, long], color=False, width=120, detail=Detail.LINE).splitlines()
    assert [line.split()[1] for line in lines] == ["pass", "FAIL", "unknown", "FAIL"]
    assert "12 torn" in lines[1]
    assert all(len(line) <= 120 for line in lines[:3])


def test_warnings_of_a_pass_stand_in_its_headline():
    warned = replace(GREEN, letters={**GREEN.letters, "A": replace(PASSED, findings=(WARNING, WARNING))})
    lines = plain(warned, Detail.CARD).splitlines()
    assert len(lines) == 3
    assert "pass  2 warnings: ACI206 failed after commit (-v)" in lines[0]


MANY = replace(
    TORN,
    title="a title of a good many words, " * 10,
    rows=TORN.rows * 9,
    also=(AlsoBroken("ACI252", "an_invariant_with_quite_a_long_name"),) * 6,
    cause="after the error at a/long/way/to/the/file.py:1000 the program went on, and committed what was there" * 2,
    remedies=(
        Remedy("a change", Tried.ENDS_THIS, 1_000, "remains: ACI201 at a/file.py:100; needs also " + "words " * 20),
    ),
    permanent=replace(TORN.permanent, path=TORN.permanent.path + (Site("more/of/it.py", 7, "from_somewhere"),) * 6),
)


@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_a_card_with_findings_has_at_most_25_lines(count):
    """Whatever there is to say: titles, rows, a long way, many findings; what is left out is counted."""
    report = replace(FAILED, findings=(MANY,) * count, unknowns=("why not",))
    card = replace(ALL_LETTERS, letters={"A": report, "C": replace(report, findings=(TORN,))})
    lines = plain(card, Detail.CARD).splitlines()
    assert len(lines) <= 25
    assert "and 13 more rows" in " ".join(lines)
    assert count < 5 or f"and {count + 1 - 5} more" in " ".join(lines)
    assert f"1 of {count + 1} findings in full" in lines[-2]
    assert "undecided: why not" in lines[-1]


def test_what_another_letter_tells_of_the_same_cause_is_not_counted_twice():
    same = replace(TORN, code="ACI252", word="inconsistent", see=("A.1",))
    card = replace(
        ALL_LETTERS, letters={"A": replace(FAILED, findings=(TORN,)), "C": replace(FAILED, findings=(same,))}
    )
    text = plain(card, Detail.CARD)
    assert "FAIL  not atomic (torn, ACI201), not consistent" in text
    assert "findings in full" not in text
    assert "see     A.1" in plain(card)


def test_an_error_that_refers_to_a_warning_is_told_by_itself():
    warning = replace(TORN, severity="warning", code="ACI207", word="leaked")
    broken = replace(TORN, code="ACI252", word="inconsistent", see=("A.1",))
    card = replace(
        ALL_LETTERS, letters={"A": replace(PASSED, findings=(warning,)), "C": replace(FAILED, findings=(broken,))}
    )
    text = plain(card, Detail.CARD)
    assert "FAIL  not consistent (inconsistent, ACI252)" in text
    assert "  also: ACI207 leaked (warning) at bank.py:42" in text
    assert "1 of 2 findings in full" in text


@pytest.mark.parametrize(
    ("remedies", "line"),
    [
        ((Remedy("a", Tried.FAILED, 9), Remedy("b", Tried.PASSED, 1)), "fix: b (tried in 1 run: passed)"),
        (
            (Remedy("a", Tried.ENDS_THIS, 9, remain=("ACI207",)),),
            "fix: a (tried in 9 runs: ends this; ACI207 remains)",
        ),
        (
            (Remedy("a", Tried.ENDS_THIS, 9, remain=("ACI201", "ACI207")),),
            "fix: a (tried in 9 runs: ends this; another ACI201, ACI207 remain)",
        ),
        (
            (Remedy("a", Tried.ENDS_THIS, 9, remain=("ACI207", "ACI208")), Remedy("b", Tried.PASSED, 2)),
            "fix: b (tried in 2 runs: passed)",
        ),
        ((Remedy("a", Tried.FAILED, 9),), "fix: none known: 1 change tried did not end it"),
        ((Remedy("a", Tried.NOT_TRIED, 0, "it has no COMMIT"),), "fix: a (not tried: it has no COMMIT)"),
    ],
)
def test_the_fix_is_the_cheapest_change_that_ended_it(remedies, line):
    text = plain(replace(FAILED, findings=(replace(TORN, remedies=remedies),)), Detail.CARD)
    assert f"  {line}\n" in text


@pytest.mark.parametrize(("more", "said"), [(1, "and 1 more row\n"), (2, "and 2 more rows\n")])
def test_what_is_left_out_of_a_card_is_counted(more, said):
    rows = tuple(RowFate("log", (("id", number),), None, None, (None,)) for number in range(5 + more))
    moves = tuple(Move("A", "COMMIT", None, "sent") for _ in range(10 + more))
    text = plain(replace(FAILED, findings=(replace(TORN, rows=rows, lanes=moves, rate=Rate(1, more)),)), Detail.CARD)
    assert said in text
    assert said.replace("row", "line").replace("\n", " (-v)\n") in text
    assert f"; 1 of {more} run{'s' * (more > 1)}, shown" in plain(
        replace(FAILED, findings=(replace(TORN, rate=Rate(1, more)),)), Detail.ALL
    )


def test_how_far_it_came_is_counted():
    assert ExitReason.BUDGET.after(0, 1).endswith("after 0 of 1 run")
    assert ExitReason.BUDGET.after(1, 2).endswith("after 1 of 2 runs")


CELLS = (("id", 7), ("stock", 8), ("note", "x"))


@pytest.mark.parametrize(
    ("before", "now", "should", "line"),
    [
        ((("stock", 10),), (("stock", 8),), ((("stock", 10),),), "items 7   stock 10 → 8   (should be 10)"),
        (None, CELLS, (None,), "items 7   new: stock 8, note x   (should be absent)"),
        (CELLS, None, (CELLS,), "items 7   gone   (should be there: stock 8, note x)"),
        (None, None, (CELLS, None), "items 7   missing   (should be there: stock 8, note x, or as it is)"),
        (None, None, (None, CELLS), "items 7   not there   (should be as it is, or there: stock 8, note x)"),
        (None, CELLS, (None, (("id", 7), ("stock", 6), ("note", "x"))), "(should be absent, or stock 6)"),
        ((("stock", 10),), (("stock", 8),), (), "items 7   stock 10 → 8\n"),
        (
            (("a", 1), ("b", 1)),
            (("a", 2), ("b", 2)),
            ((("a", 1), ("b", 1)),),
            "a 1 → 2, b 1 → 2   (should be a 1, b 1)",
        ),
    ],
)
def test_a_row_stands_beside_what_it_should_be(before, now, should, line):
    fate = RowFate("items", (("id", 7),), before, now, should)
    assert line in plain(replace(FAILED, findings=(replace(TORN, rows=(fate,)),)), Detail.CARD) + "\n"


def test_without_lines_and_rows_what_there_is_is_shown():
    bare = replace(TORN, permanent=None, broke=None, rows=(), also=(), remedies=())
    lines = plain(replace(FAILED, findings=(bare,)), Detail.CARD).splitlines()
    assert lines[1].split() == ["bank.py:44"]
    assert "accounts id=1 balance 100 → 50" in lines[3]


def test_what_is_not_built_is_named_in_the_last_line_and_on_no_card():
    for answers, names in [([ALL_LETTERS], "I isolated"), ([ALL_LETTERS, GREEN], "I isolated, D durable")]:
        text = render(answers, color=False, width=120)
        assert text.splitlines()[-2] == "Not covered: other arguments, power loss"
        assert text.count("Not covered") == 1
        assert text.splitlines()[-1] == f"Not built into acidity check yet: {names}"
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
    whole = render(answers, color=False, width=100_000, detail=Detail.ALL)
    squeezed = render(answers, color=color, width=width, detail=Detail.ALL)
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
    whole = render([PASSED], color=False, width=150, detail=Detail.ALL)
    assert "misreported     2 writes in 1 commit: protected" in whole
    assert "2 writes" not in render([PASSED], color=False, width=80), "on a card each letter has one line"


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
    answers = [GREEN, other, ALL_LETTERS, UNDECIDED]
    text = render(answers, color=False, width=120, detail=Detail.ALL)
    assert text.count(NOTES[0]) == 1
    assert NOTES[0] not in render(answers, color=False, width=120), "on a card there are no notes"
    assert f" note on all of these: {NOTES[0]}" in text
    assert text.splitlines()[-4] == "4 answers on 3 targets: 2 pass, 1 FAIL, 1 unknown"
    assert render([GREEN, other], color=False, width=120).splitlines()[-4] == "2 targets: 2 pass"


def test_a_note_of_one_answer_stays_with_it():
    odd = replace(PASSED, notes=("only here", NOTES[0]))
    text = render([GREEN, odd], color=False, width=120, detail=Detail.ALL)
    assert " note: only here" in text
    assert f" note: {NOTES[1]}" in text
    assert f" note on all of these: {NOTES[0]}" in text


def test_colours_mark_the_verdict():
    text = render([ALL_LETTERS], color=True, width=120, detail=Detail.ALL)
    assert "\x1b[1;31m A  atomic      FAIL" in text
    assert "\x1b[32m A  atomic      pass" in render([GREEN], color=True, width=120, detail=Detail.ALL)
    assert "\x1b[1;31mFAIL\x1b[0m  not atomic" in render([ALL_LETTERS], color=True, width=120)
    assert "\x1b[32mA  atomic     pass" in render([GREEN], color=True, width=120)


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
    answer = replace(FAILED, engine=engine, notes=("on postgresql://ann:s3cret@db/x",))
    for detail, count in ((Detail.ALL, 2), (Detail.CARD, 1), (Detail.LINE, 1)):
        text = render([answer], color=False, width=120, detail=detail)
        assert "s3cret" not in text
        assert text.count("postgresql://ann:***@db/x") == count


def test_one_run_is_not_runs():
    once = replace(
        TORN, occurrences=1, remedies=(Remedy("commit once", Tried.PASSED, 1),), explanation=("It broke.",), replay=""
    )
    text = plain(replace(FAILED, findings=(once,), headline="", runs=1))
    assert " FAIL   1 run" in text
    assert "(tried in 1 run: passed)" in text
    assert "why     It broke." in text
    assert "runs ended like this" not in text


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


def test_a_replayed_effect_that_does_not_fit_rows_which_are_whole():
    run = Replayed(diff=(), misfit=(Rows.BEFORE, "charge took place 1×, and no row was changed"))
    text = render([Rerun(run)], color=False, width=160)
    assert "the rows are         as before: nothing of the operation is there\n" in text
    assert "which does not fit   charge took place 1×, and no row was changed\n" in text
    assert "a part of the operation is there" not in text


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


@pytest.mark.parametrize(
    ("answers", "weakest"),
    [((FAILED, PASSED), "SERIALIZABLE"), ((FAILED, FAILED), "none"), ((FAILED, UNDECIDED), "undecided")],
)
def test_no_level_that_passes_is_no_verdict_where_one_may(answers, weakest):
    levels = Levels("bank:pay", SQLITE, dict(zip(("READ COMMITTED", "SERIALIZABLE"), answers, strict=True)))
    assert plain(levels, Detail.LINE).endswith(f"weakest that passes: {weakest}")
    assert weakest in plain(levels, Detail.CARD)


@pytest.mark.parametrize("room", [76, 60, 50])
def test_in_a_narrow_terminal_what_was_read_stays(room: int) -> None:
    moves = [Move("A", "SELECT id, balance FROM accounts WHERE accounts.id = 1 FOR UPDATE", None, "read (1, 100)")]
    ((line, _),) = lane_lines(moves, room)
    assert line.endswith("…  → read (1, 100)")
    assert len(line) <= room
    ((whole, _),) = lane_lines(moves, 200)
    assert [(whole, "")] == lane_lines(moves)

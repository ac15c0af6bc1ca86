"""How far from the present a new time is, and what chance makes of it."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from acidity.analysis.canonical import canonical, same
from acidity.analysis.clocks import dated
from acidity.analysis.diff import telling_changes
from acidity.analysis.masks import Masks
from acidity.analysis.values import instant
from tests.unit.states import state, table

T0 = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC).timestamp()
UNTIL = ("passes", "until")
TIMES = Masks(times=frozenset({UNTIL}))
SEED = state(passes=table("id until", [(1, None), (2, None)]))
HOUR = 3600.0


def at(seconds, *untils, took=0.1):
    """The rows that a run leaves which ends so many seconds after the first one began."""
    now = T0 + seconds
    rows = [(number, until) for number, until in enumerate(untils, 1)]
    return replace(state(passes=table("id until", rows)), during=(now - took, now))


def plain(seconds):
    return datetime.fromtimestamp(T0 + seconds, UTC).replace(tzinfo=None)


WRITTEN = {
    "datetime": plain,
    "with zone": lambda seconds: plain(seconds).replace(tzinfo=timezone(timedelta(hours=2))),
    "text": lambda seconds: str(plain(seconds)),
    "seconds": lambda seconds: int(T0 + seconds),
    "milliseconds": lambda seconds: int((T0 + seconds) * 1e3),
    "microseconds": lambda seconds: float((T0 + seconds) * 1e6),
    "nanoseconds": lambda seconds: Decimal(int((T0 + seconds) * 1e9)),
}


@pytest.mark.parametrize(
    ("value", "seconds", "grain"),
    [
        (datetime(1970, 1, 2, 0, 0, 1), 86401.0, 1.0),  # noqa: DTZ001
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), HOUR, HOUR),
        (date(1970, 1, 3), 172800.0, 86400.0),
        ("1970-01-01 00:01", 60.0, 60.0),
        ("1970-01-01T02:00:00,5 UTC", 7200.5, 0.0),
        ("1970-01-01 02:00:00.123456789 +02", 0.123456, 0.0),
        ("1970-01-01T00:00:01Z", 1.0, 1.0),
        (1_600_000_001, 1_600_000_001.0, 1.0),
        (1_600_000_001_500, 1_600_000_001.5, 0.0),
        (1.6000000015e15, 1_600_000_001.5, 0.0),
        (Decimal(1_600_000_020_000_000_000), 1_600_000_020.0, 60.0),
    ],
)
def test_an_instant(value, seconds, grain):
    found = instant(value)
    assert (pytest.approx(found[0]), found[1]) == (seconds, grain)


@pytest.mark.parametrize("value", [time(3, 4), "03:04:05", "2026-02-31", 7, "soon"])
def test_no_instant(value):
    assert instant(value) is None


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN.keys())
def test_the_same_distance_is_the_same_time_and_another_one_is_not(write):
    clean = [at(0, write(HOUR)), at(5, write(5 + HOUR))]
    masks = dated(TIMES, SEED, [clean])
    later = at(900, write(900 + HOUR))
    assert same(clean[0], later, SEED, masks)
    assert canonical(clean[1], SEED, masks) == canonical(later, SEED, masks)
    for wrong in (HOUR - 30, HOUR + 30, 2 * HOUR):
        assert not same(clean[0], at(900, write(900 + wrong)), SEED, masks)
    assert not same(clean[0], SEED, SEED, masks)


def test_the_longer_a_run_takes_the_less_is_known_of_when_in_it_a_time_was_written():
    masks = dated(TIMES, SEED, [[at(0, plain(0)), at(5, plain(5))]])
    assert same(at(0, plain(0)), at(99, plain(10), took=90), SEED, masks)
    assert not same(at(0, plain(0)), at(99, plain(10), took=60), SEED, masks)


def test_what_is_no_clock_stays_the_same_value():
    fixed = plain(3 * HOUR)
    masks = dated(TIMES, SEED, [[at(0, fixed, plain(0)), at(5, fixed, plain(5))]])
    for seconds in (0, 900, 5 * HOUR, 9 * HOUR):
        assert same(at(0, fixed, plain(0)), at(seconds, fixed, plain(seconds)), SEED, masks)
        assert not same(at(0, fixed, plain(0)), at(seconds, plain(4 * HOUR), plain(seconds)), SEED, masks)


def test_a_day_is_the_same_however_late_it_is():
    day = date(2026, 1, 2)
    masks = dated(TIMES, SEED, [[at(0, day), at(5, day)]])
    assert all(same(at(0, day), at(hours * HOUR, day), SEED, masks) for hours in range(20))
    assert not same(at(0, day), at(9, day + timedelta(days=7)), SEED, masks)
    assert not same(at(0, day), at(23 * HOUR, day + timedelta(days=1)), SEED, masks)
    learnt = dated(masks, SEED, [[at(0, day), at(23 * HOUR, day + timedelta(days=1))]])  # the order is run once more
    assert same(at(0, day), at(23 * HOUR, day + timedelta(days=1)), SEED, learnt)
    assert not same(at(0, day), at(9, day + timedelta(days=7)), SEED, learnt)


def test_what_two_runs_had_alike_and_two_others_have_not_is_a_time():
    """They lay within one second; what they have alike is told by its distance all the same."""
    once, later = at(0, int(T0) + 3600), at(0.5, int(T0) + 3600)
    masks = dated(TIMES, SEED, [[once, later], [once, at(3, int(T0) + 3603)]])
    assert same(once, at(60, int(T0) + 3660), SEED, masks)
    assert not same(once, at(60, int(T0) + 7260), SEED, masks)


def test_days_that_no_clock_makes_are_the_days_that_they_are():
    day = date(2026, 1, 2)
    masks = dated(
        TIMES, SEED, [[at(0, day), at(5, day)], [at(0, day + timedelta(days=1)), at(5, day + timedelta(days=1))]]
    )
    assert same(at(0, day), at(9, day), SEED, masks)
    assert not same(at(0, day), at(9, day + timedelta(days=1)), SEED, masks)


def test_another_day_that_no_clock_makes_is_that_day_in_later_runs_too():
    """It is further away then; what is wrong has to come again, however long the search took."""
    day, other = date(2026, 1, 2), date(2026, 1, 3)
    masks = dated(TIMES, SEED, [[at(0, day), at(5, day)]])
    for seconds in (3, 8, 60, 900):
        assert canonical(at(0, other), SEED, masks) == canonical(at(seconds, other), SEED, masks)
        assert same(at(0, other), at(seconds, other), SEED, masks)


def test_a_time_cut_to_the_minute_is_as_exact_as_that():
    def cut(seconds):
        return plain(seconds).replace(second=0, microsecond=0)

    masks = dated(TIMES, SEED, [[at(0, cut(HOUR)), at(57, cut(57 + HOUR))]])
    assert all(same(at(0, cut(HOUR)), at(each, cut(each + HOUR)), SEED, masks) for each in range(0, 600, 7))
    assert not same(at(0, cut(HOUR)), at(0, cut(HOUR + 300)), SEED, masks)


def test_a_column_in_which_is_chance_is_new_or_not():
    draw = random.Random(1)
    jitter = [at(each, plain(each + draw.uniform(0, 600))) for each in range(9)]
    masks = dated(TIMES, SEED, [jitter[:2]])
    assert all(same(jitter[0], each, SEED, masks) for each in jitter)
    assert not same(jitter[0], at(0, None), SEED, masks)
    assert dated(masks, SEED, [[at(0, plain(9)), at(5, plain(14))]]) == masks, "what is chance stays chance"


def test_chance_may_only_show_in_runs_of_one_schedule():
    masks = dated(TIMES, SEED, [[at(0, plain(60)), at(5, plain(66))]])
    assert not any(each.is_any for each in masks.moments)
    runs = [at(9, plain(9 + 60)), at(10, plain(10 + 61)), at(11, plain(11 + 90))]
    assert all(each.is_any for each in dated(masks, SEED, [], runs).moments)
    lost = [at(seconds, plain(seconds + 30)) for seconds in (9, 10, 11)]
    assert dated(masks, SEED, [], lost) == masks, "nor is anything learnt of where it is wrong"


def test_what_shows_nothing_new_teaches_nothing():
    clean = [at(0, plain(HOUR), plain(0)), at(5, plain(5 + HOUR), plain(5))]
    masks = dated(TIMES, SEED, [clean])
    assert dated(masks, SEED, [clean, [clean[0], at(99.5, plain(99 + HOUR), plain(99))]]) == masks
    assert dated(TIMES, SEED, [clean[::-1]]) == masks, "nor does the order in which they are seen"
    more = dated(masks, SEED, [clean, [at(50, plain(50), plain(50))]])
    assert more == masks, "both distances are known"
    assert dated(masks, SEED, [[at(50, plain(50 + 9 * HOUR))]]) != masks


def test_which_row_has_which_time_counts_unless_it_is_chance():
    clean = [at(0, plain(HOUR), plain(0)), at(5, plain(5 + HOUR), plain(5))]
    swapped = at(9, plain(9), plain(9 + HOUR))
    assert not same(clean[0], swapped, SEED, dated(TIMES, SEED, [clean]))
    assert same(clean[0], swapped, SEED, dated(TIMES, SEED, [[*clean, swapped]]))


def test_inside_of_a_document_too():
    def held(seconds, until):
        rows = [(1, {"until": str(plain(seconds + until)), "n": 1})]
        return replace(state(passes=table("id held", rows)), during=(T0 + seconds, T0 + seconds))

    seed = state(passes=table("id held", [(1, {"n": 0})]))
    path = ("passes", "held.$.until")
    masks = Masks(times=frozenset({path}), documents=frozenset({("passes", "held")}))
    masks = dated(masks, seed, [[held(0, 60), held(5, 60)]])
    assert same(held(0, 60), held(50, 60), seed, masks)
    assert not same(held(0, 60), held(50, 90), seed, masks)


def test_a_time_at_another_distance_tells_what_is_wrong_and_one_that_is_only_another_does_not():
    def both(seconds, until, used):
        rows = [(1, plain(seconds + until), plain(seconds), used)]
        return replace(state(passes=table("id until changed used", rows)), during=(T0 + seconds, T0 + seconds))

    seed = state(passes=table("id until changed used", [(1, None, None, 0)]))
    masks = Masks(times=frozenset({UNTIL, ("passes", "changed")}))
    masks = dated(masks, seed, [[both(0, 60, 2), both(5, 60, 2)]])
    (change,) = telling_changes(both(0, 60, 2), both(9, 30, 2), masks)
    assert (change.before, change.after) == ((("until", plain(60)),), (("until", plain(39)),))
    (change,) = telling_changes(both(0, 60, 2), both(9, 60, 1), masks)
    assert (change.before, change.after) == ((("used", 2),), (("used", 1),))


def test_how_times_are_compared_is_said():
    masks = dated(TIMES, SEED, [[at(0, plain(0)), at(5, plain(5))]])
    near = "times are compared as empty, kept, or how long before or after their run they are: passes.until"
    assert masks.describe() == (near,)
    assert TIMES.describe() == ("times are compared as empty, kept or new: passes.until",)
    by_chance = dated(TIMES, SEED, [[at(0, plain(0)), at(5, plain(50))]])
    assert by_chance.describe() == TIMES.describe()

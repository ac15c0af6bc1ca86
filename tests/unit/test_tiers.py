"""What keeps the tests cheap and honest: limits that are noticed, skips that fail, the choice of a server."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from tests.costs import MARGIN, OF_A_TEST_S, PIECE_S, TARGET_S, Costs, piece_s
from tests.loud import judged
from tests.quality import drilled
from tests.tiers import ENGINES, FEW, SERVERS, but_one_in, is_on_the_other_server, on_other_engines, server_of


@pytest.fixture
def costs(pytestconfig: pytest.Config) -> Costs:
    made = Costs(pytestconfig)
    made.kept, made.reports = True, True
    return made


def ended(costs: Costs) -> int:
    session = SimpleNamespace(exitstatus=0)
    costs.pytest_sessionfinish(session)  # type: ignore[arg-type]
    return int(session.exitstatus)


def test_within_the_limits_the_run_is_left_alone(costs: Costs) -> None:
    costs.tests["a"] = OF_A_TEST_S * MARGIN
    assert (ended(costs), costs.violations()) == (0, [])


def test_a_run_over_the_limit_fails(costs: Costs) -> None:
    costs.began -= TARGET_S * MARGIN + 1
    assert ended(costs) == 1
    (said,) = costs.violations()
    assert f"the limit is {TARGET_S * MARGIN:.0f}" in said


def test_a_test_over_the_limit_fails_and_is_named(costs: Costs) -> None:
    costs.tests["a::b"] = OF_A_TEST_S * MARGIN + 1
    assert ended(costs) == 1
    assert costs.violations() == [f"a::b used {OF_A_TEST_S * MARGIN + 1:.1f} CPU seconds: mark it slow"]


def test_limits_grow_with_what_the_same_work_takes(costs: Costs) -> None:
    costs._pieces = [PIECE_S * 3, PIECE_S * 2, PIECE_S * 9]
    costs.tests["a"] = OF_A_TEST_S * MARGIN * 2.9
    costs.began -= TARGET_S * MARGIN * 2.9
    assert ended(costs) == 0
    costs.began -= TARGET_S * MARGIN * 0.2
    assert ended(costs) == 1


def test_a_piece_of_work_is_timed_while_tests_run(costs: Costs) -> None:
    for number in range(101):
        for when in ("setup", "call", "teardown"):
            costs.pytest_runtest_logreport(pytest.TestReport(f"t{number}", ("t", 1, "t"), {}, "passed", None, when))
    assert len(costs._pieces) == 2
    assert costs.slowness > 0
    assert piece_s() > 0


def test_elsewhere_costs_are_only_shown(costs: Costs) -> None:
    costs.kept = False
    costs.tests["a"] = OF_A_TEST_S * MARGIN + 1
    assert ended(costs) == 0


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("Skipped: needs aiosqlite", "failed"), ("Skipped: not run: Python 3.19", "skipped")],
)
def test_a_skip_is_a_failure_unless_it_cannot_be_had(reason: str, outcome: str) -> None:
    longrepr = ("file", 1, reason)
    report = pytest.TestReport("a", ("a", 1, "a"), {}, "skipped", longrepr, "setup")
    assert judged(report).outcome == outcome
    collected = pytest.CollectReport("a", "skipped", longrepr, [])
    assert judged(collected).outcome == outcome


def test_of_two_servers_one_is_the_other() -> None:
    for number in range(50):
        cells = [f"tests/a.py::test[{number}-{server}]" for server in ("sqlite", *SERVERS, "mariadb+mysqldb")]
        sqlite, *servers, driver = map(is_on_the_other_server, cells)
        assert not sqlite
        assert sorted(servers) == [False, True]
        assert driver == servers[1]
        assert not is_on_the_other_server(f"tests/a.py::test[{number}-{'+'.join(SERVERS)}]")


def test_the_servers_have_their_share() -> None:
    chosen = Counter(server_of(f"tests/a.py::test_{number}") for number in range(1000))
    assert min(chosen.values()) > 400


def test_of_the_cells_of_a_program_one_is_left() -> None:
    left: Counter[str] = Counter()
    for number in range(300):
        cells = {f"tests/a.py::test[{number}-{engine}]": engine for engine in (*ENGINES, "postgresql+asyncpg")}
        (chosen,) = cells.keys() - set(on_other_engines(cells))
        assert chosen not in on_other_engines(reversed(cells))  # whatever the order
        left[cells[chosen]] += 1
    assert min(left.values()) > 40
    assert list(on_other_engines(["tests/a.py::test[1-sqlite]", "tests/a.py::test[2-mariadb]"])) == []


def test_a_cell_of_two_engines_is_alike_to_others_of_two() -> None:
    cells = ["tests/a.py::test[postgresql+mariadb]", "tests/a.py::test[sqlite+sqlite]", "tests/a.py::test[mariadb]"]
    assert len(set(on_other_engines(cells))) == 1


def test_a_program_that_is_a_coroutine_too_is_left_once() -> None:
    ids = (
        ":pay-sqlite",
        ":pay-mariadb",
        ".async_scenarios:pay-sqlite",
        "paying-sqlite",
        "paying_async-postgresql+asyncpg",
    )
    cells = [f"tests/async_a.py::test_async_b[few-{each}]" for each in ids]
    assert len(set(on_other_engines(cells, cells))) == 3
    assert len(set(on_other_engines(cells))) == 1
    functions = ["tests/a.py::test_async_b[sqlite]", "tests/a.py::test_b[sqlite]"]
    assert list(on_other_engines(functions, functions)) == []


def test_of_many_cells_a_share_is_left() -> None:
    cells = [f"tests/a.py::test[{number}]" for number in range(20)]
    left = set(cells) - set(but_one_in(3, cells))
    assert len(left) == 7
    assert left == set(cells) - set(but_one_in(3, reversed(cells)))  # whatever the order
    more = [*cells, "tests/a.py::test[another]"]
    assert len(left - (set(more) - set(but_one_in(3, more)))) <= 1
    assert list(but_one_in(3, cells[:1])) == []


@pytest.mark.few_or_all
def test_a_drill_goes_as_far_as_its_tier(request: pytest.FixtureRequest) -> None:
    assert drilled._faults.get() == (FEW if "few" in request.node.name else None)

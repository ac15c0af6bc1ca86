"""What holds for all tests: some run only when they are asked for, with ``-m``; else they are deselected, in sight.

mysqlclient builds from source, so it is not in the test extra; its tests carry the marker ``mysqlclient``, which the
continuous integration names. ``slow`` and ``large`` are the second and the third tier, see `tests.tiers`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Generator
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest

from tests.costs import Costs
from tests.loud import SkipsAreFailures
from tests.quality.drilled import as_far_as
from tests.tiers import FEW_OR_ALL, but_one_in, is_on_the_other_server, on_other_engines

SETTLED_EACH = 20  # tests
SINCE = {"settled": 0}
ASIDE: dict[str, object] = {}
MODULES: dict[str, ModuleType] = {}
ON_REQUEST = ("mysqlclient", "slow", "large")

# A shell that starts the tests in the background has them ignore Ctrl-C, and the programs they start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", metavar="FILE", help="write what each test used, in CPU seconds, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(config), "acidity-costs")
    if os.environ.get("CI"):
        config.pluginmanager.register(SkipsAreFailures(), "acidity-skips")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Next to nothing of what is imported and collected is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        settle()
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if ASIDE.get("of") != item.path:
        ASIDE["of"] = item.path
        keep_aside(item)


def keep_aside(item: pytest.Item) -> None:
    """Have no test files among the modules but this test's: no program has three hundred, and a check looks through all."""
    own = getattr(getattr(item, "module", None), "__name__", "")
    for name in [name for name in sys.modules if name.startswith("tests.") and ".test_" in name and name != own]:
        MODULES[name] = sys.modules.pop(name)
    if own in MODULES:
        sys.modules[own] = MODULES.pop(own)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect nothing while a failure is written down.

    pytest parses the source for it, and CPython before 3.11.8 counts the depth of the tree in one place for all parsers
    (gh-106905): a lost connection that is collected meanwhile is logged with its traceback, which is parsed, too, and
    instead of the failure there is a SystemError.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Settle after each file, and within the long ones."""
    yield
    SINCE["settled"] += 1
    if nextitem is None or nextitem.path != item.path or SINCE["settled"] >= SETTLED_EACH:
        SINCE["settled"] = 0
        settle()


def settle() -> None:
    """Have the objects that live on looked at no more: by the collector, and by each check (`beforehand`).

    A check looks through every object that the collector knows, and has garbage collected after a run that left a
    transaction open. In a process with thousands of tests that was a third of what they cost; what a test has left behind
    is no connection that the next may use.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.spread import ByFile

    return ByFile(config, log) if config.option.dist == "load" else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("few_or_all"):
        metafunc.fixturenames.append("tier")
        metafunc.parametrize("tier", FEW_OR_ALL, indirect=True)


@pytest.fixture
def tier(request: pytest.FixtureRequest) -> Any:
    """How far a test that is marked `few_or_all` drills; only `pytest_runtest_protocol` makes it so.

    A name that is added to those of the fixtures is a parameter, but no fixture that pytest would set up.
    """
    return request.param


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is marked `few_or_all` drills, and has its fixtures drill, as far as its tier says."""
    asked = getattr(getattr(item, "callspec", None), "params", {})
    with as_far_as(asked["tier"]) if "tier" in asked else nullcontext():
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_mysqlclient(item):
            item.add_marker(pytest.mark.mysqlclient)
        if item.get_closest_marker("one_server") and is_on_the_other_server(item.nodeid):
            item.add_marker(pytest.mark.slow)
    cells = {item.nodeid: item for item in items if item.get_closest_marker("one_engine") and not _is_on_request(item)}
    written_both_ways = {nodeid for nodeid, item in cells.items() if item.get_closest_marker("one_way")}
    for nodeid in on_other_engines(cells, written_both_ways):
        cells[nodeid].add_marker(pytest.mark.slow)
    _take_a_share(items)
    _spare_the_dear(items)
    asked = config.getoption("markexpr")
    marks = [mark for mark in ON_REQUEST if mark not in asked]
    left = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _take_a_share(items: list[pytest.Item]) -> None:
    """Of a test marked `one_in` only a share of the cells that would run by default does."""
    shared: defaultdict[tuple[str, int], dict[str, pytest.Item]] = defaultdict(dict)
    for item in items:
        marker = item.get_closest_marker("one_in")
        if marker and not _is_on_request(item):
            shared[item.nodeid.partition("[")[0], marker.args[0]][item.nodeid] = item
    for (_, number), cells in shared.items():
        for nodeid in but_one_in(number, cells):
            cells[nodeid].add_marker(pytest.mark.slow)


def _spare_the_dear(items: list[pytest.Item]) -> None:
    """What is marked `dear` and would run by default is slow, and the keyword `spared` finds it there (`.ci/run`)."""
    for item in items:
        if item.get_closest_marker("dear") and not _is_on_request(item):
            item.add_marker(pytest.mark.slow)
            item.extra_keyword_matches.add("spared")


def _is_on_request(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(mark) for mark in ON_REQUEST)


def _needs_mysqlclient(item: pytest.Item) -> bool:
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    return any("mysqldb" in str(getattr(value, "db", value)) for value in values)

"""What holds for all tests: some run only when they are asked for, with ``-m``; else they are deselected, in sight.

mysqlclient builds from source, so it is not in the test extra; its tests carry the marker ``mysqlclient``, which the
continuous integration names. ``slow`` is for the large version of a test that has a small one.
"""

from __future__ import annotations

import signal

import pytest

ON_REQUEST = ("mysqlclient", "slow")

# A shell that starts the tests in the background has them ignore Ctrl-C, and the programs they start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_mysqlclient(item):
            item.add_marker(pytest.mark.mysqlclient)
    asked = config.getoption("markexpr")
    marks = [mark for mark in ON_REQUEST if mark not in asked]
    left = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _needs_mysqlclient(item: pytest.Item) -> bool:
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    return any("mysqldb" in str(getattr(value, "db", value)) for value in values)

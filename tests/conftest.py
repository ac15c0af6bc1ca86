"""What holds for all tests: some run only when they are asked for, with ``-m``; else they are deselected, in sight.

mysqlclient builds from source, so it is not in the test extra; its tests carry the marker ``mysqlclient``, which the
continuous integration names. ``slow`` is for the large version of a test that has a small one.
"""

from __future__ import annotations

import signal

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and the programs they start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


ASKED_FOR = ("mysqlclient", "slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_mysqlclient(item):
            item.add_marker(pytest.mark.mysqlclient)
    for marker in ASKED_FOR:
        if marker not in config.getoption("markexpr"):
            left = [item for item in items if item.get_closest_marker(marker)]
            if left:
                config.hook.pytest_deselected(items=left)
                items[:] = [item for item in items if not item.get_closest_marker(marker)]


def _needs_mysqlclient(item: pytest.Item) -> bool:
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    return any("mysqldb" in str(getattr(value, "db", value)) for value in values)

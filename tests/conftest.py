"""What holds for all tests: those that need the driver mysqlclient run when they are asked for.

mysqlclient builds from source, so it is not in the test extra. Its tests carry the marker ``mysqlclient`` and are
deselected, in sight, unless ``-m`` names it; the continuous integration does.
"""

from __future__ import annotations

import signal

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and the programs they start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_mysqlclient(item):
            item.add_marker(pytest.mark.mysqlclient)
    if "mysqlclient" in config.getoption("markexpr"):
        return
    left = [item for item in items if item.get_closest_marker("mysqlclient")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("mysqlclient")]


def _needs_mysqlclient(item: pytest.Item) -> bool:
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    return any("mysqldb" in str(getattr(value, "db", value)) for value in values)

"""What keeps a fault from a Call by what the Call says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from acidity.core.call import Call, Kind, Writes
from acidity.prove.faults import FAULTS


@pytest.mark.parametrize(
    ("engine", "sql", "spared"),
    [
        ("mariadb", "INSERT IGNORE INTO kv VALUES (1)", True),
        ("mariadb", " insert low_priority ignore into kv values (1)", True),
        ("mariadb", "UPDATE IGNORE kv SET k = 2", True),
        ("mariadb", "INSERT INTO `ignore` VALUES (1)", False),
        ("mariadb", "INSERT INTO kv VALUES (1)", False),
        ("sqlite", "INSERT OR IGNORE INTO kv VALUES (1)", False),  # a foreign key is not ignored
        ("postgresql", "INSERT INTO kv VALUES (1) ON CONFLICT DO NOTHING", False),  # a CHECK is not
    ],
)
def test_a_constraint_that_is_ignored_raises_nothing(engine: str, sql: str, spared: bool) -> None:  # noqa: FBT001
    context: Any = SimpleNamespace(sandbox=SimpleNamespace(engine_name=engine))
    misfit = FAULTS["constraint"].misfit(Call("A", 1, Kind.STATEMENT, sql, writes=Writes.YES), context)
    assert (misfit is not None and "IGNORE" in misfit.reason) is spared

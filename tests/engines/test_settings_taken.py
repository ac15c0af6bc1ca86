"""A setting that a server does not take as it was asked for is a wrong use, not silence."""

from __future__ import annotations

import pytest

from acidity.engines import new_sandbox
from acidity.errors import UsageError

REFUSED = [
    ("mariadb", "innodb_lock_wait_timeout", "99999999999"),  # it would take the largest there is
    ("mariadb", "sql_mode", "bogus"),
    ("postgresql", "synchronous_commit", "bogus"),
    ("postgresql", "lock_timeout", "-5"),
]


@pytest.mark.parametrize(("db", "name", "value"), REFUSED)
def test_a_server_takes_another_value(db: str, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        new_sandbox(db, {name: value}).close()


@pytest.mark.parametrize(
    ("db", "name", "value"), [("mariadb", "innodb_lock_wait_timeout", "7"), ("postgresql", "lock_timeout", "7ms")]
)
def test_the_twin_it_takes_what_was_asked_for(db: str, name: str, value: str) -> None:
    new_sandbox(db, {name: value}).close()

"""Who rolls all of it back, and says that it went well, has changed nothing: also where a COMMIT comes after that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES

TAKE, GIVE = (f"UPDATE accounts SET n = n {what} WHERE id = {key}" for key, what in ((1, "- 10"), (2, "+ 10")))
FEW = ["error-before"]


class Refused(Exception):
    """It was not to be done."""


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE accounts (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO accounts VALUES (1, 100), (2, 100)")


def does(dbapi_connection: Any, steps: Sequence[str], *, refuses: bool = False) -> None:
    """Each step is a method of the connection or a text."""
    for step in steps:
        if hasattr(dbapi_connection, step):
            getattr(dbapi_connection, step)()
        else:
            cursor = dbapi_connection.cursor()
            cursor.execute(step)
            cursor.close()
    if refuses:
        raise Refused


def words(operation: Operation, db: str) -> set[str]:
    report = prove.drill(Scenario(operation, schema=schema, setup=fill), db=db, faults=FEW)
    assert not report.unknowns, report
    return {found.word for found in report.findings if found.severity == "error"}


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([TAKE, GIVE, "rollback"], {"false success"}),
        ([TAKE, GIVE, "rollback", "commit"], {"false success"}),
        ([TAKE, GIVE, "ROLLBACK", "commit"], {"false success"}),
        ([TAKE, "rollback", TAKE, GIVE, "commit"], set()),
        ([TAKE, GIVE, "commit"], set()),
    ],
    ids=["only", "before a COMMIT", "by a text", "and done again", "not at all"],
)
def test_what_is_rolled_back_was_not_done(steps: list[str], said: set[str], db: str) -> None:
    assert words(Operation(does, steps), db) == said


def test_who_says_so_has_refused() -> None:
    assert words(Operation(does, [TAKE, "rollback"], refuses=True, raises=Refused), "sqlite") == set()


def in_a_block(dsn: str, *, force_rollback: bool) -> None:
    with psycopg.connect(dsn) as connection, connection.transaction(force_rollback=force_rollback):
        connection.execute(TAKE)
        connection.execute(GIVE)


@pytest.mark.dear
@pytest.mark.parametrize("force_rollback", [False, True])
def test_a_block_may_roll_itself_back(*, force_rollback: bool) -> None:
    operation = Operation(in_a_block, force_rollback=force_rollback)
    assert words(operation, "postgresql") == ({"false success"} if force_rollback else set())

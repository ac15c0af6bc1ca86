"""A server that a URL names, whose role may create databases and is no superuser: refused before anything is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from acidity import prove
from acidity.engines import new_sandbox
from acidity.engines.base import Sandbox
from tests.engines.bank import bank

MAKES = "CREATE ROLE acidity_test_low LOGIN PASSWORD 'x' CREATEDB CREATEROLE"
OWNS = "ALTER ROLE acidity_test_low SET createrole_self_grant = 'set, inherit'"  # what it makes it may use


@pytest.fixture
def server() -> Iterator[Sandbox]:
    sandbox = new_sandbox("postgresql", {})
    try:
        yield sandbox
    finally:
        sandbox.close()


def deposit(session: object) -> None:
    session.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id = 1"))  # type: ignore[attr-defined]
    session.commit()  # type: ignore[attr-defined]


def test_a_role_that_is_no_superuser_is_refused_and_leaves_nothing(server: Sandbox) -> None:
    ask, place = server.ask, server.server  # type: ignore[attr-defined]
    ask(MAKES)
    try:
        ask(OWNS)
        card = prove.check(bank(deposit), db=f"postgresql://acidity_test_low:x@{place.host}:{place.port}/postgres")
        reports = [row for row in card.letters.values() if not isinstance(row, str)]
        assert {report.verdict for report in reports} == {"unknown"}
        for report in reports:
            assert "the role acidity_test_low is no superuser; acidity needs one" in report.unknowns[0]
        assert ask("SELECT count(*) FROM pg_auth_members WHERE member = 'acidity_test_low'::regrole") == [(0,)]
    finally:
        ask("DROP ROLE acidity_test_low")

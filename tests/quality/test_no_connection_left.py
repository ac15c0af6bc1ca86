"""A server that others have filled has no connection for the callers, which says nothing of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.engines.mariadb import server as mariadb
from acidity.engines.own_calls import own_calls
from acidity.engines.postgresql import server as postgresql
from acidity.engines.server import Server
from acidity.prove import Operation, Scenario

SLOTS = {
    "postgresql": {"max_connections": "24", "superuser_reserved_connections": "14"},
    "mariadb": {"max_connections": "20"},
}
USER = {
    "postgresql": "CREATE ROLE somebody LOGIN PASSWORD 'some'",
    "mariadb": "CREATE USER somebody IDENTIFIED BY 'some'",
}
REFUSED = (psycopg.OperationalError, pymysql.err.OperationalError)


class Others:
    """Other clients of a server of the test's own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._held: list[Any] = []
        with closing(self._connect(server.superuser, server.password)) as connection:
            connection.cursor().execute(USER[server.engine])
            connection.commit()

    def _connect(self, user: str, password: str) -> Any:
        port, database = self._server.port, self._server.database
        if self._server.engine == "mariadb":
            return pymysql.connect(host=self._server.host, port=port, user=user, password=password)
        return psycopg.connect(host=self._server.host, port=port, user=user, password=password, dbname=database)

    def fill(self) -> None:
        """Take every connection that the server has left."""
        with suppress(*REFUSED), own_calls():  # another process would do it
            while True:
                self._held.append(self._connect("somebody", "some"))

    def let_one_go(self) -> None:
        """One more than what acidity has needed until then."""
        self._held.pop().close()

    def leave(self) -> None:
        for connection in self._held:
            connection.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def others(request: pytest.FixtureRequest) -> Iterator[tuple[Others, str]]:
    start = {"postgresql": postgresql.start, "mariadb": mariadb.start}[request.param]
    with ExitStack() as stack:
        server = stack.enter_context(start(SLOTS[request.param], dedicated=True))
        found = Others(server)
        stack.callback(found.leave)
        yield found, server.url()


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE acct (id INTEGER PRIMARY KEY, bal INTEGER)")


LOOK = "SELECT bal FROM acct WHERE id = 1"
PAY = "UPDATE acct SET bal = bal - 1 WHERE id = 1"


def pays(session: Session) -> None:
    session.execute(text(LOOK))
    session.execute(text(PAY))
    session.commit()


def pays_over_the_driver(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute(LOOK)
    cursor.execute(PAY)
    dbapi_connection.commit()


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("pay", [pays, pays_over_the_driver])
@pytest.mark.parametrize("check", [prove.explore, prove.drill])
def test_it_is_unknown_and_says_why(
    others: tuple[Others, str], pay: Callable[..., None], check: Callable[..., Report]
) -> None:
    filling, url = others

    def seed(session: Session) -> None:
        session.execute(text("INSERT INTO acct VALUES (1, 100)"))
        filling.fill()
        if check is prove.explore:
            filling.let_one_go()

    callers = [Operation(pay)] * (3 if check is prove.explore else 1)
    report = check(Scenario(*callers, schema=schema, setup=seed), db=url, remedies=False)
    assert report.verdict == "unknown", str(report)
    assert not report.findings
    assert all("no connection left" in why for why in report.unknowns), report.unknowns

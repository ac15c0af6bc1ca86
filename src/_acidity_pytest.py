"""The pytest plugin of acidity: the fixture ``acidity_database``.

Every pytest run of an environment with acidity imports this file, so it imports nothing else before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

_SCHEMA = """define the fixture acidity_schema in your conftest.py:

    @pytest.fixture(scope="session")
    def acidity_schema():
        return {"metadata": Base.metadata, "setup": seed, "bind": "app:engine"}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--acidity-db``, and ``acidity_db`` in the configuration file."""
    group = parser.getgroup("acidity")
    group.addoption(
        "--acidity-db",
        action="append",
        metavar="DB",
        help="the database of the fixture acidity_database: sqlite, postgresql, mariadb, or the URL of a server; "
        "repeated, tests with that fixture run once on each",
    )
    parser.addini("acidity_db", "the same as --acidity-db", type="args", default=["sqlite"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use the fixture on each database that was asked for."""
    dbs = _dbs(metafunc.config)
    if "acidity_db" in metafunc.fixturenames and len(dbs) > 1:
        metafunc.parametrize("acidity_db", dbs, scope="session")


@pytest.fixture(scope="session")
def acidity_db(request: pytest.FixtureRequest) -> str:
    """The name of the database engine, or the URL of a server."""
    return _dbs(request.config)[0]


@pytest.fixture(scope="session")
def acidity_schema() -> Mapping[str, Any]:
    """What `acidity.testing.throw_away` takes: metadata or schema, setup, bind. To be overridden."""
    from acidity.errors import UsageError

    raise UsageError(_SCHEMA)


@pytest.fixture(scope="session")
def acidity_databases() -> Iterator[Callable[[str, Mapping[str, Any]], Any]]:
    """Makes a database when it is first asked for; packages that override the schema have one each."""
    from acidity.errors import UsageError
    from acidity.testing import throw_away

    made: list[tuple[str, Mapping[str, Any], Any]] = []
    with ExitStack() as stack:

        def database_of(db: str, described: Mapping[str, Any]) -> Any:
            for known in made:
                if known[:2] == (db, described):
                    return known[2]
            unknown = set(described) - {"metadata", "schema", "setup", "bind"}
            if unknown:
                raise UsageError(f"the fixture acidity_schema gives {', '.join(sorted(unknown))}; {_SCHEMA}")
            made.append((db, described, stack.enter_context(throw_away(db, **described))))
            return made[-1][2]

        yield database_of


@pytest.fixture
def acidity_database(
    acidity_databases: Callable[[str, Mapping[str, Any]], Any], acidity_db: str, acidity_schema: Mapping[str, Any]
) -> Iterator[Any]:
    """A throw-away database with the rows before; real commits, restored after the test."""
    with acidity_databases(acidity_db, acidity_schema).fresh() as database:
        yield database


def _dbs(config: pytest.Config) -> list[str]:
    return list(config.getoption("acidity_db") or config.getini("acidity_db"))

"""A reset that brings back what no row shows, connections that outlast it, and whom a Sandbox serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from acidity import prove
from acidity.engines import new_sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.prove import Operation
from tests.engines.bank import ALICE, Account, Base, Payment, bank, seed
from tests.tiers import SERVERS

POOL = create_engine("postgresql+psycopg://u@h/x", pool_size=1, max_overflow=0)
POOL_MARIADB = create_engine("mariadb+pymysql://u@h/x", pool_size=1, max_overflow=0)


@contextmanager
def exact(db: str) -> Iterator[HostedSandbox]:
    sandbox: Any = new_sandbox(db, {})
    try:
        sandbox.create(Base.metadata.create_all, seed)
        sandbox.exact = True
        yield sandbox
    finally:
        sandbox.close()


def changed(sandbox: HostedSandbox) -> int:
    """Write to all rows, insert one, and give the key that it got."""
    engine = create_engine(sandbox.url())
    with engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET balance = balance + 1"))
        connection.execute(text("DELETE FROM payments WHERE id = 1"))
        made = connection.execute(Payment.__table__.insert().values(account_id=ALICE, amount=1, note=""))
        key = made.inserted_primary_key[0]
    engine.dispose()
    sandbox.look()
    return int(key)


@pytest.mark.parametrize("db", SERVERS)
def test_generated_keys_are_the_same_after_it(db: str) -> None:
    with exact(db) as sandbox:
        before = sandbox.look().state
        keys = set()
        for _ in range(3):
            keys.add(changed(sandbox))
            sandbox.reset()
            assert sandbox.look().state == before
        assert len(keys) == 1


@pytest.mark.parametrize("db", SERVERS)
def test_new_keys_begin_elsewhere_while_that_is_asked_for(db: str) -> None:
    with exact(db) as sandbox:
        before, first = sandbox.look().state, changed(sandbox)
        assert sandbox.keys_ahead(None)
        sandbox.reset()
        assert sandbox.look().state == before
        assert changed(sandbox) > first + 100
        sandbox.keys_ahead({})
        sandbox.reset()
        assert changed(sandbox) == first


def test_rows_lie_where_they_lay() -> None:
    with exact("postgresql") as sandbox:
        changed(sandbox)
        sandbox.reset()
        places = sandbox.ask("SELECT id, ctid::text FROM accounts")
        for _ in range(3):
            changed(sandbox)
            sandbox.reset()
            assert sandbox.ask("SELECT id, ctid::text FROM accounts") == places


BEFOREHAND = """
CREATE TABLE t (id INT PRIMARY KEY, v INT);
CREATE FUNCTION zero() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v = 0; RETURN NEW; END';
INSERT INTO t VALUES (1, 1);
CREATE TRIGGER zero BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION zero()
"""


@pytest.mark.parametrize("between", [HostedSandbox.rebuild, HostedSandbox.reconnect, HostedSandbox.begin_anew])
def test_no_trigger_changes_what_is_put_back(between: Callable[[HostedSandbox], None]) -> None:
    """Nor where acidity has a new session of its own."""
    with closing(new_sandbox("postgresql", {})) as sandbox:
        before = sandbox.create(lambda engine: sandbox.run_script(BEFOREHAND), None)
        for _ in range(2):
            sandbox.run_script("UPDATE t SET v = 2")
            assert sandbox.look().state != before
            sandbox.reset()
            assert sandbox.look().state == before
            getattr(sandbox, between.__name__)()


@pytest.mark.parametrize("db", SERVERS)
def test_a_run_that_nobody_looked_at_is_put_back_whole(db: str) -> None:
    with exact(db) as sandbox:
        before = sandbox.look().state
        changed(sandbox)
        sandbox.reset()
        engine = create_engine(sandbox.url())
        with engine.begin() as connection:
            connection.execute(text("UPDATE accounts SET balance = 0"))
        engine.dispose()
        sandbox.reset()
        assert sandbox.look().state == before


@pytest.mark.parametrize("db", SERVERS)
def test_a_sandbox_serves_engines_of_its_kind(db: str) -> None:
    with exact(db) as sandbox:
        assert sandbox.serves(db)
        assert not sandbox.serves("sqlite")


def size_of_postgresql() -> int:
    with POOL.connect() as connection:
        connection.execute(Account.__table__.select())
    return POOL.pool.size()


def size_of_mariadb() -> int:
    with POOL_MARIADB.connect() as connection:
        connection.execute(Account.__table__.select())
    return POOL_MARIADB.pool.size()


@pytest.mark.parametrize(("db", "size", "pool"), [("postgresql", size_of_postgresql, "POOL"), ("mariadb", size_of_mariadb, "POOL_MARIADB")], ids=SERVERS)  # fmt: skip
def test_a_bound_engine_keeps_its_pool(db: str, size: Any, pool: str) -> None:
    operation = Operation(size, succeeded=lambda answer: answer == 1)
    report = prove.drill(bank(operation, bind=f"{__name__}:{pool}"), db=db, faults=("error-before",), remedies=False)
    assert report.verdict == "pass"

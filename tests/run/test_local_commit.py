"""COMMIT that was confirmed while no synchronous standby has it: PostgreSQL warns, and so does `atomic`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.engines import new_sandbox
from acidity.run import CommittedLocally
from tests.run import bank
from tests.run.bank import balances
from tests.run.conftest import in_one

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"


@pytest.fixture(scope="module")
def waiting() -> Iterator[Any]:
    """A server whose COMMIT waits for a standby that does not exist."""
    sandbox = new_sandbox("postgresql", {"acidity.server": "dedicated"})
    try:
        sandbox.create(in_one, bank.seed)
        ask(sandbox, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        yield sandbox
        ask(sandbox, "ALTER SYSTEM RESET synchronous_standby_names")
    finally:
        sandbox.close()


def ask(sandbox: Any, setting: str) -> None:
    sandbox.ask(setting)
    sandbox.ask("SELECT pg_reload_conf()")
    shown, wanted = None, "nobody" if "= 'nobody'" in setting else ""
    while shown != wanted:
        ((shown,),) = sandbox.ask("SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'")


def cancel_the_wait(url: Any) -> None:
    """As an operator does when the standby is gone."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        pid = None
        while pid is None:
            pid = connection.scalar(text(WAITING))
        connection.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": pid})
    engine.dispose()


def move_noisily(session: Session) -> None:
    """With more notices than the 50 that psycopg2 keeps."""
    session.execute(text("DO $$ BEGIN FOR n IN 1..60 LOOP RAISE NOTICE 'more'; END LOOP; END $$"))
    bank.move(session, 1)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_it_is_surfaced(waiting: Any, driver: str) -> None:
    engine = create_engine(make_url(waiting.url()).set(drivername=f"postgresql+{driver}"))
    before = balances(engine)
    operator = threading.Thread(target=cancel_the_wait, args=[waiting.url()])
    operator.start()
    with pytest.warns(CommittedLocally, match="perhaps on no standby"):
        atomic(engine)(move_noisily)()
    operator.join()
    assert balances(engine) == (before[0] - 1, before[1] + 1)
    engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_it_is_surfaced_in_a_task(waiting: Any, driver: str) -> None:
    async def go() -> None:
        engine = create_async_engine(make_url(waiting.url()).set(drivername=f"postgresql+{driver}"))
        operator = threading.Thread(target=cancel_the_wait, args=[waiting.url()])
        operator.start()
        async with atomic(engine) as session:
            await session.run_sync(bank.move, 1)
        operator.join()
        await asyncio.sleep(0)
        await engine.dispose()

    with pytest.warns(CommittedLocally):
        asyncio.run(go())

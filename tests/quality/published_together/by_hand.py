"""``python -m tests.quality.published_together.by_hand NAME URL``: what explore finds, without acidity.

Two threads use the package as it is, each with a connection of its own. A driver's trace callback, or an event of
SQLAlchemy's engine, makes each wait before its first statement of a kind until both have come so far: so both have read
before either writes. Nothing of the package is replaced.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sqlalchemy import create_engine, event, make_url, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool


class Both:
    """Two threads, of which none goes past its first statement of a kind before the other has come to it."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._barrier = threading.Barrier(2, timeout=20)
        self._past = threading.local()

    def before(self, sql: str) -> None:
        """Told of each statement before it is sent."""
        if sql.lstrip().upper().startswith(self._verb) and not hasattr(self._past, "it"):
            self._past.it = True
            self._barrier.wait()

    def run(self, use: Callable[[int], Any]) -> list[Any]:
        """What each of two calls gave or raised."""
        came: list[Any] = [None, None]

        def call(number: int) -> None:
            try:
                came[number] = use(number)
            except Exception as error:
                came[number] = error

        threads = [threading.Thread(target=call, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return came

    def engine(self, url: str) -> Any:
        """An engine that tells of its statements."""
        engine = create_engine(url, poolclass=NullPool)
        event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, *_: self.before(sql))
        return engine


def use_of(name: str) -> Any:
    return import_module(f"tests.quality.published_together.uses.{name}")


def made(url: str, schema: Any, setup: Any = None) -> Any:
    """The tables and rows before, as in the Scenario; an engine on them that tells nobody."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        schema.create_all(connection) if hasattr(schema, "create_all") else schema(connection)
    if setup is not None:
        with Session(engine) as session:
            setup(session)
            session.commit()
    return engine


def limits(url: str) -> bool:
    """Two requests, of which one an hour is let through."""
    use, both = use_of("limits"), Both("INSERT")
    made(url, use.create)

    def ask(_number: int) -> Any:
        bucket = use.SQLiteBucket.init_from_file([use.Rate(1, use.Duration.HOUR)], db_path=make_url(url).database)
        bucket.conn.set_trace_callback(both.before)
        return bucket.put(use.RateItem("somebody", use.NOW_MS))

    return both.run(ask) == [True, True]


def persist(url: str) -> bool:
    """Two workers take the same job."""
    use, both = use_of("sqlite_queues"), Both("DELETE")
    made(url, use.create_persistent, use.put_persistent)

    def take(_number: int) -> Any:
        queue = use.persistent(make_url(url).database)
        queue._conn.set_trace_callback(both.before)
        return queue.get(block=False)

    return both.run(take) == ["first", "first"]


def sqlite_utils(url: str) -> bool:
    """One of two who ask for the number of a word gets an error instead."""
    use, both = use_of("rows"), Both("INSERT")
    made(url, use.create_words)

    def ask(_number: int) -> Any:
        connection = sqlite3.connect(make_url(url).database or "")
        connection.set_trace_callback(both.before)
        return use.number_of(connection)

    return sorted(map(type, both.run(ask)), key=str) == [int, sqlite3.IntegrityError]


def mptt(url: str) -> bool:
    """Two children of one node have the same place in the tree."""
    use, both = use_of("rows"), Both("UPDATE")
    plain = made(url, use.Base.metadata, use.root)
    engine = both.engine(url)

    def add(number: int) -> None:
        with Session(engine) as session:
            use.add_child(session, ("one", "other")[number])

    both.run(add)
    with Session(plain) as session:
        return len(set(session.scalars(select(use.Node.left).where(use.Node.parent_id == 1)))) == 1


def flask_dance(url: str) -> bool:
    """Two tokens, where a new one is to replace the old."""
    use, both = use_of("rows"), Both("INSERT")
    plain = made(url, use.Base.metadata)
    engine = both.engine(url)

    def log_in(number: int) -> None:
        with Session(engine) as session:
            use.log_in(session, ("one", "other")[number])

    both.run(log_in)
    with Session(plain) as session:
        return len(session.scalars(select(use.Token)).all()) == 2


def advanced_alchemy(url: str) -> bool:
    """Two accounts of one address; with the repository for plain sessions, which has the same text."""
    use, both = use_of("rows"), Both("INSERT")
    plain = made(url, use.Base.metadata)
    engine = both.engine(url)

    def account_of(_number: int) -> None:
        with Session(engine) as session:
            use.PlainAccounts(session=session).get_or_upsert(address="a@b.c")
            session.commit()

    both.run(account_of)
    with Session(plain) as session:
        return len(session.scalars(select(use.Account)).all()) == 2


def ordering(url: str) -> bool:
    """Two songs with one place."""
    use, both = use_of("lists"), Both("INSERT")
    plain = made(url, use.Base.metadata, use.playlist)
    engine = both.engine(url)

    def append(number: int) -> None:
        with Session(engine) as session:
            use.append(session, ("one", "other")[number])

    both.run(append)
    with Session(plain) as session:
        return sorted(session.scalars(select(use.Song.place))) == [0, 1, 1]


def json(url: str) -> bool:
    """One of two keys that were set is gone."""
    use, both = use_of("lists"), Both("UPDATE")
    plain = made(url, use.Base.metadata, use.playlist)
    engine = both.engine(url)

    def set_one(number: int) -> None:
        with Session(engine) as session:
            use.set_one(session, ("loud", "shuffled")[number])

    both.run(set_one)
    with Session(plain) as session:
        return session.scalars(select(use.Playlist.settings)).one() != {"loud": True, "shuffled": True}


def apscheduler(url: str) -> bool:
    """Two schedulers have both begun a job that was due once; the slower one then fails."""
    use, both = use_of("workers"), Both("DELETE")
    made(url, use.create_jobs, use.one_job_due)
    engine = both.engine(url)
    begun: list[list[str]] = []

    def wake(_number: int) -> None:
        scheduler, ran = use.scheduler_on(engine)
        begun.append(ran)
        use.wake_up(scheduler)

    both.run(wake)
    return begun == [["report"], ["report"]]


def social(url: str) -> bool:
    """One of two who use a nonce gets an error of the database instead of an answer."""
    use, both = use_of("nonces"), Both("INSERT")
    made(url, use.Base.metadata)
    engine = both.engine(url)
    came = both.run(lambda _number: use.use(engine))
    return sorted(type(each).__name__ for each in came) == ["IntegrityError", "bool"]


def credit_ledger(url: str) -> bool:
    """Who asks again under the key of a charge is told that there are too few credits, though it was made."""
    use, both = use_of("money"), Both("UPDATE")
    plain = made(url, use.create, use.ten_credits)
    engine = both.engine(url)
    came = both.run(lambda _number: use.spend(engine, "order 1"))
    with plain.connect() as connection:
        charges = connection.execute(text("SELECT count(*) FROM credit_ledger")).scalar()
    return sorted(came) == [(False, "3.0000"), (True, "3.0000")] and charges == 1


if __name__ == "__main__":
    reproduced = globals()[sys.argv[1]](sys.argv[2])
    print(globals()[sys.argv[1]].__doc__.strip() if reproduced else "not reproduced")  # noqa: T201
    sys.exit(not reproduced)

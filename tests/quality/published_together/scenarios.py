"""Scenarios of the uses: what two callers do at once with an unmodified package, by the name of the use.

Each is made when it is asked for, so that only its package has to be there.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from acidity.prove import Operation, Scenario


def _use(name: str) -> Any:
    return import_module(f"tests.quality.published_together.uses.{name}")


def _any_of(kind: type) -> Callable[[Any], bool]:
    """Every answer of this kind says that the call went well; which one is right is what the orders say."""
    return lambda answer: isinstance(answer, kind)


def limits() -> Scenario:
    use = _use("limits")
    return Scenario(Operation(use.ask, succeeded=_any_of(bool)), schema=use.create)


def persist() -> Scenario:
    use = _use("sqlite_queues")
    return Scenario(Operation(use.take_persistent), schema=use.create_persistent, setup=use.put_persistent)


def huey() -> Scenario:
    use = _use("sqlite_queues")
    return Scenario(Operation(use.take_huey), schema=use.create_by(use.make_huey), setup=use.put_huey)


def gigq() -> Scenario:
    use = _use("sqlite_queues")
    return Scenario(Operation(use.take_gigq), schema=use.create_by(use.make_gigq), setup=use.put_gigq)


def sqlite_utils() -> Scenario:
    use = _use("rows")
    return Scenario(Operation(use.number_of), schema=use.create_words)


def mptt() -> Scenario:
    use = _use("rows")
    children = [Operation(use.add_child, name) for name in ("one", "other")]
    return Scenario(*children, metadata=use.Base.metadata, setup=use.root)


def flask_dance() -> Scenario:
    use = _use("rows")
    return Scenario(*(Operation(use.log_in, token) for token in ("one", "other")), metadata=use.Base.metadata)


def advanced_alchemy() -> Scenario:
    use = _use("rows")
    return Scenario(Operation(use.account_of), metadata=use.Base.metadata)


def ordering() -> Scenario:
    use = _use("lists")
    songs = [Operation(use.append, title) for title in ("one", "other")]
    return Scenario(*songs, metadata=use.Base.metadata, setup=use.playlist)


def json() -> Scenario:
    use = _use("lists")
    keys = [Operation(use.set_one, name) for name in ("loud", "shuffled")]
    return Scenario(*keys, metadata=use.Base.metadata, setup=use.playlist)


def apscheduler() -> Scenario:
    use = _use("workers")
    return Scenario(Operation(use.wake, succeeded=_any_of(list)), schema=use.create_jobs, setup=use.one_job_due)


def beanqueue() -> Scenario:
    use = _use("workers")
    return Scenario(
        *(Operation(use.claim, worker) for worker in (0, 1)), metadata=use.Base.metadata, setup=use.two_tasks
    )


def social() -> Scenario:
    use = _use("nonces")
    return Scenario(Operation(use.use), metadata=use.Base.metadata)


def credit_ledger() -> Scenario:
    use = _use("money")
    return Scenario(Operation(use.spend, "order 1", succeeded=_any_of(tuple)), schema=use.create, setup=use.ten_credits)


def credit_ledger_guarded() -> Scenario:
    use = _use("money")
    return Scenario(Operation(use.spend, succeeded=_any_of(tuple)), schema=use.create, setup=use.ten_credits)


def peewee() -> Scenario:
    use = _use("words")
    return Scenario(Operation(use.number_of), schema=use.create_words)

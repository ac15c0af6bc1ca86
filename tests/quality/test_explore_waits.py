"""Who waits in a cycle is about to be ended, so nobody else may go on meanwhile; who waits in a chain is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acidity.engines import new_sandbox
from acidity.prove.explore.control import Control
from acidity.prove.explore.gate import Baton, Gate, Place
from tests.quality.callers import Base, seed


@pytest.fixture
def postgresql() -> Iterator[Any]:
    sandbox: Any = new_sandbox("postgresql", {})
    with ExitStack() as stack:
        stack.callback(sandbox.close)
        sandbox.create(Base.metadata.create_all, seed)
        yield sandbox


class Locker:
    """A session that holds a row and then asks for another one, and that looks for no cycle itself."""

    def __init__(self, sandbox: Any, holds: int) -> None:
        self.connection = sandbox.connect_admin(sandbox.database)
        self.connection.execute("SET deadlock_timeout = '1h'")
        self.connection.execute("BEGIN")
        self.lock(holds)

    def lock(self, row: int) -> None:
        self.connection.execute(f"SELECT 1 FROM accounts WHERE id = {row} FOR UPDATE")

    def ask_for(self, row: int) -> threading.Thread:
        def wait() -> None:
            with suppress(Exception):  # it is cancelled
                self.lock(row)

        thread = threading.Thread(target=wait)
        thread.start()
        return thread


def gate_of(name: str, locker: Locker, sandbox: Any) -> Gate:
    gate = Gate(name, Baton(), lambda: None, place=Place.FLIGHT)
    wire = SimpleNamespace(sandbox=sandbox, session=locker.connection.info.backend_pid)
    gate.pending = cast("Any", SimpleNamespace(wire=wire))
    return gate


@pytest.mark.parametrize("closes", [False, True], ids=["chain", "cycle"])
def test_a_cycle_of_waits_is_no_reason_to_go_on(postgresql: Any, *, closes: bool) -> None:
    one, other = Locker(postgresql, 1), Locker(postgresql, 2)
    gates = [gate_of("A", one, postgresql), gate_of("B", other, postgresql)]
    control = Control(gates, lambda _number, able: able[0], lambda _gate: None, lambda _name: ())
    with closing(one.connection), closing(other.connection):
        threads = [one.ask_for(2)]
        threads += [other.ask_for(1)] if closes else []
        running = gates if closes else gates[:1]
        numbers = [gate.pending.wire.session for gate in running]  # type: ignore[union-attr]
        while len(postgresql.waits(numbers)) < len(running):
            pass
        waits = control._all_wait(running)
        one.connection.cancel()
        threads[0].join()
        one.connection.rollback()
        for thread in threads:
            thread.join()
    assert waits is not closes

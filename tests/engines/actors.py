"""Several actors at one seam, for tests: each is held at each of its Calls until a script says that it is its turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from acidity.adapters import ADAPTERS
from acidity.adapters.base import Adapters
from acidity.adapters.seam import Actor, Layer, PendingCall, acting
from acidity.core.call import Event
from acidity.engines import new_sandbox
from acidity.engines.base import Sandbox
from acidity.errors import ForeignDatabase
from tests.engines.bank import Account, Base, seed

PATIENCE_S = 30
Program = Callable[[Any], Any]


class Script:
    """Whose turn it is: one name for each Call; with none left, everybody passes.

    A script is shared by the actors of one run. `free` is called whenever the turn may have changed.
    """

    def __init__(self, names: str) -> None:
        self.left = list(names)
        self.ended: set[str] = set()
        self.held: set[str] = set()
        self.changed = threading.Condition()
        self.waiters: list[asyncio.Future[None]] = []

    def allows(self, name: str) -> bool:
        """Whether this actor may go on; turns of actors that have ended are passed over."""
        while self.left and self.left[0] in self.ended:
            self.left.pop(0)
        return not self.left or self.left[0] == name

    def until_held(self, name: str) -> None:
        """Wait in a thread until this actor is held."""
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.held, PATIENCE_S), "never held"

    async def until_held_async(self, name: str) -> None:
        """Wait in a task until this actor is held."""
        while name not in self.held:
            await self.change()

    async def change(self) -> None:
        """Wait in a task until the turn may have changed, or somebody is held."""
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        await asyncio.wait_for(waiter, PATIENCE_S)

    def arrived(self, name: str) -> None:
        """This actor is held."""
        with self.changed:
            self.held.add(name)
            self._wake()

    def done(self, name: str) -> None:
        """A Call of this actor is over."""
        with self.changed:
            if self.left and self.left[0] == name:
                self.left.pop(0)
            self._wake()

    def over(self, name: str) -> None:
        """This actor makes no more Calls."""
        with self.changed:
            self.ended.add(name)
            self._wake()

    def _wake(self) -> None:
        self.changed.notify_all()
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


@dataclass
class Gate(Layer):
    """Holds one actor at its Calls: a thread waits for a condition, a task for a future."""

    name: str = ""
    script: Script = field(default_factory=lambda: Script(""))

    def intercept(self, pending: PendingCall) -> None:
        """Wait for the turn, then hand the Call on."""
        self.wait()
        try:
            self.inner.intercept(pending)
        finally:
            self.script.done(self.name)

    def wait(self) -> None:
        """Until it is its turn."""
        self.script.arrived(self.name)
        if _in_a_task():
            from sqlalchemy.util import await_only

            while not self.script.allows(self.name):
                await_only(self.script.change())
            return
        with self.script.changed:
            assert self.script.changed.wait_for(lambda: self.script.allows(self.name), PATIENCE_S), "never its turn"


def _in_a_task() -> bool:
    with suppress(RuntimeError):
        return asyncio.current_task() is not None
    return False


@dataclass
class Told:
    """What became of one run.

    Attributes:
        actors: each by its name.
        answers: what each program gave, or the exception that it raised.
        bypasses: what reached the database past the seam, of all.
        refused: the foreign databases that somebody pointed at.
    """

    actors: dict[str, Actor]
    answers: dict[str, Any] = field(default_factory=dict)
    bypasses: list[str] = field(default_factory=list)
    refused: list[ForeignDatabase] = field(default_factory=list)

    def in_order(self) -> list[Event]:
        """The Events of all actors as they ended."""
        return sorted(
            (event for actor in self.actors.values() for event in actor.events), key=lambda event: event.order
        )

    def failures(self) -> dict[str, BaseException]:
        return {name: answer for name, answer in self.answers.items() if isinstance(answer, BaseException)}


class Ground:
    """One Sandbox, and every adapter while a run lasts; a Gatekeeper as the Stage is one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.parts = {"": sandbox}
        self.refused: list[ForeignDatabase] = []
        self.adapters = Adapters([ADAPTERS[name](self) for name in ADAPTERS])

    def refuse(self, error: ForeignDatabase) -> None:
        self.refused.append(error)

    def _refuse_driver(self, where: str) -> None:
        error = ForeignDatabase(f"a driver connection points at {where!r}")
        self.refuse(error)
        raise error

    def put_back(self) -> None:
        """Bring the rows before back."""
        self.sandbox.look()  # a server puts back what the last look saw changed
        self.sandbox.reset()

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        self.adapters.install()
        try:
            yield
        finally:
            self.adapters.release()
            self.adapters.remove()

    @contextmanager
    def _watched(self, told: Told) -> Iterator[None]:
        with self.sandbox.watch(self._refuse_driver) as seen, self.adapters.arming():
            yield
        told.bypasses += [*seen, *self.adapters.bypasses()]
        told.bypasses += [words for actor in told.actors.values() for words in actor.bypasses]
        told.refused += self.refused
        self.refused = []

    def in_threads(
        self, programs: Mapping[str, Callable[[], Any]], actors: Mapping[str, Actor], script: Script
    ) -> Told:
        """Run each program in a thread of its own."""
        told = Told(dict(actors))

        def live(name: str) -> None:
            try:
                with acting(told.actors[name]):
                    told.answers[name] = programs[name]()
            except BaseException as error:
                told.answers[name] = error
            finally:
                script.over(name)

        with self._hooked(), self._watched(told):
            threads = [threading.Thread(target=live, args=(name,), daemon=True) for name in programs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(2 * PATIENCE_S)
            assert not any(thread.is_alive() for thread in threads), told
        self.adapters.forget()
        return told

    def in_tasks(self, programs: Mapping[str, Callable[[], Any]], actors: Mapping[str, Actor], script: Script) -> Told:
        """Run each program in a task of one loop."""
        told = Told(dict(actors))

        async def live(name: str) -> None:
            try:
                with acting(told.actors[name]):
                    told.answers[name] = await programs[name]()
            except BaseException as error:
                told.answers[name] = error
            finally:
                script.over(name)

        async def all_of_them() -> None:
            from sqlalchemy.util import greenlet_spawn

            with self._watched(told):
                await asyncio.gather(*(live(name) for name in programs))
            await greenlet_spawn(self.adapters.forget)

        with self._hooked():
            asyncio.run(all_of_them())
        return told


def _seed(session: Session) -> None:
    seed(session)
    session.add(Account(id=3, owner="Carol", balance=3))


@contextmanager
def ground(db: str) -> Iterator[Ground]:
    """A bank on this engine; its Sandbox is gone afterwards."""
    sandbox = new_sandbox(db, {})
    try:
        sandbox.create(Base.metadata.create_all, _seed)
        yield Ground(sandbox)
    finally:
        sandbox.close()


class Grounds(dict[str, Ground]):
    """A Ground for each engine, made when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __missing__(self, db: str) -> Ground:
        self[db] = self._stack.enter_context(ground(db))
        return self[db]


def gated(names: str, script: Script, **layers: Layer) -> dict[str, Actor]:
    """An actor for each name, held by the script; under each Gate the Layer that is given for it."""
    return {
        name: Actor(name, Gate(name=name, script=script, **({"inner": layers[name]} if name in layers else {})))
        for name in names
    }

"""Units and relays that are moved on by hand, one step at a time, in one thread: every interleaving can be played."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from acidity import atomic
from acidity.run import emit
from acidity.run.boundary import Terms
from acidity.run.course import Body, Failed, Wait
from acidity.run.outbox import Relay
from acidity.run.outbox.delivery import Delivery
from acidity.run.target import target_of


class Writer:
    """A unit of work."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        self.engine, self.options = engine, options
        self.context = copy_context()
        self.block: Any = None

    def begin(self) -> None:
        self.block = atomic(self.engine, **self.options)
        try:
            self.context.run(self.block.__enter__)
        except DBAPIError:
            self.block = None
            raise

    def emit(self, payload: Any, key: str | None = "k") -> None:
        self.context.run(emit, "topic", payload, key=key)

    def commit(self) -> None:
        block, self.block = self.block, None
        self.context.run(block.__exit__, None, None, None)

    def abort(self, error: BaseException) -> None:
        block, self.block = self.block, None
        if block is not None:
            self.context.run(block.__exit__, type(error), error, None)


class Moved:
    """A relay's batch, step by step."""

    def __init__(self, engine: Engine, publish: Callable[[Any], Any], **options: Any) -> None:
        relay = Relay(engine, publish, **options)
        course = Delivery(target_of(engine), Terms(isolation_level="READ COMMITTED"), rules=relay.rules)
        self.context = copy_context()
        self.steps = course.steps()
        self.ended: Any = None
        self.pending = self.context.run(next, self.steps)

    def step(self) -> None:
        assert not isinstance(self.pending, Body | Wait), "one batch does not wait"
        work = self.pending
        try:
            reply = self.context.run(work)
        except BaseException as error:
            reply = Failed(error)
        try:
            self.pending = self.context.run(self.steps.send, reply)
        except StopIteration as done:
            self.ended = done.value

    def die(self) -> None:
        """As a process that is killed: the server rolls back."""
        self.context.run(self.steps.close)

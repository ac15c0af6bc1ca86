"""A run in a process of its own, so that it can be killed: fork, run, and let the parent look at what is left."""

from __future__ import annotations

import json
import os
import signal
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from acidity.adapters.seam import Actor, Layer, PendingCall
from acidity.core.call import Call, Event, Kind, Reply, Site, Writes
from acidity.core.prepared import names_of, prepares
from acidity.core.scenario import Operation
from acidity.prove.drill.striker import FaultInjector, Strike
from acidity.prove.faults.base import Lab
from acidity.prove.stage.run import NOT_REACHED, RawEnding

if TYPE_CHECKING:
    from acidity.prove.stage.stage import Stage


class Child:
    """Runs the operation in a forked process; the kernel tells whether it was killed."""

    def __init__(self, stage: Stage, operation: Operation, actor: Actor, injector: FaultInjector) -> None:
        self.stage = stage
        self.operation = operation
        self.actor = actor
        self.injector = injector

    def run(self) -> RawEnding:
        """Fork, wait, and give how it ended; the actor gets the History that the child wrote down."""
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; this one only runs the operation
            pid = os.fork()
        if pid == 0:
            self._live(reader, writer)
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as pipe:
                lines = pipe.read().decode().splitlines()
        finally:
            _, status = os.waitpid(pid, 0)
        return self._ending(lines, status)

    def _live(self, reader: int, writer: int) -> None:
        """The child's whole life; it never returns."""
        code = 1
        try:
            os.close(reader)
            self.stage.forked(lambda name, key: _tell(writer, effect=name, key=key))
            self.actor.interceptor = _Telling(self.injector, writer)
            self.stage.act(self.operation, self.actor)
            _tell(writer, missed=self.injector.missed or NOT_REACHED)
            code = 0
        except BaseException as error:
            _tell(writer, missed=f"{type(error).__name__}: {error}")
        finally:
            os._exit(code)

    def _ending(self, lines: list[str], status: int) -> RawEnding:
        for line in lines:
            told = json.loads(line)
            if "call" in told:
                self.actor.events.append(Event(_call(told["call"]), Reply("unknown")))
            elif "reply" in told:
                self.actor.events[-1] = replace(self.actor.events[-1], reply=Reply(*told["reply"]))
            elif "effect" in told:
                self.actor.took_place(told["effect"], told["key"])
            else:
                self.injector.missed = told["missed"]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and self.actor.events:
            self.injector.struck = True
            self.actor.events[-1] = replace(self.actor.events[-1], fault=self.injector.strike.fault.name)
            return RawEnding(killed=True)
        return RawEnding(exception="NotKilled", message=self.injector.missed)


def _tell(writer: int, **what: Any) -> None:
    os.write(writer, json.dumps(what).encode() + b"\n")


def _call(told: dict[str, Any]) -> Call:
    site = Site(*told["site"]) if told["site"] else None
    names = tuple(told["names"]) or None
    call = Call("A", told["index"], Kind(told["kind"]), told["sql"], names, site, connection=told["connection"])
    return replace(call, database=told["database"], writes=Writes(told["writes"]))


class _Telling(Layer):
    """Tells the parent of every Call before it is made, and of its Reply."""

    def __init__(self, injector: FaultInjector, writer: int) -> None:
        super().__init__(inner=injector)
        self.injector = injector
        self.writer = writer

    @property
    def strike(self) -> Strike:
        """What the fault injector strikes."""
        return self.injector.strike

    @property
    def lab(self) -> Lab:
        """What its fault works with."""
        return self.injector.lab

    def intercept(self, pending: PendingCall) -> None:
        """Tell, and pass on."""
        call = pending.call
        site = (call.site.file, call.site.line, call.site.function) if call.site else None
        _tell(
            self.writer,
            call={"index": call.index, "kind": call.kind, "sql": call.sql, "site": site, "connection": call.connection}
            | {"database": call.database, "writes": call.writes}
            | {"names": [name.decode(errors="replace") for name in names_of(call)] if prepares(call) else []},
        )
        try:
            self.inner.intercept(pending)
        except BaseException as error:
            _tell(self.writer, reply=("error", f"{type(error).__name__}: {error}"))
            raise
        _tell(self.writer, reply=("ok",))

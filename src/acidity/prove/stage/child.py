"""A run in a process of its own, so that it can be killed: fork, run, and let the parent look at what is left."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import Call, Event, Kind, Reply, Site, Writes
from acidity.core.outcome import Ending
from acidity.core.prepared import names_of, prepares
from acidity.prove.stage.call import Player

OnEffect = Callable[[str, str | None], None]
Lived = tuple[list[Ending], list[str]]
"""How each player of a process ended, and what bypassed the seam."""
NOT_KILLED = "NotKilled"
"""How a process has ended that came to its end, and whose operation raised nothing."""


class Child:
    """Runs one player in a forked process; the kernel tells whether it was killed.

    Args:
        player: who plays.
        live: what the child does, once; beside the player it is given a function to call with name and key of each
            effect that takes place.
        born: is told the number of the process, in the parent.
    """

    def __init__(self, player: Player, live: Callable[[Player, OnEffect], Lived], born: Callable[[int], None]) -> None:
        self.born = born
        self.player = player
        self.live = live

    def run(self) -> Ending:
        """Fork, wait, and give how it ended; the actor gets the History that the child wrote down."""
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; this one only runs the operation
            pid = os.fork()
        if pid == 0:
            self._live(reader, writer)
        self.born(pid)
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as pipe:
                lines = pipe.read().decode().splitlines()
        finally:
            _, status = os.waitpid(pid, 0)
        return replace(self._ending(lines, status), process=pid)

    def _live(self, reader: int, writer: int) -> None:
        """The child's whole life; it never returns."""
        code, actor = 1, self.player.actor
        try:
            die_with_parent()
            os.close(reader)
            actor.interceptor = _Telling(writer, inner=actor.interceptor)
            endings, _ = self.live(self.player, lambda name, key: _tell(writer, effect=name, key=key))
            _tell(writer, failed=[(ending.exception, ending.message) for ending in endings if ending.exception])
            _tell(writer, said=self.player.needs.says())
            code = 0
        except BaseException as error:
            _tell(writer, failed=[(type(error).__name__, str(error))])
        finally:
            os._exit(code)

    def _ending(self, lines: list[str], status: int) -> Ending:
        actor, failed = self.player.actor, (NOT_KILLED, "the process came to its end")
        for line in lines:
            told = json.loads(line)
            if "call" in told:
                actor.events.append(Event(_call(actor.name, told["call"]), Reply("unknown")))
            elif "reply" in told:
                actor.events[-1] = replace(actor.events[-1], reply=Reply(*told["reply"]))
            elif "effect" in told:
                actor.took_place(told["effect"], told["key"])
            elif "failed" in told:
                failed = next(map(tuple, told["failed"]), failed)
            else:
                self.player.needs.hears(told["said"])
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and actor.events:
            return Ending(killed=True)
        return Ending(exception=failed[0], message=failed[1])


_PR_SET_PDEATHSIG = 1
_process_control = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it


def die_with_parent() -> None:
    """Nobody is left to end this process, nor to read what it says, when its parent was killed."""
    if _process_control is not None:
        _process_control(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _tell(writer: int, **what: Any) -> None:
    os.write(writer, json.dumps(what).encode() + b"\n")


def _call(actor: str, told: dict[str, Any]) -> Call:
    site = Site(*told["site"]) if told["site"] else None
    names = tuple(told["names"]) or None
    call = Call(actor, told["index"], Kind(told["kind"]), told["sql"], names, site, connection=told["connection"])
    return replace(call, database=told["database"], writes=Writes(told["writes"]))


class _Telling(Layer):
    """Tells the parent of every Call before it is made, and of its Reply."""

    def __init__(self, writer: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.writer = writer

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

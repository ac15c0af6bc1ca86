"""What a run needs beside its actors: said by whoever asks for the run, never guessed from an Interceptor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _no(_error: BaseException) -> bool:
    return False


def _nothing() -> None:
    return None


def _ignored(_said: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Needs:
    """What one caller's part of a run needs.

    Attributes:
        in_child: the operation runs in a forked process, because it is to be killed there.
        through_proxy: new connections go through the proxy, where the engine has a wire.
        cancels: a cancellation that leaves the operation is this run's doing, and not the user's Ctrl-C.
        provoked: whether this error, raised inside the operation, is this run's doing. It is asked of every error that
            leaves the operation, so that what was kept of one can be let go.
        says: asked in the forked process at its end; the answer, made of plain values, is told to the parent.
        hears: told in the parent what the child said.
        records: its Replies keep rows and row counts.
    """

    in_child: bool = False
    through_proxy: bool = False
    cancels: bool = False
    provoked: Callable[[BaseException], bool] = _no
    says: Callable[[], Any] = _nothing
    hears: Callable[[Any], None] = _ignored
    records: bool = False


NOTHING = Needs()

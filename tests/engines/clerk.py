"""A thread that works for whoever comes, as that of a queue does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Self


class Clerk:
    """Does one piece of work after the other in a thread of its own; a context manager, or begun by the first piece."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process = 0

    def __enter__(self) -> Self:
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.put(None)
        if self._thread is not None:
            self._thread.join()

    def do(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have it done, and wait for the answer; threads do not survive a fork."""
        if self._process != os.getpid():
            self._pieces = SimpleQueue()
            self.__enter__()
        answer: Future[Any] = Future()
        self._pieces.put((answer, function, arguments))
        return answer.result()

    def _serve(self) -> None:
        while piece := self._pieces.get():
            answer, function, arguments = piece
            try:
                answer.set_result(function(*arguments))
            except BaseException as error:
                answer.set_exception(error)

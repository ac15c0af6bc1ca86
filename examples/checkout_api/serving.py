"""The shop as a process that listens: on FastAPI with uvicorn, or on Flask with waitress."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib import import_module

from examples.checkout_api import app as shop
from examples.command import RefusedError

FRAMEWORKS = ("fastapi", "flask")
THREADS = 40
BACKLOG = 128


def serve(framework: str, port: int, recover_every_s: float) -> None:
    """Settle what an earlier process has left, and answer requests until the process is told to end.

    Args:
        framework: one of `FRAMEWORKS`.
        port: of 127.0.0.1; 0 is one that is free.
        recover_every_s: after how many seconds an intent that is still pending is settled.

    Raises:
        RefusedError: nobody can listen there, or what it needs is not installed.
    """
    run = {"fastapi": on_fastapi, "flask": on_flask}[framework]()
    print(f"settled: {shop.recover()}", flush=True)
    with listening(port) as place:
        print(f"{framework} listens at http://127.0.0.1:{place.getsockname()[1]}", flush=True)
        stop = threading.Event()
        threading.Thread(target=recover_again, args=(stop, recover_every_s), daemon=True).start()
        try:
            run(place)
        finally:
            stop.set()


def listening(port: int) -> socket.socket:
    """A socket to which clients can connect from now on.

    Raises:
        RefusedError: the port is not free.
    """
    try:
        return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    except OSError as error:
        raise RefusedError(f"port {port} cannot be listened at: {error.strerror}") from error


def recover_again(stop: threading.Event, every_s: float) -> None:
    """Settle what was pending the last time and still is: nobody is at work on it any more."""
    before: set[str] = set()
    while not stop.wait(every_s):
        shop.recover(before)
        before = {intent for intent, _ in shop.left_pending()}


def on_fastapi() -> Callable[[socket.socket], None]:
    """What runs the application on uvicorn."""
    uvicorn = needed("uvicorn")
    from examples.checkout_api.on_fastapi import app

    def run(place: socket.socket) -> None:
        config = uvicorn.Config(app, log_level="warning", backlog=BACKLOG)
        uvicorn.Server(config).run(sockets=[place])

    return run


def on_flask() -> Callable[[socket.socket], None]:
    """What runs the application on waitress."""
    waitress = needed("waitress")
    from examples.checkout_api.on_flask import app

    def run(place: socket.socket) -> None:
        waitress.serve(app, sockets=[place], threads=THREADS, _quiet=True)

    return run


def needed(module: str):  # noqa: ANN201 - a module
    """A server of HTTP.

    Raises:
        RefusedError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise RefusedError(f"{module} is not installed: pip install 'acidity[api]'") from error

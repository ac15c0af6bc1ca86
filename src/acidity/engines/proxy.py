"""A loopback proxy in front of a database server that can cut a connection around one request.

``before``: the request is not forwarded. ``after``: it is forwarded, the server carries it out and answers, and the
answer is dropped. ``during``: it is forwarded, and nobody waits for the answer; the server may still be at work on it
when the client asks what became of it. The client always sees the same thing, a connection that broke.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

_CHUNK = 65536
When = Literal["before", "during", "after"]


class CuttingProxy:
    """Forwards every connection to its loopback port to a server, in a thread of its own.

    Args:
        host: of the server.
        port: of the server.

    Attributes:
        port: where it listens, on 127.0.0.1 only.
        decide: asked for each request of a client, in the proxy's thread, whether to cut around it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._doomed: set[socket.socket] = set()
        self._armed: When | None = None
        self.decide: Callable[[bytes], When | None] = lambda _request: None
        self._cut = threading.Event()
        self._wake, self._waker = socket.socketpair()
        self._closing = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._forward, name="acidity-proxy", daemon=True)
        self._thread.start()

    def cut(self, when: When) -> None:
        """Cut the connection that makes the next request."""
        self._cut.clear()
        self._armed = when

    def disarm(self) -> bool:
        """Let requests pass again; whether one was cut."""
        self._armed = None
        return self._cut.is_set()

    def close(self) -> None:
        """Break every connection and stop."""
        self._closing = True
        with suppress(OSError):
            self._waker.send(b"x")
        self._thread.join(timeout=10)

    def _forward(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._listener:
                    self._accept()
                elif ready is not self._wake and ready in self._peers:
                    self._pass_on(ready)
        for end in list(self._peers):
            self._break(end)
        for end in (self._listener, self._wake, self._waker):
            end.close()
        self._selector.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ)
        self._clients.add(client)
        self._peers[client], self._peers[server] = server, client

    def _pass_on(self, ready: socket.socket) -> None:
        try:
            data = ready.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._break(ready)
            return
        when = self._when(data) if ready in self._clients else None
        if when == "before":
            self._cut_off(ready)
            return
        if when == "after":
            self._doomed.add(self._peers[ready])
        if ready in self._doomed:  # the server has answered, so it has done what it was asked
            self._cut_off(ready)
            return
        try:
            self._peers[ready].sendall(data)
        except OSError:
            self._break(ready)
            return
        if when == "during":
            self._cut_off(ready)

    def _when(self, request: bytes) -> When | None:
        """Armed for the next request of anybody, or decided for this one."""
        armed, self._armed = self._armed, None
        return armed or self.decide(request)

    def _cut_off(self, end: socket.socket) -> None:
        self._break(end)
        self._cut.set()

    def _break(self, end: socket.socket) -> None:
        for each in (end, self._peers.pop(end, end)):
            self._peers.pop(each, None)
            self._clients.discard(each)
            self._doomed.discard(each)
            with suppress(KeyError, ValueError):
                self._selector.unregister(each)
            each.close()

"""A request to a web application as the unit of work: the client's side of ASGI and WSGI, without a server.

Servers write the status to the wire as soon as the application gives it (ASGI), or with the first bytes of the body
(WSGI). From then on the client has been told, whatever is raised afterwards: a session that commits while the
application is cleaning up commits too late.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from acidity.adapters.seam import Actor, acting
from acidity.adapters.site import calls_operations
from acidity.core.http import HttpAnswer, HttpRequest, make_answer
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.stage.host import LoopHost

Headers = list[tuple[str, str]]


class Exchange:
    """One request and what came back, as far as it was sent."""

    def __init__(self, app: Callable[..., Any], request: HttpRequest, state: dict[str, Any]) -> None:
        self._app = app
        self._request = request
        self._state = state
        self._status = 0
        self._headers: Headers = []
        self._body = bytearray()

    def __call__(self) -> Any:
        """Send it: the answer over WSGI, something to await over ASGI."""
        return self._over_asgi() if self._request.protocol == "asgi" else self._over_wsgi()

    def answer(self, raised: BaseException | None = None) -> HttpAnswer | None:
        """What the client was told, once a status was sent."""
        return make_answer(self._status, self._headers, bytes(self._body), raised) if self._status else None

    def _complete(self) -> HttpAnswer:
        answer = self.answer()
        if answer is None:
            raise UnansweredError(f"the application ended without an answer to {self._request.method}")
        return answer

    @calls_operations
    async def _over_asgi(self) -> HttpAnswer:
        requests = [{"type": "http.request", "body": self._request.body, "more_body": False}]
        complete = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            await complete.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and not self._status:
                self._status = int(message["status"])
                self._headers = [(_text(name), _text(value)) for name, value in message.get("headers", ())]
            elif message["type"] == "http.response.body":
                self._body += message.get("body", b"")
                if not message.get("more_body", False):
                    complete.set()

        await self._app(scope_of(self._request, self._state), receive, send)
        return self._complete()

    @calls_operations
    def _over_wsgi(self) -> HttpAnswer:
        announced: list[tuple[int, Headers]] = []

        def send(data: bytes) -> None:
            if not self._status and announced:
                self._status, self._headers = announced[-1]
            self._body.extend(data)

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
            if exc_info is not None and self._status:
                raise exc_info[1].with_traceback(exc_info[2])
            announced.append((int(status.split(maxsplit=1)[0]), list(headers)))
            return send

        chunks: Iterable[bytes] = self._app(environ_of(self._request), start_response)
        try:
            for chunk in chunks:
                if chunk:
                    send(chunk)
            send(b"")
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return self._complete()


class UnansweredError(RuntimeError):
    """The application returned without having sent a status; a server makes that a 500."""


def scope_of(request: HttpRequest, state: dict[str, Any]) -> dict[str, Any]:
    """The ASGI connection scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path.decode(errors="replace"),
        "raw_path": request.raw_path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
        "state": dict(state),
    }


def environ_of(request: HttpRequest) -> dict[str, Any]:
    """The WSGI environment of a request."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ


def _text(value: bytes) -> str:
    return value.decode("latin-1")


class Lifespan:
    """The life of an ASGI application around its requests: started once, stopped at the end.

    It runs in a task of its own, which lives as long as the loop in which `start` was awaited.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self, actor: Actor) -> None:
        """Start the application as this actor; one that knows no lifespan is taken as it is.

        Raises:
            UsageError: it says that it cannot start.
        """
        with acting(actor):  # here, because a loop's tasks have contexts of their own
            self._task = asyncio.create_task(self._live())
        answer = await self._ask("startup")
        if answer.get("type") == "lifespan.startup.failed":
            raise UsageError(f"the application does not start: {answer.get('message') or 'startup.failed'}")

    async def stop(self) -> None:
        """Stop it, if it is still there."""
        if self._task is not None and not self._task.done():
            await self._ask("shutdown")
            self._task.cancel()
            await asyncio.wait([self._task])

    @calls_operations
    async def _live(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._app(scope, self._to_app.get, self._from_app.put)

    async def _ask(self, phase: str) -> dict[str, Any]:
        """What it answers; nothing when it ends without an answer, as applications without lifespan do."""
        assert self._task is not None
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answering = asyncio.create_task(self._from_app.get())
        await asyncio.wait({self._task, answering}, return_when=asyncio.FIRST_COMPLETED)
        if not self._from_app.empty() or answering.done():
            return await answering
        answering.cancel()
        self._task.exception()  # "lifespan is not supported" is no error
        return {}


class Applications:
    """The applications of one Stage, each started once for every loop it runs in."""

    def __init__(self) -> None:
        self._running: dict[int, Lifespan] = {}

    def awaits(self, operation: Operation) -> bool:
        """Whether the application of this operation is one that is started, and does not run yet."""
        request = operation.request
        return request is not None and request.protocol == "asgi" and id(operation.function) not in self._running

    def start(self, operation: Operation, host: LoopHost, actor: Actor) -> None:
        """Start it; what it does then, it does as this actor."""
        lifespan = Lifespan(operation.function)
        self._running[id(operation.function)] = lifespan
        host.run(lifespan.start(actor))

    @property
    def running(self) -> bool:
        """Whether any was started."""
        return bool(self._running)

    def stop(self, host: LoopHost) -> None:
        """Stop every application that runs there."""
        while self._running:
            host.run(self._running.popitem()[1].stop())

    def forget(self) -> None:
        """This is a child process; what runs in the parent runs there."""
        self._running.clear()

    def callable_of(self, operation: Operation) -> Callable[..., Any]:
        """What runs the operation: its function, or one exchange with its application."""
        if operation.request is None:
            return operation.function
        running = self._running.get(id(operation.function))  # applications need not be hashable
        return Exchange(operation.function, operation.request, running.state if running is not None else {})

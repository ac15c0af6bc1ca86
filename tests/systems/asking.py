"""One request to an application, without a server: its status, and its body of JSON."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

Asked = tuple[int, Any]


def asgi(app: Any, headers: dict[str, str], body: bytes) -> Asked:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-type", b"application/json"))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/checkouts",
        "raw_path": b"/checkouts",
        "query_string": b"",
        "headers": raw,
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent[1:]))


def wsgi(app: Any, headers: dict[str, str], body: bytes) -> Asked:
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/checkouts",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    answer = app(environ, lambda status, _: started.append(status))
    return int(started[0].split()[0]), json.loads(b"".join(answer))

"""What a web application receives, and its life around the requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.quality import web_apps
from tests.quality.drilled import drill
from tests.quality.test_http import ASYNC, request
from tests.quality.web_apps import Base

pytestmark = pytest.mark.few_or_all

# The life of an application


class Living:
    """An ASGI application that keeps a diary of its lifespan."""

    def __init__(self, *, at_start: Any = None, starts: bool = True) -> None:
        self.diary: list[str] = []
        self.at_start = at_start
        self.starts = starts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert scope["state"] == {"ready": True}
            scope["state"]["mine"] = "this request's"
            await web_apps.bare_asgi(scope, receive, send)
            return
        self.diary.append((await receive())["type"])
        if not self.starts:
            await send({"type": "lifespan.startup.failed", "message": "no licence"})
            return
        if self.at_start is not None:
            await self.at_start()
        scope["state"]["ready"] = True
        await send({"type": "lifespan.startup.complete"})
        self.diary.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})


async def look() -> None:
    async with web_apps.async_engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")


async def write() -> None:
    async with web_apps.AsyncSession(web_apps.async_engine) as session, session.begin():
        web_apps.two_notes(session)


@pytest.mark.dear
@ASYNC
def test_the_application_is_started_and_stopped_once_and_its_calls_are_not_the_operations(db: str) -> None:
    app = Living(at_start=look)
    report = drill(request(app), db=db)
    assert report.verdict == "pass", str(report)
    assert app.diary == ["lifespan.startup", "lifespan.shutdown"]
    assert report.headline.startswith("3 calls" if db == "sqlite" else "2 calls"), report.headline


def test_an_application_that_does_not_start() -> None:
    with pytest.raises(UsageError, match="the application does not start: no licence"):
        drill(request(Living(starts=False)))


@ASYNC
def test_rows_written_at_the_start_belong_into_setup(db: str) -> None:
    with pytest.raises(UsageError, match="changes rows or tables when it starts"):
        drill(request(Living(at_start=write)), db=db)


# What the application receives


def received(protocol: str, method: str, path: str, **options: Any) -> Any:
    """What an application was sent; it echoes that, and an invariant sees the answer."""
    operation = getattr(Operation, protocol)(asgi_echo if protocol == "asgi" else wsgi_echo, method, path, **options)
    answers = []

    def keep(_session: Any, run: Any) -> None:
        answers.extend(ended.answer for ended in run.ended)

    drill(
        Scenario(
            operation,
            metadata=Base.metadata,
            invariants=[keep],
            bind=["tests.quality.web_apps:engine", "tests.quality.web_apps:async_engine"],
        ),
        runs_max=0,
    )
    return answers[0]["body"]


async def asgi_echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    message = await receive()
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    told = [scope["method"], scope["path"], scope["query_string"].decode(), headers, message["body"].decode()]
    await look()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode(), "more_body": True})
    await send({"type": "http.response.body"})
    assert (await receive())["type"] == "http.disconnect"


def wsgi_echo(environ: Any, start_response: Any) -> list[bytes]:
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
    headers |= {
        name.lower().replace("_", "-"): environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in environ
    }
    body = environ["wsgi.input"].read().decode()
    path = environ["PATH_INFO"].encode("latin-1").decode()
    told = [environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body]
    with web_apps.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


@pytest.mark.dear
@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_what_the_application_receives(protocol: str) -> None:
    always = {"host": "localhost", "accept": "*/*", "user-agent": "acidity"}
    method, path, query, headers, body = received(
        protocol, "post", "/bücher/a b?x=1", json={"ä": [1]}, params={"y": ["2", "3"]}, headers={"X-Token": "t"}
    )
    assert (method, path, query) == ("POST", "/bücher/a b", "x=1&y=2&y=3")
    length = str(len(body.encode()))
    assert headers == always | {"content-type": "application/json", "content-length": length, "x-token": "t"}
    assert body == '{"\\u00e4": [1]}'

    form = received(protocol, "PUT", "/", data={"amount": "2 500"})
    assert form[2:] == [
        "",
        always | {"content-type": "application/x-www-form-urlencoded", "content-length": "12"},
        "amount=2+500",
    ]
    assert received(protocol, "GET", "/")[2:] == ["", always, ""]
    assert received(protocol, "PATCH", "/", data=b"raw")[4] == "raw"


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_requests_that_are_none(protocol: str) -> None:
    make = getattr(Operation, protocol)
    with pytest.raises(UsageError, match="a request needs a path"):
        make(print, "GET", "notes")
    with pytest.raises(UsageError, match="not both"):
        make(print, "POST", "/", json={}, data={})
    with pytest.raises(UsageError, match="json= cannot be sent"):
        make(print, "POST", "/", json={"x": object()})
    with pytest.raises(UsageError, match="needs an application to call"):
        make(None, "GET", "/")

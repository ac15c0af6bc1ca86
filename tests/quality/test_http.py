"""The drill on HTTP requests: the request is the unit, its status is what the client was told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from acidity import prove
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from examples.web import scenarios, twins
from tests.quality import web_apps
from tests.quality.web_apps import Base

ENGINES = ["sqlite", "postgresql"]
ASYNC = pytest.mark.parametrize("db", ["sqlite", "postgresql+asyncpg"])


def request(app: Any, *, protocol: str = "asgi", **options: Any) -> Scenario:
    operation = getattr(Operation, protocol)(app, "POST", "/notes", **options)
    return Scenario(
        operation, metadata=Base.metadata, bind=["tests.quality.web_apps:engine", "tests.quality.web_apps:async_engine"]
    )


def words(report: Report, severity: str = "error") -> set[str]:
    return {finding.word for finding in report.findings if finding.severity == severity}


def only(report: Report) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.severity == "error"]
    return finding


# The example


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("name", ["transfer", "transfer_too_much", "transfer_to_nobody", "transfer_nothing"])
def test_the_example_passes(name: str, db: str) -> None:
    report = prove.drill(getattr(scenarios, name), db=db)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("db", ENGINES)
def test_201_before_a_failing_commit_is_a_false_success(db: str) -> None:
    report = prove.drill(twins.committed_late, db=db)
    assert words(report) == {"false success"}, str(report)
    finding = only(report)
    assert finding.title.startswith("the client was told 201 Created, and yet no row was changed")
    assert finding.sites[0].file == "examples/web/app.py"
    assert any('Depends(get_session, scope="function")' in step for step in finding.explanation)


def test_a_refused_commit_that_is_not_rolled_back_is_committed_by_the_next_request() -> None:
    report = prove.drill(twins.left_open, db="sqlite")
    assert words(report) == {"false failure by a stranger's commit"}, str(report)
    assert only(report).title.startswith("the client was told 500 Internal Server Error, and yet")
    assert [remedy.verdict for remedy in only(report).remedies if remedy.name.startswith("roll back")] == ["pass"]


def test_servers_end_the_transaction_whatever_they_answer() -> None:
    report = prove.drill(twins.left_open, db="postgresql")
    assert report.verdict == "pass", str(report)


# FastAPI on an AsyncEngine


@ASYNC
def test_async_scope_function_passes(db: str) -> None:
    report = prove.drill(request(web_apps.async_app), db=db)
    assert report.verdict == "pass", str(report)


@ASYNC
def test_async_scope_request_is_a_false_success(db: str) -> None:
    report = prove.drill(request(web_apps.async_late_app), db=db)
    assert words(report) == {"false success"}, str(report)


def test_a_request_that_only_reads() -> None:
    scenario = Scenario(
        Operation.asgi(web_apps.async_app, "GET", "/notes"),
        metadata=Base.metadata,
        setup=web_apps.two_notes,
        bind="tests.quality.web_apps:async_engine",
    )
    report = prove.drill(scenario)
    assert (report.verdict, report.classifier) == ("pass", "read only"), str(report)


# What a status tells


def test_5xx_with_an_unanswered_commit_is_unknown() -> None:
    report = prove.drill(request(web_apps.answering_503))
    assert report.verdict == "pass", str(report)
    assert not report.findings


def test_4xx_with_an_unanswered_commit_is_failed() -> None:
    report = prove.drill(request(web_apps.answering_409))
    assert words(report) == {"false failure"}, str(report)
    assert only(report).title.startswith("the client was told 409 Conflict, and yet")


def test_5xx_after_the_commit_is_a_warning() -> None:
    report = prove.drill(request(web_apps.flask_read_again, protocol="wsgi"))
    assert (report.verdict, words(report), words(report, "warning")) == ("pass", set(), {"failed after commit"})


def test_succeeded_looks_into_the_answer() -> None:
    scenario = request(web_apps.flask_one, protocol="wsgi", succeeded=lambda answer: answer.body == {"made": "two"})
    assert prove.drill(scenario).verdict == "pass"
    scenario = request(web_apps.flask_one, protocol="wsgi", succeeded=lambda answer: answer.body == {"made": "three"})
    with pytest.raises(UsageError, match="the clean run failed"):
        prove.drill(scenario)


# WSGI


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(
    ("app", "said"),
    [
        (web_apps.flask_one, set()),
        (web_apps.flask_two, {"torn"}),
        (web_apps.flask_on_close, {"false success"}),
        (web_apps.bare_wsgi, set()),
        (web_apps.bare_wsgi_late, {"false success"}),
    ],
    ids=["one", "two", "on_close", "bare", "bare_late"],
)
def test_wsgi(app: Any, said: set[str], db: str) -> None:
    report = prove.drill(request(app, protocol="wsgi"), db=db)
    assert words(report) == said, str(report)
    assert report.verdict == ("fail" if said else "pass"), str(report)


def test_a_refusal_by_status() -> None:
    assert prove.drill(request(web_apps.flask_refuse, protocol="wsgi", refused=True)).verdict == "pass"
    report = prove.drill(request(web_apps.flask_refuse_late, protocol="wsgi", refused=True))
    assert words(report) == {"false failure"}, str(report)
    report = prove.drill(request(web_apps.flask_one, protocol="wsgi", refused=True))
    assert words(report) == {"not refused"}, str(report)
    with pytest.raises(UsageError, match="refused=True"):
        prove.drill(request(web_apps.flask_refuse, protocol="wsgi"))


# Bare ASGI


@ASYNC
def test_what_leaves_the_application_before_a_status_is_an_exception(db: str) -> None:
    report = prove.drill(request(web_apps.bare_asgi), db=db)
    assert report.verdict == "pass", str(report)


@ASYNC
def test_a_status_already_sent_counts(db: str) -> None:
    report = prove.drill(request(web_apps.bare_asgi_late), db=db)
    assert words(report) == {"false success"}, str(report)


def test_the_users_own_interrupt_after_a_status_is_not_an_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await web_apps.bare_asgi(scope, receive, send)
        raise asyncio.CancelledError  # as asyncio passes on Ctrl-C

    report = prove.drill(request(app))
    assert (report.verdict, report.unknowns) == ("unknown", ("interrupted",)), str(report)


def test_an_application_that_fails_by_itself_cannot_be_judged() -> None:
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [])
        return [b"sorry"]

    for options in ({}, {"refused": True}):
        with pytest.raises(UsageError, match="the application fails by itself: it answered {'status': 500"):
            prove.drill(request(app, protocol="wsgi", **options))


def test_an_application_without_an_answer() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    with pytest.raises(UsageError, match="UnansweredError"):
        prove.drill(request(app))


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


@ASYNC
def test_the_application_is_started_and_stopped_once_and_its_calls_are_not_the_operations(db: str) -> None:
    app = Living(at_start=look)
    report = prove.drill(request(app), db=db)
    assert report.verdict == "pass", str(report)
    assert app.diary == ["lifespan.startup", "lifespan.shutdown"]
    assert report.headline.startswith("3 calls" if db == "sqlite" else "2 calls"), report.headline


def test_an_application_that_does_not_start() -> None:
    with pytest.raises(UsageError, match="the application does not start: no licence"):
        prove.drill(request(Living(starts=False)))


@ASYNC
def test_rows_written_at_the_start_belong_into_setup(db: str) -> None:
    with pytest.raises(UsageError, match="changes rows or tables when it starts"):
        prove.drill(request(Living(at_start=write)), db=db)


# What the application receives


def received(protocol: str, method: str, path: str, **options: Any) -> Any:
    """What an application echoes; told apart from the answer of a drill by asking for a replay of the clean run."""
    operation = getattr(Operation, protocol)(asgi_echo if protocol == "asgi" else wsgi_echo, method, path, **options)
    return operation_answer(operation)


def operation_answer(operation: Operation) -> Any:
    answers = []

    def keep(_session: Any, run: Any) -> None:
        answers.extend(ended.answer for ended in run.ended)

    prove.drill(
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
    await send({"type": "http.response.body", "body": json_bytes(told), "more_body": True})
    await send({"type": "http.response.body"})
    assert (await receive())["type"] == "http.disconnect"


def wsgi_echo(environ: Any, start_response: Any) -> list[bytes]:
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
    headers |= {name.lower().replace("_", "-"): environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in environ}
    body = environ["wsgi.input"].read().decode()
    path = environ["PATH_INFO"].encode("latin-1").decode()
    told = [environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body]
    with web_apps.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json_bytes(told)]


def json_bytes(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


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

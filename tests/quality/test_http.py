"""The drill on HTTP requests: the request is the unit, its status is what the client was told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from examples.web import scenarios, twins
from tests.quality import web_apps
from tests.quality.drilled import drill
from tests.quality.web_apps import Base

pytestmark = pytest.mark.few_or_all

ENGINES = ["sqlite", "postgresql"]
ASYNC = pytest.mark.parametrize("db", ["sqlite", "postgresql+asyncpg"])


def request(app: Any, *, protocol: str = "asgi", **options: Any) -> Scenario:
    operation = getattr(Operation, protocol)(app, "POST", "/notes", **options)
    return Scenario(
        operation, metadata=Base.metadata, bind=["tests.quality.web_apps:engine", "tests.quality.web_apps:async_engine"]
    )


def words(report: Report, severity: str = "error") -> set[str]:
    return (
        {word for finding in report.findings for word in finding.errors}
        if severity == "error"
        else {finding.word for finding in report.findings if finding.severity == severity}
    )


def only(report: Report) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.severity == "error"]
    return finding


# The example


@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("name", ["transfer", "transfer_too_much", "transfer_to_nobody", "transfer_nothing"])
@pytest.mark.one_in(2)
def test_the_example_passes(name: str, db: str) -> None:
    report = drill(getattr(scenarios, name), db=db)
    assert report.verdict == "pass", str(report)


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_201_before_a_failing_commit_is_a_false_success(db: str) -> None:
    report = drill(twins.committed_late, db=db)
    assert words(report) == {"false success"}, str(report)
    finding = only(report)
    assert finding.title.startswith("no row was changed")
    assert finding.title.endswith("although the client was told 201 Created")
    assert finding.kind is CauseKind.EARLY_ANSWER
    assert finding.sites[0].file == "examples/web/app.py"
    assert any('Depends(get_session, scope="function")' in step for step in finding.explanation)


@pytest.mark.dear
def test_a_refused_commit_that_is_not_rolled_back_is_committed_by_the_next_request() -> None:
    report = drill(twins.left_open, db="sqlite", remedies=True)
    assert words(report) == {"false failure by a stranger's commit"}, str(report)
    assert only(report).title.endswith("although the client was told 500 Internal Server Error")
    assert [remedy.verdict for remedy in only(report).remedies if remedy.name.startswith("roll back")] == ["pass"]


@pytest.mark.dear
def test_servers_end_the_transaction_whatever_they_answer() -> None:
    report = drill(twins.left_open, db="postgresql")
    assert report.verdict == "pass", str(report)


# FastAPI on an AsyncEngine


@pytest.mark.dear
@ASYNC
def test_async_scope_function_passes(db: str) -> None:
    report = drill(request(web_apps.async_app), db=db)
    assert report.verdict == "pass", str(report)


@pytest.mark.dear
@ASYNC
def test_async_scope_request_is_a_false_success(db: str) -> None:
    report = drill(request(web_apps.async_late_app), db=db)
    assert words(report) == {"false success"}, str(report)


def test_a_request_that_only_reads() -> None:
    scenario = Scenario(
        Operation.asgi(web_apps.async_app, "GET", "/notes"),
        metadata=Base.metadata,
        setup=web_apps.two_notes,
        bind="tests.quality.web_apps:async_engine",
    )
    report = drill(scenario)
    assert (report.verdict, report.classifier) == ("pass", "read only"), str(report)


# What a status tells


@pytest.mark.dear
def test_5xx_with_an_unanswered_commit_is_unknown() -> None:
    report = drill(request(web_apps.answering_503))
    assert report.verdict == "pass", str(report)
    assert not report.findings


@pytest.mark.dear
def test_4xx_with_an_unanswered_commit_is_failed() -> None:
    report = drill(request(web_apps.answering_409))
    assert words(report) == {"false failure"}, str(report)
    assert only(report).title.endswith("although the client was told 409 Conflict")


def test_5xx_after_the_commit_is_a_warning() -> None:
    report = drill(request(web_apps.flask_read_again, protocol="wsgi"))
    assert (report.verdict, words(report), words(report, "warning")) == ("pass", set(), {"failed after commit"})


@pytest.mark.dear
def test_succeeded_looks_into_the_answer() -> None:
    scenario = request(web_apps.flask_one, protocol="wsgi", succeeded=lambda answer: answer.body == {"made": "two"})
    assert drill(scenario).verdict == "pass"
    scenario = request(web_apps.flask_one, protocol="wsgi", succeeded=lambda answer: answer.body == {"made": "three"})
    report = drill(scenario)  # rows are there, and by what succeeded= says the client was told that it failed
    assert words(report) == {"false failure"}, str(report)


# WSGI


@pytest.mark.one_in(5)
@pytest.mark.one_engine
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
    report = drill(request(app, protocol="wsgi"), db=db)
    assert words(report) == said, str(report)
    assert report.verdict == ("fail" if said else "pass"), str(report)


@pytest.mark.dear
def test_a_refusal_by_status() -> None:
    assert drill(request(web_apps.flask_refuse, protocol="wsgi", refused=True)).verdict == "pass"
    report = drill(request(web_apps.flask_refuse_late, protocol="wsgi", refused=True))
    assert words(report) == {"false failure"}, str(report)
    report = drill(request(web_apps.flask_one, protocol="wsgi", refused=True))
    assert words(report) == {"not refused"}, str(report)
    with pytest.raises(UsageError, match="refused=True"):
        drill(request(web_apps.flask_refuse, protocol="wsgi"))


# Bare ASGI


@pytest.mark.dear
@ASYNC
def test_what_leaves_the_application_before_a_status_is_an_exception(db: str) -> None:
    report = drill(request(web_apps.bare_asgi), db=db)
    assert report.verdict == "pass", str(report)


@pytest.mark.dear
@ASYNC
def test_a_status_already_sent_counts(db: str) -> None:
    report = drill(request(web_apps.bare_asgi_late), db=db)
    assert words(report) == {"false success"}, str(report)


def test_the_users_own_interrupt_after_a_status_is_not_an_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await web_apps.bare_asgi(scope, receive, send)
        raise asyncio.CancelledError  # as asyncio passes on Ctrl-C

    with pytest.raises(prove.Interrupted) as stopped:
        drill(request(app))
    report = stopped.value.report
    assert (report.verdict, report.unknowns) == ("unknown", ("interrupted",)), str(report)


def test_an_application_that_fails_by_itself_cannot_be_judged() -> None:
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [])
        return [b"sorry"]

    for options in ({}, {"refused": True}):
        with pytest.raises(UsageError, match=r"the application fails by itself: it answered \{'status': 500"):
            drill(request(app, protocol="wsgi", **options))


def test_an_application_without_an_answer() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    with pytest.raises(UsageError, match="UnansweredError"):
        drill(request(app))


@pytest.mark.parametrize(("path", "verdict"), [("/notes", "fail"), ("/notes/answered", "pass")])
def test_whose_fault_it_is_that_a_client_fails_beside_another_one(path: str, verdict: str) -> None:
    """One order tells the second of them 409, and none 500."""
    operation = Operation.wsgi(web_apps.flask_once, "POST", path)
    scenario = Scenario(operation, metadata=Base.metadata, bind="tests.quality.web_apps:engine")
    report = prove.explore(scenario)
    assert (report.verdict, report.unknowns) == (verdict, ()), str(report)
    assert all("'status': 500" in finding.title for finding in report.findings), str(report)

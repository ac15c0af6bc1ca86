"""A span for each unit where the program traces, told by the database's replies; nothing where it does not."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic, on_commit
from acidity.run import CommitUnknown, RetriesExhausted, State, tables
from acidity.run.boundary import Terms
from acidity.run.course import Course
from acidity.run.target import target_of
from acidity.run.telemetry import steps_of
from acidity.run.unit import Unit
from tests.run.bank import balances, move
from tests.run.test_outcome import conflict


def use(monkeypatch: pytest.MonkeyPatch, provider: Any) -> None:
    """For this test; OpenTelemetry's own setter is for once in a process."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    made, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    use(monkeypatch, provider)
    yield made
    assert trace.get_current_span() is trace.INVALID_SPAN  # nothing is left behind
    provider.shutdown()


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    [span] = [span for span in exporter.get_finished_spans() if span.name.startswith("acidity")]
    return span


def transitions(span: ReadableSpan, attempt: int = 1) -> list[Any]:
    events = [event.attributes for event in span.events if event.name == "acidity.transition"]
    return [told["acidity.to"] for told in events if told["acidity.attempt"] == attempt]


def transfer(session: Session, amount: int) -> None:
    move(session, amount)


# What a span tells


def test_a_committed_unit(database: Engine, exporter: InMemorySpanExporter) -> None:
    atomic(database, isolation_level="SERIALIZABLE", max_attempts=2)(transfer)(10)
    span = only(exporter)
    assert (span.name, span.status.status_code) == ("acidity.atomic transfer", StatusCode.UNSET)
    assert transitions(span) == ["partially committed", "committed"]
    told = dict(span.attributes)
    where = {name: told.pop(name, None) for name in ("db.namespace", "server.address", "server.port")}
    assert told == {
        "db.system.name": database.url.get_backend_name(),
        "code.function.name": f"{__name__}.transfer",
        "acidity.isolation_level": "SERIALIZABLE",
        "acidity.max_attempts": 2,
        "acidity.state": "committed",
        "acidity.attempt": 1,
    }
    server = database.dialect.name != "sqlite"
    url = database.url
    assert list(where.values()) == ([url.database, url.host, url.port] if server else [None] * 3)


def test_attempts(database: Engine, exporter: InMemorySpanExporter, waits: list[float]) -> None:
    calls: list[int] = []

    def unit(session: Session) -> None:
        calls.append(1)
        move(session, 10)
        if len(calls) < 3:
            raise conflict()

    atomic(database, max_attempts=3)(unit)()
    span = only(exporter)
    assert [transitions(span, attempt) for attempt in (1, 2, 3)] == [
        ["failed", "aborted"],
        ["failed", "aborted"],
        ["partially committed", "committed"],
    ]
    retries = [event.attributes for event in span.events if event.name == "acidity.retry"]
    assert [(told["acidity.attempt"], told["acidity.wait_s"]) for told in retries] == [(1, waits[0]), (2, waits[1])]
    assert {told["db.response.status_code"] for told in retries} == {"SQLITE_BUSY_SNAPSHOT"}
    assert (span.attributes["acidity.attempt"], span.status.status_code) == (3, StatusCode.UNSET)


def test_giving_up(engine: Engine, exporter: InMemorySpanExporter) -> None:
    def unit(session: Session) -> None:
        raise conflict()

    with pytest.raises(RetriesExhausted):
        atomic(engine, max_attempts=2)(unit)()
    span = only(exporter)
    assert (span.attributes["acidity.attempt"], span.attributes["acidity.state"]) == (2, "aborted")
    assert span.attributes["error.type"] == "acidity.run.errors.RetriesExhausted"
    assert (span.status.status_code, span.events[-1].name) == (StatusCode.ERROR, "exception")


def test_an_error_of_the_database(database: Engine, exporter: InMemorySpanExporter) -> None:
    with pytest.raises(Exception, match="not_below_zero"):
        atomic(database)(transfer)(1000)
    span = only(exporter)
    assert transitions(span) == ["failed", "aborted"]
    code = {"sqlite": "SQLITE_CONSTRAINT_CHECK", "postgresql": "23514", "mariadb": "4025"}[database.dialect.name]
    assert span.attributes["db.response.status_code"] == code
    assert span.attributes["error.type"].endswith(("IntegrityError", "CheckViolation", "OperationalError"))
    assert span.status.status_code is StatusCode.ERROR


def lose_the_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: COMMIT is carried out and the connection is gone."""
    commit = engine.dialect.do_commit

    def lose(connection: Any) -> None:
        commit(connection)
        monkeypatch.setattr(engine.dialect, "do_commit", commit)
        raise ConnectionResetError

    monkeypatch.setattr(engine.dialect, "do_commit", lose)


def test_an_unknown_outcome(engine: Engine, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_the_answer(engine, monkeypatch)
    with pytest.raises(CommitUnknown), atomic(engine) as session:
        move(session, 10)
    span = only(exporter)
    assert transitions(span) == ["partially committed", "unknown"]
    assert span.attributes["acidity.state"] == "unknown"
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "the outcome of COMMIT is unknown",
    )


def test_a_resolved_outcome(engine: Engine, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.metadata.create_all(engine)
    lose_the_answer(engine, monkeypatch)
    with atomic(engine, resolve_commit=True) as session:
        move(session, 10)
    span = only(exporter)
    assert transitions(span) == ["partially committed", "unknown", "committed"]
    assert (span.attributes["acidity.state"], span.status.status_code) == ("committed", StatusCode.UNSET)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # so it is without spans
def test_a_block_that_nobody_left(engine: Engine, exporter: InMemorySpanExporter) -> None:
    block = atomic(engine)
    move(block.__enter__(), 10)
    assert not exporter.get_finished_spans()
    del block
    gc.collect()
    span = only(exporter)
    assert (span.name, span.attributes["acidity.state"]) == ("acidity.atomic", "active")
    assert span.status.description == "abandoned before its end"
    assert balances(engine) == (100, 0)


# Its place


def test_it_is_current_inside_and_only_there(engine: Engine, exporter: InMemorySpanExporter) -> None:
    seen: list[Any] = []

    @atomic(engine)
    def outer(session: Session) -> None:
        seen.append(trace.get_current_span())
        with atomic(engine):  # joins: no span of its own
            seen.append(trace.get_current_span())
        on_commit(lambda: seen.append(trace.get_current_span()))

    with trace.get_tracer("test").start_as_current_span("request") as request:
        outer()
        assert trace.get_current_span() is request
    span = only(exporter)
    assert {each.get_span_context().span_id for each in seen} == {span.context.span_id}
    assert span.parent.span_id == request.get_span_context().span_id


def test_async_tasks_have_their_own(engine: Engine, exporter: InMemorySpanExporter) -> None:
    async def unit(asynchronous: Any, amount: int) -> Any:
        async with atomic(asynchronous, read_only=True) as session:
            await session.run_sync(lambda _: None)
            return trace.get_current_span().get_span_context().span_id

    async def main() -> list[Any]:
        asynchronous = create_async_engine(engine.url.set(drivername="sqlite+aiosqlite"))
        try:
            return await asyncio.gather(*(unit(asynchronous, n) for n in (1, 2)))
        finally:
            await asynchronous.dispose()

    inside = asyncio.run(main())
    assert sorted(inside) == sorted(span.context.span_id for span in exporter.get_finished_spans())
    assert {span.attributes["acidity.read_only"] for span in exporter.get_finished_spans()} == {True}


def test_the_users_own_listener_hears_the_same(engine: Engine, exporter: InMemorySpanExporter) -> None:
    heard: list[State] = []

    def listener(unit: Unit, old: State, new: State) -> None:
        heard.append(new)
        raise ZeroDivisionError

    with atomic(engine, on_transition=listener):
        pass
    assert [state.value for state in heard] == transitions(only(exporter)) == ["partially committed", "committed"]


# Where nobody traces


@pytest.mark.parametrize("provider", [None, trace.NoOpTracerProvider()])
def test_no_span_where_nothing_is_set_up(engine: Engine, monkeypatch: pytest.MonkeyPatch, provider: Any) -> None:
    use(monkeypatch, provider)
    course = Course(target_of(engine), Terms())
    assert steps_of(course).gi_code is course.steps().gi_code


def test_a_span_that_is_not_sampled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is noted, and what is below it knows that it is not sampled."""
    use(monkeypatch, TracerProvider(sampler=ALWAYS_OFF))
    with atomic(engine):
        context = trace.get_current_span().get_span_context()
        assert context.is_valid
        assert not context.trace_flags.sampled
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.dear
def test_nothing_is_imported() -> None:
    code = """
import sys
from sqlalchemy import create_engine, text
from acidity import atomic
with atomic(create_engine("sqlite://")) as session:
    session.execute(text("SELECT 1"))
sys.exit(any(name.partition(".")[0] == "opentelemetry" for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

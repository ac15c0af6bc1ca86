"""A span for each unit of work, where the program has OpenTelemetry tracing; nothing is imported where it has not.

The span covers all attempts and what `on_commit` does, and is the current one meanwhile, so that spans of statements
are its children. Names follow OpenTelemetry's semantic conventions for database spans and for exceptions
(opentelemetry.io/docs/specs/semconv/database); what they have no word for begins with ``acidity.``.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Engine

from acidity.engines.codes import code_of
from acidity.run.course import Failed
from acidity.run.state import State

if TYPE_CHECKING:
    from acidity.run.boundary import Transition
    from acidity.run.course import Course, Move, Moves
    from acidity.run.decide import Ended
    from acidity.run.unit import Unit

SPAN = "acidity.atomic"
_known: tuple[Any, Any] = (None, None)  # the last provider and its tracer


def steps_of(course: Course) -> Moves:
    """The steps of the course, in a span if the program traces."""
    trace = sys.modules.get("opentelemetry.trace")  # a program that traces has imported it
    if trace is None:
        return course.steps()
    tracer = _tracer(trace)
    return course.steps() if tracer is None else _traced(course, tracer, trace)


def _tracer(trace: Any) -> Any:
    global _known  # noqa: PLW0603  # one look-up for the process
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    if _known[0] is not provider:
        _known = (provider, provider.get_tracer("acidity", version("acidity")))
    return _known[1]


def _traced(course: Course, tracer: Any, trace: Any) -> Moves:
    context = sys.modules["opentelemetry.context"]
    name = f"{SPAN} {course.name.rpartition('.')[2]}" if course.name else SPAN
    span = tracer.start_span(name, attributes=_attributes(course))
    outside = context.get_current()
    context.attach(trace.set_span_in_context(span, outside))
    ended: Ended | None = None
    story = Story(span, trace)
    try:
        if span.is_recording():
            course.terms = replace(course.terms, on_transition=story.listener(course.terms.on_transition))
            ended = yield from story.follow(course.steps())
        else:
            ended = yield from course.steps()
        return ended
    finally:
        context.attach(outside)  # and no token: a fixture may leave in another context than it entered
        story.end(ended, course.interrupted)


@dataclass
class Story:
    """What is told of one unit in its span.

    Attributes:
        span: the span.
        trace: the module ``opentelemetry.trace``.
        attempt: the number of the attempt under way.
        state: where its unit stands.
        error: what went wrong first in it.
    """

    span: Any
    trace: Any
    attempt: int = 1
    state: State = State.ACTIVE
    error: BaseException | None = None

    def listener(self, others: Transition | None) -> Transition:
        """For `Terms.on_transition`: an event for each transition; then the user's own."""

        def on_transition(unit: Unit, old: State, new: State) -> None:
            self.state = new
            told = {"acidity.from": old.value, "acidity.to": new.value, "acidity.attempt": self.attempt}
            self.span.add_event("acidity.transition", told)
            if others is not None:
                others(unit, old, new)

        return on_transition

    def follow(self, steps: Moves) -> Generator[Move, Any, Ended]:
        """Let the steps pass, and notice where another attempt begins."""
        try:
            step = next(steps)
            while True:
                if hasattr(step, "seconds") and self.state is State.ABORTED:
                    self._retried(step.seconds)
                reply = yield step
                if isinstance(reply, Failed):
                    self.error = self.error or reply.error
                step = steps.send(reply)
        except StopIteration as done:
            ended: Ended = done.value
            return ended
        finally:
            steps.close()

    def _retried(self, seconds: float) -> None:
        told = {"acidity.attempt": self.attempt, "acidity.wait_s": seconds, **_of_error(self.error)}
        self.span.add_event("acidity.retry", told)
        self.attempt, self.state, self.error = self.attempt + 1, State.ACTIVE, None

    def end(self, ended: Ended | None, interrupted: BaseException | None) -> None:
        """Close the span: how it ended, and the exception that the caller gets."""
        state = ended.state if ended is not None else self.state
        error = interrupted or (ended.error if ended is not None else None)
        self.span.set_attribute("acidity.state", state.value)
        self.span.set_attribute("acidity.attempt", self.attempt)
        if error is not None:
            self.span.record_exception(error)
            self.span.set_attributes({name: value for name, value in _of_error(error).items() if name in _OF_THE_SPAN})
        if state is State.UNKNOWN:
            self._failed("the outcome of COMMIT is unknown")
        elif error is not None:
            self._failed(f"{type(error).__name__}: {error}")
        elif ended is None:
            self._failed("abandoned before its end")
        self.span.end()

    def _failed(self, why: str) -> None:
        self.span.set_status(self.trace.Status(self.trace.StatusCode.ERROR, why))


_OF_THE_SPAN = frozenset({"error.type", "db.response.status_code"})


def _of_error(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    original: Any = getattr(error, "orig", None) or error
    told = {
        "error.type": f"{type(original).__module__}.{type(original).__qualname__}",
        "exception.message": str(original),
        "db.response.status_code": code_of(error),
    }
    return {name: value for name, value in told.items() if value}


def _attributes(course: Course) -> dict[str, Any]:
    engine: Engine = course.target.engine
    name = "mariadb" if getattr(engine.dialect, "is_mariadb", False) else engine.dialect.name
    told: dict[str, Any] = {
        "db.system.name": name,
        "code.function.name": course.name,
        "acidity.isolation_level": course.terms.isolation_level,
        "acidity.read_only": course.terms.read_only or None,
        "acidity.max_attempts": course.policy.max_attempts,
    }
    if name != "sqlite":  # whose database is a path
        told |= {
            "db.namespace": engine.url.database,
            "server.address": engine.url.host,
            "server.port": engine.url.port,
        }
    return {name: value for name, value in told.items() if value}

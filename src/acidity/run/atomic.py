"""`atomic`: everything inside is done, or nothing; as a decorator, and as a block."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol, Self
from uuid import uuid4

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.boundary import NOTHING_ASKED, Terms, Transition
from acidity.run.context import inside
from acidity.run.course import Body, Course, Failed, Moves
from acidity.run.decide import ONCE, Ended, Policy
from acidity.run.drivers import outcome, run, run_async, to_body, to_body_async
from acidity.run.errors import BoundaryError
from acidity.run.fingerprint import fingerprint_of
from acidity.run.marker import Marker, refuse_unfit
from acidity.run.residence import residence
from acidity.run.server import LEVELS
from acidity.run.subject import Subject, subject_of
from acidity.run.target import Target, is_asynchronous, target_of
from acidity.run.telemetry import steps_of

Key = str | Callable[..., str]


class Joined(Protocol):
    """The unit that an inner one is part of."""

    session: Any

    def poison(self, error: BaseException) -> None:
        """Something inside has failed."""


class atomic:  # noqa: N801  # it is used like a function
    """A unit of work: one session, one COMMIT, and ROLLBACK on everything that is raised.

    As a decorator, the function's first parameter receives the session, and callers leave it out; of a method, the one
    after ``self`` or ``cls``. As a block, ``as``
    gives the session. Inside another unit on the same database it *joins*: same session, same COMMIT; when the inner
    one fails, the outer one is rolled back too, even if its exception is caught.

    Args:
        what: an `Engine`, a `sessionmaker`, an `AsyncEngine` or an `async_sessionmaker`.
        isolation_level: set before the first statement, and verified with the server.
        max_attempts: how often a function is run, the first time included, when the database asks for it (serialization
            failure, deadlock, SQLite's BUSY). A block cannot be run again.
        retry_lock_timeouts: also after a lock that was not granted in time.
        resolve_commit: find out what became of a COMMIT without answer; needs the table of `acidity.run.tables`.
        idempotency_key: carry a request out once. For a function: the name of a parameter, or a callable of the
            arguments; for a block: the key. A repeat gets the stored result.
        when_in_progress: what to do while another unit is at work on the same key: ``"wait"`` for its end, or raise an
            ``"error"`` (on SQLite, where only one unit writes at a time, there is never one).
        invariants: ``rule(session)`` called just before COMMIT; broken if it returns False (or 0) or raises.
        outermost: refuse to join.
        independent: a unit of its own, with its own COMMIT, although another one is under way around it: for what must
            stay whatever becomes of that one, such as the note that something was tried.
        read_only: let the database refuse writes.
        timeout: seconds for the unit up to its COMMIT.
        on_transition: called as ``on_transition(unit, old, new)`` with `State`s.

    Raises:
        UsageError: the arguments make no sense together.
        BoundaryError: the boundary was crossed: commit by hand, use after the end, another thread or task, …
        UnitPoisoned: an error inside was swallowed; COMMIT was not sent.
        CommitUnknown: COMMIT was sent and its outcome cannot be told.
        RetriesExhausted: every attempt failed.

    Example:
        >>> @atomic(SessionLocal, isolation_level="SERIALIZABLE", max_attempts=5)     # doctest: +SKIP
        ... def transfer(session, source, target, amount): ...
        >>> transfer(1, 2, 50)                                                        # doctest: +SKIP
        >>> with atomic(engine) as session: ...                                       # doctest: +SKIP

    Source: "one session, one commit, one rollback"; SQLAlchemy's own form is ``with Session.begin()``.
    """

    _find: Callable[[Any], Any] = staticmethod(target_of)  # in each unit, as a sessionmaker can be configured anew
    _course: Callable[..., Course] = staticmethod(Course)

    terms = NOTHING_ASKED
    policy = ONCE
    recognised = resolve_commit = outermost = independent = False
    key: Key | None = None
    _waits = True

    _under_way: tuple[Course, Moves] | None = None  # of the block
    _joined: Joined | None = None

    def __init__(
        self,
        what: Any = None,
        *,
        isolation_level: str | None = None,
        max_attempts: int = 1,
        retry_lock_timeouts: bool = False,
        resolve_commit: bool = False,
        idempotency_key: Key | None = None,
        when_in_progress: Literal["wait", "error"] = "wait",
        invariants: Sequence[Callable[[Any], Any]] = (),
        outermost: bool = False,
        independent: bool = False,
        read_only: bool = False,
        timeout: float | None = None,
        on_transition: Transition | None = None,
    ) -> None:
        self.what = what
        self.asynchronous = is_asynchronous(what)
        if isolation_level is not None or read_only or timeout is not None or invariants or on_transition is not None:
            level = None if isolation_level is None else isolation_level.upper().replace("_", " ")
            if level is not None and level not in LEVELS:
                raise UsageError(f"isolation_level={isolation_level!r} is not one of {', '.join(LEVELS)}")
            if timeout is not None and timeout <= 0:
                raise UsageError(f"timeout={timeout}: seconds, more than 0")
            self.terms = Terms(level, read_only, timeout, tuple(invariants), on_transition)
        if max_attempts != 1:
            if max_attempts < 1:
                raise UsageError(f"max_attempts={max_attempts}: it counts the first, so 1 is the least")
            self.policy = Policy(max_attempts, retry_lock_timeouts)
        if resolve_commit or idempotency_key is not None or when_in_progress != "wait":
            self._recognise(resolve_commit, idempotency_key, when_in_progress)
        if outermost or independent:
            if outermost and independent:
                raise UsageError("outermost= and independent= contradict each other")
            self.outermost, self.independent = outermost, independent

    def _recognise(self, resolve_commit: bool, key: Key | None, when_in_progress: str) -> None:  # noqa: FBT001
        """Have a marker in each unit."""
        if self.terms.read_only:
            raise UsageError("read_only=True writes nothing, so it has no marker (resolve_commit, idempotency_key)")
        if when_in_progress not in ("wait", "error"):
            raise UsageError(f'when_in_progress={when_in_progress!r} is neither "wait" nor "error"')
        if when_in_progress == "error" and key is None:
            raise UsageError("when_in_progress= says what to do about an idempotency_key=; there is none")
        self.recognised, self.resolve_commit, self.key = True, resolve_commit, key
        self._waits = when_in_progress == "wait"

    # As a decorator

    def __call__(self, function: Any) -> Any:
        """The function as a unit of work; see the class.

        Raises:
            UsageError: it cannot be decorated.
        """
        if isinstance(function, staticmethod | classmethod):
            return type(function)(self._decorated(function.__func__, owned=isinstance(function, classmethod)))
        return self._decorated(function)

    def _decorated(self, function: Any, *, owned: bool = False) -> Any:
        subject = subject_of(function, asynchronous=self.asynchronous, owned=owned)
        self._check_key(subject)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            found = self._find(self.what)
            joined = self._join(found) if inside.get() else None
            if joined is not None:
                with _inner(joined):
                    return subject.body(joined.session, *args, **kwargs)
            return run(self._course_of(subject, found, args, kwargs), subject.body, args, kwargs)

        @functools.wraps(function)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            found = self._find(self.what)
            joined = self._join(found) if inside.get() else None
            if joined is not None:
                with _inner(joined):
                    return await subject.body(joined.session, *args, **kwargs)
            return await run_async(self._course_of(subject, found, args, kwargs), subject.body, args, kwargs)

        made: Any = async_wrapper if self.asynchronous else wrapper
        made.__acidity__ = Decorated(self, subject)
        made.__signature__ = subject.shown
        annotations = getattr(function, "__annotations__", {})
        made.__annotations__ = {name: kind for name, kind in annotations.items() if name != subject.parameter}
        return made

    def _course_of(self, subject: Subject, found: Any, args: Any, kwargs: Any) -> Course:
        marker = self._marker_of(subject, args, kwargs) if self.recognised else None
        return self._course(found, self.terms, self.policy, marker, True, subject.name)

    # As a block

    def __enter__(self) -> Any:
        if self.asynchronous:
            raise UsageError(f"this is an async engine: write `async with {type(self).__name__}(…) as …`")
        try:
            opened = self._opened()
            if opened is None:
                return self._session_joined()
            step = to_body(opened[1])
            return step.session if isinstance(step, Body) else self._cannot_begin(step)
        except BaseException:
            self._abandon()
            raise

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if self._under_way is None:
                self._leave_joined(error)
                return
            course, steps = self._under_way
            ended: Any = to_body(steps, None if error is None else Failed(error))
        finally:
            self._abandon()
        if ended.error is not error or course.interrupted is not None:  # else it goes on as it came
            outcome(course, ended)

    async def __aenter__(self) -> Any:
        if not self.asynchronous:
            raise UsageError(f"this is a plain engine: write `with {type(self).__name__}(…) as …`")
        try:
            opened = self._opened()
            if opened is None:
                return self._session_joined()
            course, steps = opened
            step = await to_body_async(steps, course)
            return step.session if isinstance(step, Body) else self._cannot_begin(step)
        except BaseException:
            self._abandon()
            raise

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if self._under_way is None:
                self._leave_joined(error)
                return
            course, steps = self._under_way
            ended: Any = await to_body_async(steps, course, None if error is None else Failed(error))
        finally:
            self._abandon()
        if ended.error is not error or course.interrupted is not None:
            outcome(course, ended)

    def _opened(self) -> tuple[Course, Moves] | None:
        """The course of the block, and its steps; None where it joins."""
        if self.policy is not ONCE:
            raise UsageError("max_attempts=: a `with` block cannot be run again; decorate a function instead")
        if self.recognised and callable(self.key):
            raise UsageError("idempotency_key= of a block is the key itself")
        if self._under_way is not None or self._joined is not None:
            raise UsageError(f"this {type(self).__name__}(…) is entered already; write it anew for each block")
        found = self._find(self.what)
        if inside.get():
            self._joined = self._join(found)
            if self._joined is not None:
                return None
        marker = self._marker_of_block() if self.recognised else None
        course = self._course(found, self.terms, self.policy, marker, False, "", residence())
        self._under_way = opened = course, steps_of(course)
        return opened

    def _abandon(self) -> None:
        """The block is over; Ctrl-C between two of its steps may have left some undone."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way[1].close()

    def _session_joined(self) -> Any:
        assert self._joined is not None, "it joins"
        return self._joined.session

    def _leave_joined(self, error: BaseException | None) -> None:
        joined, self._joined = self._joined, None
        if joined is not None and error is not None:
            joined.poison(error)

    def _cannot_begin(self, ended: Ended) -> NoReturn:
        assert self._under_way is not None, "it was entered"
        outcome(self._under_way[0], ended)
        raise AssertionError("a block that cannot begin raises")

    # What both need

    def _join(self, target: Any) -> Joined | None:
        """The unit that this one is part of, if there is one.

        Raises:
            BoundaryError: it asks for what only the outermost can have.
        """
        if self.independent:
            self._check_writers(target)
            return None
        unit = context.current(target.key)
        if unit is None:
            if not self.terms.read_only:
                refuse_beside()
            return None
        if self.outermost:
            raise BoundaryError("outermost=True: this unit must not be part of another one, and it is")
        if unit.target.asynchronous is not self.asynchronous:
            raise BoundaryError("a plain and an async unit cannot be one; hand the session to the function inside")
        self._refuse_asked(read_only=self.terms.read_only and not unit.terms.read_only)
        return unit

    def _refuse_asked(self, *, read_only: bool = False) -> None:
        asked = {
            "isolation_level": self.terms.isolation_level,
            "max_attempts": self.policy.max_attempts > 1,
            "idempotency_key": self.key,
            "resolve_commit": self.resolve_commit,
            "timeout": self.terms.timeout,
            "read_only": read_only,
            "invariants": self.terms.invariants,
        }
        wrong = [name for name, value in asked.items() if value]
        if wrong:
            raise BoundaryError(f"{', '.join(wrong)}=: this unit joins one that has begun; ask for it on the outermost")

    def _check_writers(self, target: Target) -> None:
        around = context.current(target.key)
        if around is None or target.engine.dialect.name != "sqlite":
            return
        if not (self.terms.read_only or around.terms.read_only):
            raise BoundaryError("independent=True: SQLite has one writer, and that is the unit around this one")

    def _marker_of_block(self) -> Callable[[], Marker] | None:
        if self.key is not None:
            key = str(self.key)
            refuse_unfit(key)
            return lambda: Marker(key, idempotent=True, waits=self._waits)
        return self._random_marker()

    def _random_marker(self) -> Callable[[], Marker] | None:
        return (lambda: Marker(uuid4().hex)) if self.resolve_commit else None

    def _check_key(self, subject: Subject) -> None:
        if isinstance(self.key, str) and self.key not in list(subject.signature.parameters)[subject.place + 1 :]:
            raise UsageError(
                f"idempotency_key={self.key!r}: {subject.name}() has no such parameter; for a function it names the "
                f"parameter with the key, or is a callable of the arguments"
            )

    def _marker_of(self, subject: Subject, args: Any, kwargs: Any) -> Callable[[], Marker] | None:
        if self.key is None:
            return self._random_marker()
        arguments = subject.arguments(args, kwargs)
        key = self.key(*args, **kwargs) if callable(self.key) else arguments[self.key]
        refuse_unfit(key)
        fingerprint = fingerprint_of(subject.name, arguments)
        return lambda: Marker(key, fingerprint, idempotent=True, waits=self._waits)


@dataclass(frozen=True, slots=True)
class Decorated:
    """What is behind a decorated function.

    Attributes:
        unit: what it was decorated with.
        subject: what was decorated.
    """

    unit: atomic
    subject: Subject

    def marker(self, args: Any, kwargs: Any) -> Marker | None:
        """The marker of a call with these arguments; None if it has none."""
        made = self.unit._marker_of(self.subject, args, kwargs)
        return None if made is None else made()


def refuse_beside() -> None:
    """Refuse a unit on another database than the one that is under way.

    Raises:
        BoundaryError: one is.
    """
    if context.around() is not None:
        raise BoundaryError(
            "a unit of work on another database is under way: each has its own COMMIT, so they can come apart. "
            "two_phase(), an outbox or a saga keep them together; independent=True lets them come apart"
        )


class _inner:  # noqa: N801  # a block
    """An inner unit: whatever it raises poisons the outer one, also when the outer one catches it."""

    def __init__(self, unit: Joined) -> None:
        self.unit = unit

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            self.unit.poison(error)

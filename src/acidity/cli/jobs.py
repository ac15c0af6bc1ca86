"""``--jobs``: several targets and engines at once, each asked about in processes of their own.

Such a process is told what to ask on its stdin, one job after another, and tells how far it is and what it found on a
pipe, one line of JSON for each. It is in a session of its own, so a Ctrl-C comes to it once, from here: it then tells
what it has found, and cleans up, as a check does that is alone.
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from acidity.cli.asking import INTERRUPTED, Ask, Heard, Item, ask_one
from acidity.cli.leaving import end_undisturbed, leave_if_told, signals_as_exits
from acidity.cli.options import Request
from acidity.cli.progress import Progress, progress_bar
from acidity.cli.target import resolve
from acidity.core.exits import outliving
from acidity.core.parting import Parting, parting
from acidity.errors import EngineUnavailable, Interrupted, NotApplicable, Terminated, UsageError
from acidity.report.secret import safe

LOOK_S = 0.2  # how often to see whether a signal was swallowed
LABEL = "label"
ANSWER, STOPPED, LEFT_OUT, TROUBLE, UNAVAILABLE = "answer", "stopped", "left out", "trouble", "unavailable"
GONE = "gone"
_BEGIN = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from acidity.cli.jobs import work
work()
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is told to ask.

    Attributes:
        target: as it can be typed.
        db: the engine.
        request: the options.
        ask: the name of a function of `prove`.
        more: further arguments of it.
    """

    target: str
    db: str
    request: Request
    ask: str
    more: dict[str, Any]


@dataclass(slots=True)
class Worker:
    """A process that is told what to ask, one job after another.

    Attributes:
        process: it.
        pipe: where it tells; a file descriptor.
        at: the position of the job that it works at; None while it has none.
        unread: the begin of a line whose end has not come.
    """

    process: subprocess.Popen[bytes]
    pipe: int
    at: int | None = None
    unread: bytes = b""

    @classmethod
    def started(cls) -> Worker:
        """A new one."""
        pipe, told = os.pipe()
        command = [sys.executable, "-c", _BEGIN, str(told)]
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=(told,), start_new_session=True
        )
        os.close(told)
        worker = cls(process, pipe)
        worker.give(sys.path)  # which it may take to find acidity
        return worker

    def give(self, what: Any) -> None:
        """Let it have a job; one that has died is heard of by its pipe."""
        assert self.process.stdin is not None, "it was asked for"
        with suppress(BrokenPipeError):
            pickle.dump(what, self.process.stdin)
            self.process.stdin.flush()

    def dismiss(self) -> None:
        """There is no more to do."""
        assert self.process.stdin is not None, "it was asked for"
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def lines(self) -> list[dict[str, Any]] | None:
        """What has come since the last look; None once no more can come."""
        part = os.read(self.pipe, 1 << 16)
        if not part:
            return None
        *whole, self.unread = (self.unread + part).split(b"\n")
        return [json.loads(line) for line in whole]


def at_once(items: Sequence[Item], request: Request, ask: Ask, more: dict[str, Any]) -> Heard:
    """Ask about all items, ``request.jobs`` of them at once.

    Raises:
        EngineUnavailable: an engine that was named cannot be started.
    """
    jobs = [Job(it.target.name, it.db, request, ask.__name__, more) for it in items]
    heard = Heard()
    with progress_bar("working on", of="checks") as progress, _Crew(jobs, progress).working(request.jobs) as crew:
        while crew.is_busy:
            try:
                crew.go_on()
                leave_if_told()
            except KeyboardInterrupt:
                if heard.stopped is not None:
                    raise
                crew.stop(signal.SIGINT)
                heard.stopped = INTERRUPTED
            except Terminated as stop:
                crew.stop(signal.SIGTERM)
                heard.stopped = int(stop.code or 0)
    for at, told in sorted(crew.told.items()):
        _sort(at, told, items[at], heard)
    if heard.stopped == INTERRUPTED:
        heard.interrupted(len(items))
    return heard


def _sort(at: int, told: dict[str, Any], item: Item, heard: Heard) -> None:
    if UNAVAILABLE in told:
        raise EngineUnavailable(told[UNAVAILABLE])
    if ANSWER in told:
        from acidity import prove

        heard.answers[at] = prove.from_json(told[ANSWER])[0]
    elif LEFT_OUT in told:
        heard.left_out[at] = told[LEFT_OUT]
    elif TROUBLE in told:
        heard.troubles.setdefault(told[TROUBLE], item.target.name)
    if STOPPED in told and heard.stopped is None:  # somebody stopped this one alone
        heard.stopped = int(told[STOPPED])


class _Crew:
    """The processes at work.

    Attributes:
        told: what became of each job that is over, by its position.
    """

    def __init__(self, jobs: Sequence[Job], progress: Progress) -> None:
        self.told: dict[int, dict[str, Any]] = {}
        self._jobs = jobs
        self._waiting = list(range(len(jobs)))
        self._progress = progress
        self._is_stopped = False
        self._ready = selectors.DefaultSelector()

    @contextmanager
    def working(self, many: int) -> Iterator[_Crew]:
        """While this lasts, so many are at work at once; whoever is left at its end is ended at once."""
        try:
            for _ in range(min(many, len(self._jobs))):
                self._begin()
            yield self
        finally:
            for each in self._workers:
                each.process.kill()
                self._gone(each)
            self._ready.close()

    @property
    def is_busy(self) -> bool:
        """Whether somebody is at work."""
        return bool(self._workers)

    @property
    def _workers(self) -> list[Worker]:
        return [key.data for key in self._ready.get_map().values()]

    def _begin(self) -> None:
        worker = Worker.started()
        self._ready.register(worker.pipe, selectors.EVENT_READ, worker)
        self._next(worker)

    def _next(self, worker: Worker) -> None:
        worker.at = self._waiting.pop(0) if self._waiting else None
        if worker.at is None:
            worker.dismiss()
        else:
            worker.give(self._jobs[worker.at])

    def go_on(self) -> None:
        """Hear what has been told meanwhile, and give those who are done something to do."""
        for key, _ in self._ready.select(LOOK_S):
            worker: Worker = key.data
            lines = worker.lines()
            if lines is None:
                self._gone(worker)
                continue
            *_, last = lines or [{}]
            ends = [line for line in lines if LABEL not in line]
            if ends and worker.at is not None:
                self.told[worker.at] = ends[0]
                if STOPPED in ends[0]:  # somebody stopped this one alone; that ends a check that is alone, too
                    self._waiting.clear()
                if GONE in ends[0]:
                    worker.at = None
                else:
                    self._next(worker)
            self._progress(len(self.told), len(self._jobs), last.get(LABEL, ""))

    def _gone(self, worker: Worker) -> None:
        self._ready.unregister(worker.pipe)
        os.close(worker.pipe)
        worker.dismiss()
        ended = worker.process.wait()
        if worker.at is not None:
            trouble = {TROUBLE: f"its process ended without an answer (exit code {ended})"}
            self.told[worker.at] = {} if self._is_stopped else trouble
        if self._waiting:
            self._begin()

    def stop(self, number: signal.Signals) -> None:
        """Begin nothing any more, and pass the signal on; what was found is told yet."""
        self._is_stopped = True
        self._waiting.clear()
        for each in self._workers:
            with suppress(ProcessLookupError):
                each.process.send_signal(number)


# What follows runs in the process of its own.


def work() -> None:
    """Ask what stdin says, and tell it on the pipe whose number is the first argument, until there is no more."""
    with signals_as_exits(), outliving(), open(int(sys.argv.pop()), "w", encoding="utf-8") as pipe:  # noqa: PTH123

        def tell(line: dict[str, Any]) -> None:
            pipe.write(json.dumps(line) + "\n")
            pipe.flush()

        with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):  # nothing to do, nobody listens, stopped idle
            while True:
                job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that started this one
                with parting(partial(_tell_parting, tell)):
                    told = _heard(job, partial(_tell_progress, job, tell))
                tell(told)
                if STOPPED in told:
                    break
    end_undisturbed()


def _heard(job: Job, progress: Progress) -> dict[str, Any]:
    """What became of it."""
    from acidity import prove

    try:
        (target,) = resolve(job.target, job.request.function)
        answer = ask_one(Item(target, job.db), job.request, getattr(prove, job.ask), job.more, progress)
        return {ANSWER: prove.to_json(answer)}
    except NotApplicable as error:
        return {LEFT_OUT: str(error)}
    except UsageError as error:
        return {TROUBLE: str(error)}
    except EngineUnavailable as error:
        return {UNAVAILABLE: str(error)}
    except Interrupted as stop:
        return {ANSWER: prove.to_json(stop.report), STOPPED: INTERRUPTED}
    except KeyboardInterrupt:
        return {STOPPED: INTERRUPTED}
    except Terminated as stop:
        found = {} if stop.report is None else {ANSWER: prove.to_json(stop.report)}
        return {**found, STOPPED: stop.code}
    except Exception:
        click.echo(safe(traceback.format_exc()), err=True, nl=False)
        return {TROUBLE: "this is a bug in acidity, not an answer about your code; please report the lines above"}


def _tell_parting(tell: Callable[[dict[str, Any]], None], end: Parting) -> None:
    """The last that is heard of this process."""
    from acidity import prove

    if end.answer is not None:
        tell({ANSWER: prove.to_json(end.answer), GONE: True})


def _tell_progress(job: Job, tell: Callable[[dict[str, Any]], None], done: int, total: int, label: str) -> None:
    leave_if_told()
    try:
        tell(
            {LABEL: f"{job.target} on {job.db} {label}".strip() + f", {done} of {total} run{'' if total == 1 else 's'}"}
        )
    except BrokenPipeError:  # whoever asked is gone
        raise Terminated(128 + signal.SIGPIPE) from None

"""A replayed run as text: what was asked, every Call in order, what the caller was told, and the rows."""
# ruff: noqa: D102 - the fields of ReplayedRun are described where the values are made

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from acidity.core.call import Event, History, Kind
from acidity.core.finding import RowChange, Verdict
from acidity.core.life import lived
from acidity.core.outcome import Ending, Rows, Told
from acidity.core.report import EngineInfo
from acidity.core.schedule import Schedule
from acidity.core.step import SeenStep
from acidity.report.page import Page, cells
from acidity.report.values import described

GREY = "bright_black"
INCONSISTENT = "inconsistent"
INDENT = 22
VERDICT_STYLES = {"pass": "green", "fail": "bold red", "unknown": "bold yellow"}
_TOLD = {
    Told.OK: "ok: it worked",
    Told.FAILED: "failed: it did not work",
    Told.UNKNOWN: "nothing certain: it may or may not have worked",
    Told.UNDECIDED: "something that only you can read: say with succeeded= which answers mean success",
}
_ROWS = {
    Rows.BEFORE: "as before: nothing of the operation is there",
    Rows.AFTER: "after: everything the operation writes is there",
    Rows.LEGAL: "legal: an end state that also= names",
    Rows.DOUBLED: "doubled: the change is there more than once",
    Rows.TORN: "torn: a part of the operation is there, or something else",
}


class ReplayedRun(Protocol):
    """What `prove.replay` answers with, as far as a format reads it."""

    @property
    def target(self) -> str: ...
    @property
    def engine(self) -> EngineInfo: ...
    @property
    def operation(self) -> str: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def struck(self) -> bool: ...
    @property
    def word(self) -> str: ...
    @property
    def told(self) -> Told: ...
    @property
    def rows(self) -> Rows: ...
    @property
    def history(self) -> History: ...
    @property
    def diff(self) -> tuple[RowChange, ...]: ...
    @property
    def ending(self) -> Ending: ...
    @property
    def broken(self) -> tuple[str, ...]: ...
    @property
    def unknowns(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def steps(self) -> tuple[SeenStep, ...]: ...
    @property
    def misfit(self) -> tuple[Rows, str] | None: ...
    @property
    def verdict(self) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Rerun:
    """One replayed run, and what the report it came from had said.

    Attributes:
        run: what happened this time.
        expected: the words of the findings that this run is to show again; none for a schedule typed by hand.
    """

    run: ReplayedRun
    expected: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """How the user named the scenario."""
        return self.run.target

    @property
    def verdict(self) -> Verdict:
        """Pass, fail or unknown, as the rows of this run say; what was expected plays no part."""
        return self.run.verdict

    @property
    def reproduced(self) -> bool | None:
        """Whether the run shows all that was expected; None when nothing was."""
        return all(map(self.shows, self.expected)) if self.expected else None

    @property
    def missed(self) -> bool:
        """Whether the schedule holds a fault that broke nothing this time."""
        return not self.run.struck and any(choice.fault for choice in self.run.schedule.choices)

    def shows(self, word: str) -> bool:
        """Whether the run ended with this word."""
        if word == INCONSISTENT:
            return bool(self.run.broken)
        return not self.missed and self.run.word == word


def say_rerun_in_a_line(page: Page, rerun: Rerun) -> None:
    """Put nothing but the verdict of one replayed run on the page."""
    run = rerun.run
    verdict = "FAIL" if run.verdict == "fail" else run.verdict
    said = (f"{verdict}: {run.word}", VERDICT_STYLES[run.verdict])
    page.say((run.target, "bold"), "  ", said, (f"  {run.operation}, replaying {run.schedule}", GREY))


def say_rerun(page: Page, rerun: Rerun) -> None:
    """Put one replayed run on the page."""
    run = rerun.run
    engine = f"{run.engine.name} {run.engine.version}".strip()
    page.say((run.target, "bold"), (f"  {run.operation} on {engine}, replaying {run.schedule}", GREY))
    page.blank()
    say_history(page, run.history)
    page.blank()
    page.say(_TOLD[run.told] + _how(run.ending), label="the caller was told  ", label_style="cyan", indent=1)
    for seen in run.steps:
        _say_step(page, seen)
    rows, misfit = run.misfit or (run.rows, "")
    page.say(_ROWS[rows], label="the rows are         ", label_style="cyan", indent=1)
    for change in run.diff:
        page.say(str(change), indent=INDENT)
    if misfit:
        page.say(misfit, label="which does not fit   ", label_style="cyan", indent=1)
    verdict = "FAIL" if run.verdict == "fail" else run.verdict
    page.say(f"{verdict}: {run.word}", label="verdict              ", label_style=VERDICT_STYLES[run.verdict], indent=1)
    for broken in run.broken:
        page.say(f"broken: {broken}", indent=INDENT)
    for reason in run.unknowns:
        page.say(f"undecided: {reason}", indent=INDENT)
    for word in rerun.expected:
        said = (
            f"reproduced: {word}"
            if rerun.shows(word)
            else f"not reproduced: it said {word!r}, this run is {run.word!r}"
        )
        page.say(said, label="the report           ", label_style="cyan", indent=1)
    for note in run.notes:
        page.say((note, GREY), label="note: ", label_style=GREY, indent=1)


def _say_step(page: Page, seen: SeenStep) -> None:
    """What ran after the operation, its Calls below; the second time only how it ended."""
    step = seen.step
    ended = f"failed: {step.raised}; rows {seen.rows}" if step.raised else f"rows {seen.rows}"
    effects = "".join(f"; {name} took place {count}×" for name, count in sorted(step.effects.items()))
    label = f"{'again' if seen.again else 'then'} {step.role}"
    page.say(f"{step.name}: {ended}{effects}", label=f"{label:<21}", label_style="cyan", indent=1)
    if not seen.again:
        say_history(page, step.history, indent=INDENT)


def say_history(page: Page, history: Sequence[Event], *, indent: int = 0) -> None:
    """The Calls as a list: number, line of user code, state of the transaction after it, what was sent and its end."""
    site_width = max((cells(str(event.call.site or "")) for event in history), default=0)
    steps = lived(history)
    state_width = max((cells(step.state or "") for step in steps), default=0)
    for step in steps:
        event, call = step.event, step.event.call
        label = f" {call.actor}{call.index:<3} {call.site or ''!s:<{site_width}}  {step.state or '':<{state_width}}  "
        sent = f"effect {call.label}" if call.kind is Kind.EFFECT else call.label
        if call.params:
            sent += f"   {described(call.params)}"
        page.say(sent, _ended(event), label=label, label_style=GREY, indent=indent)


def _ended(event: Event) -> tuple[str, str]:
    reply = event.reply
    error = " ".join(part for part in (reply.code, reply.error) if part)
    if event.fault:
        return f"   ← struck by {event.fault}" + (f": {error}" if error else ""), "bold red"
    if reply.status == "ok":
        return "", ""
    status = "no answer" if reply.status == "unknown" else "error"
    return f"   ← {status}" + (f": {error}" if error else ""), "yellow"


def _how(ending: Ending) -> str:
    if ending.exception:
        message = " ".join(ending.message.split())
        return f" (raised {ending.exception}{': ' if message else ''}{message})"
    return f" (returned {described(ending.answer)})" if ending.answer is not None else ""

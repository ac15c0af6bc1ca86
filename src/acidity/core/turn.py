"""A `Turn`: one granted Call with all that took place until nobody could go on by itself; the `Trace` of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from acidity.core.call import Call, Event
from acidity.core.schedule import Choice, Schedule


@dataclass(frozen=True, slots=True)
class Turn:
    """What one grant led to.

    Attributes:
        actor: who was let go.
        call: the Call that it made; None where it had none to make yet, or none any more.
        waits: it was still waiting for a lock when nobody could go on by himself.
        woken: who had waited, and was answered in this turn.
        refused: the database refused it as busy, for good, because nobody was left who could go on first.
        waiting: who waits after it, and for whom as far as the engine says.
        events: what was answered in it, in this order.
    """

    actor: str
    call: Call | None
    waits: bool = False
    woken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    waiting: Mapping[str, frozenset[str]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """The turns of one run.

    Attributes:
        turns: in their order.
        enabled: for each turn, who could have been let go, in the order of the callers.
    """

    turns: tuple[Turn, ...]
    enabled: tuple[tuple[str, ...], ...]

    @property
    def grants(self) -> tuple[str, ...]:
        """Who was let go, turn by turn."""
        return tuple(turn.actor for turn in self.turns)


def schedule_of(grants: Iterable[str]) -> Schedule:
    """The Schedule in which each is let go in turn.

    >>> str(schedule_of("ABBA"))
    'ac1:A.B2.A'
    """
    choices: list[Choice] = []
    for name in grants:
        if choices and choices[-1].actor == name:
            choices[-1] = Choice(name, choices[-1].calls + 1)
        else:
            choices.append(Choice(name))
    return Schedule(tuple(choices))


def grants_of(schedule: Schedule) -> tuple[str, ...]:
    """Who is let go, turn by turn.

    >>> grants_of(Schedule.parse("ac1:A.B2.A"))
    ('A', 'B', 'B', 'A')
    """
    return tuple(choice.actor for choice in schedule.choices for _ in range(choice.calls))

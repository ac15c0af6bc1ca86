"""A `Schedule`: the choices that describe a run wholly, printed as ``ac1:A.B.A2.B2`` or ``ac1:A3!error-after``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_uppercase

from acidity.errors import UsageError

PREFIX = "ac1:"
_CHOICE = re.compile(
    r"(?P<actor>[A-Z])(?P<calls>[1-9][0-9]{0,8})?"
    r"(?:!(?P<fault>[a-z][a-z0-9-]*)(?P<persistent>\*)?(?:@(?P<state>[0-9]{1,9}\.[0-9a-z]{1,80}))?)?"
)
_BETWEEN = re.compile(r"\.(?=[A-Z]|\.|$)")  # a state has a dot of its own


def actor_name(position: int) -> str:
    """The letter of the caller at a position, from 0, in the order of the scenario's operations.

    >>> actor_name(0), actor_name(25)
    ('A', 'Z')

    Raises:
        UsageError: there are no more letters.
    """
    if not 0 <= position < len(ascii_uppercase):
        raise UsageError(f"there are {len(ascii_uppercase)} letters for callers; caller {position + 1} has none")
    return ascii_uppercase[position]


FIRST = actor_name(0)  # the only caller of a run that has one


@dataclass(frozen=True, slots=True)
class Choice:
    """Let one actor make some Calls; the last of them may be struck by a fault.

    Attributes:
        actor: the letter of the operation.
        calls: how many Calls it makes, at least 1.
        fault: the name of the fault that strikes the last of them, or nothing.
        persistent: the fault stays from there on.
        state: which of the states that the fault can leave, as ``OP.SET``; empty for a fault that leaves one.
    """

    actor: str
    calls: int = 1
    fault: str = ""
    persistent: bool = False
    state: str = ""

    def __str__(self) -> str:
        count = "" if self.calls == 1 else str(self.calls)
        fault = f"!{self.fault}{'*' if self.persistent else ''}" if self.fault else ""
        return f"{self.actor}{count}{fault}{f'@{self.state}' if self.state else ''}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A sequence of choices; parse it back with `Schedule.parse`.

    >>> str(Schedule((Choice("A", 3, "error-after"),)))
    'ac1:A3!error-after'
    """

    choices: tuple[Choice, ...] = ()

    def __str__(self) -> str:
        return PREFIX + ".".join(map(str, self.choices))

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read the printed form.

        Raises:
            UsageError: the text is not a Schedule.
        """
        body = text.removeprefix(PREFIX)
        if body == text:
            raise UsageError(f"not a schedule: {text!r} (it starts with {PREFIX!r}, as in 'ac1:A3!error-after')")
        choices = []
        for part in _BETWEEN.split(body) if body else ():
            match = _CHOICE.fullmatch(part)
            if match is None:
                raise UsageError(
                    f"not a schedule: {text!r} (cannot read {part!r}; write 'A', 'A3' or 'A3!error-after*')"
                )
            choices.append(
                Choice(
                    match["actor"],
                    int(match["calls"] or 1),
                    match["fault"] or "",
                    bool(match["persistent"]),
                    match["state"] or "",
                )
            )
        return cls(tuple(choices))

    @property
    def simplicity(self) -> tuple[int, int, int, str]:
        """What "simplest" means: fewest actors, then fewest Calls, fewest switches, earliest actor."""
        actors = len({choice.actor for choice in self.choices})
        return actors, sum(choice.calls for choice in self.choices), len(self.choices), str(self)

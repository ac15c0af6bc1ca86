"""What callers leave beside rows, answers and effects, and what nobody compares: it is said not to be covered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from acidity.core.call import Event
from acidity.engines.speech import speech_of

_NOTIFIES = re.compile(r"notify\b|.*\bpg_notify ?\(", re.DOTALL)


def uncompared(events: Iterable[Event], engine: str) -> Iterator[str]:
    """In words, each once.

    Args:
        events: what the callers did.
        engine: the name of their engine.
    """
    speech = speech_of(engine)
    texts = dict.fromkeys(event.call.sql for event in events)
    if any(map(speech.sets_position, texts)):
        yield "the numbers at which the program sets its sequences"
    if engine == "postgresql" and any(_NOTIFIES.match(each) for text in texts for each in speech.statements(text)):
        yield "what is sent by NOTIFY"

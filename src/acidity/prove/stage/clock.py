"""Let a second pass where it matters: a time written in that of the set-up, or of another run, would look kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from acidity.analysis.answers import parts_of
from acidity.analysis.documents import ROOT, document, leaves
from acidity.analysis.values import instant, is_epoch, is_time, is_whole_second
from acidity.core.outcome import State
from acidity.prove.stage.naps import skipped_s

_CLOCK = re.compile(r"(?<!\d)\d\d:(\d\d):(\d\d)(?![\d.])")
_CLOCK_WITHOUT_SIGNS = re.compile(r"(?<!\d)\d{8}[T_-]?\d\d(\d\d)(\d\d)(?!\d)")
_EPOCH = re.compile(r"(?<![\d.])\d{10}(?![\d.])")
_HOUR_S = 3600.0
_NEAR_S = 2.0


def present() -> float:
    """What the clocks of callers tell, in seconds since 1970."""
    return time.time() + skipped_s()


def let_second_pass(rows: State, said: Iterable[Any] = (), seed: State | None = None) -> None:
    """Wait for the next second if the present one stands in these rows, or in what was said.

    Args:
        rows: what a run left.
        said: what its callers said; there, any whole second may be one of this run alone.
        seed: the rows before, if so may be a whole second that is not among them, at whatever distance, as of a time to
            live, or in the midst of a text.
    """
    now, said = present(), tuple(said)
    values = _values(rows)
    known = _values(seed) if seed else values
    new = any(map(is_whole_second, _plain(values) - _plain(known)))
    told = _texts(values) - _texts(known)
    if new or any(_tells(each, now) for each in (*values, *said)) or any(_tells(each, None) for each in (*told, *said)):
        time.sleep(1.0 - now % 1.0)


def let_setup_pass(seed: State) -> None:
    """Wait until a second after the set-up if a second stands in its rows, at whatever distance, as of a time to live.

    A run would else write the same time once more, be its clock cut to seconds or rounded, and seem to keep it.
    """
    if seed.during is None:
        return
    now, values = present(), _values(seed)
    left = 1.0 - (now - seed.during[1])
    written = any(map(_is_second, _plain(values))) or any(_tells(each, None) for each in _texts(values))
    if left > 0 and (written or any(_tells(each, now) for each in values)):
        time.sleep(left)


def _is_second(value: object) -> bool:
    """Whether a clock of whole seconds may have made it; what is on the hour was written down by somebody."""
    if not is_whole_second(value):
        return False
    known = instant(value)
    return known is None or 1.0 <= known[1] < _HOUR_S


def _plain(values: Iterable[object]) -> set[object]:
    """What may be a time, also within documents."""
    found: set[object] = set()
    for value in values:
        inside = document(value)
        parts = [value] if inside is None else [leaf for _, leaf in leaves(inside, ROOT)]
        found |= {each for each in parts if isinstance(each, str | int | float | Decimal) or is_time(each)}
    return found


def _values(rows: State) -> list[object]:
    return [value for table in rows.tables.values() for row in table.rows for value in row]


def _texts(values: Iterable[object]) -> set[str]:
    """Those in which a time would be compared as it stands."""
    return {each for each in values if isinstance(each, str) and not is_time(each) and document(each) is None}


def _tells(said: Any, now: float | None) -> bool:
    """Whether any part of it is the present second, or a text or number in which that stands, whatever the zone.

    Args:
        said: what was said, or a value in a row.
        now: the present; None for any second, but in numbers.
    """
    if type(said) is int:
        return now is not None and (_is_now(said, now) or _stands_in(str(said), now))
    parts = said if isinstance(said, set | frozenset) else (parts_of(said) or {}).values()
    if isinstance(said, str | bytes):
        return _stands_in(said if isinstance(said, str) else said.decode(errors="replace"), now)
    return (is_whole_second(said) and (now is None or _is_now(said, now))) or any(_tells(part, now) for part in parts)


def _stands_in(text: str, now: float | None) -> bool:
    clocks = [found for each in (_CLOCK, _CLOCK_WITHOUT_SIGNS) for found in each.findall(text)]
    numbers = [int(number) for number in _EPOCH.findall(text)]
    if now is None:
        return bool(clocks) or any(map(is_epoch, numbers))
    past_the_hour = ((int(minute) * 60 + int(second) - now) % _HOUR_S for minute, second in clocks)
    return any(min(away, _HOUR_S - away) < _NEAR_S for away in past_the_hour) or any(
        _is_now(number, now) for number in numbers
    )


def _is_now(value: object, now: float) -> bool:
    if isinstance(value, int | float):
        return abs(value - now) < _NEAR_S
    with suppress(ValueError):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        naive = moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        present = (datetime.fromtimestamp(now, UTC).replace(tzinfo=None), datetime.fromtimestamp(now))  # noqa: DTZ006
        return any(abs((naive - moment_now).total_seconds()) < _NEAR_S for moment_now in present)
    return False

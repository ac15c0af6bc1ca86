"""Let a second pass where it matters: a time written in that of the set-up, or of another run, would look kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from acidity.analysis.answers import parts_of
from acidity.analysis.values import is_whole_second
from acidity.core.outcome import State
from acidity.prove.stage.naps import skipped_s

_CLOCK = re.compile(r"(?<!\d)\d\d:(\d\d):(\d\d)(?![\d.])")
_EPOCH = re.compile(r"(?<![\d.])\d{10}(?![\d.])")
_HOUR_S = 3600.0
_NEAR_S = 2.0


def present() -> float:
    """What the clocks of callers tell, in seconds since 1970."""
    return time.time() + skipped_s()


def let_second_pass(rows: State, said: Iterable[Any] = ()) -> None:
    """Wait for the next second if these rows, or what was said, hold a whole second that is the present one."""
    now = present()
    values = (value for table in rows.tables.values() for row in table.rows for value in row)
    if any(is_whole_second(value) and _is_now(value, now) for value in values) or any(
        _tells(each, now) for each in said
    ):
        time.sleep(1.0 - now % 1.0)


def _tells(said: Any, now: float) -> bool:
    """Whether any part of it is the present second, or a text in which that stands, whatever the time zone."""
    parts = said if isinstance(said, set | frozenset) else (parts_of(said) or {}).values()
    if isinstance(said, str | bytes):
        text = said if isinstance(said, str) else said.decode(errors="replace")
        past_the_hour = ((int(minute) * 60 + int(second) - now) % _HOUR_S for minute, second in _CLOCK.findall(text))
        return any(min(away, _HOUR_S - away) < _NEAR_S for away in past_the_hour) or any(
            _is_now(int(number), now) for number in _EPOCH.findall(text)
        )
    return (is_whole_second(said) and _is_now(said, now)) or any(_tells(part, now) for part in parts)


def _is_now(value: object, now: float) -> bool:
    if isinstance(value, int | float):
        return abs(value - now) < _NEAR_S
    with suppress(ValueError):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        naive = moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        present = (datetime.fromtimestamp(now, UTC).replace(tzinfo=None), datetime.fromtimestamp(now))  # noqa: DTZ006
        return any(abs((naive - moment_now).total_seconds()) < _NEAR_S for moment_now in present)
    return False

"""Let a second pass where it matters: a time written in that of the set-up, or of another run, would look kept."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from acidity.analysis.values import is_whole_second
from acidity.core.outcome import State
from acidity.prove.stage.naps import skipped_s


def let_second_pass(rows: State) -> None:
    """Wait for the next second if these rows hold a whole second that is the present one."""
    now = time.time() + skipped_s()
    for table in rows.tables.values():
        for row in table.rows:
            if any(is_whole_second(value) and _is_now(value, now) for value in row):
                time.sleep(1.0 - now % 1.0)
                return


def _is_now(value: object, now: float) -> bool:
    if isinstance(value, int | float):
        return abs(value - now) < 2
    with suppress(ValueError):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        naive = moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        present = (datetime.fromtimestamp(now, UTC).replace(tzinfo=None), datetime.fromtimestamp(now))  # noqa: DTZ006
        return any(abs((naive - moment_now).total_seconds()) < 2 for moment_now in present)
    return False

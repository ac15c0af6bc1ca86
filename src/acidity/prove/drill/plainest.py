"""Which of the runs that show one cause is shown."""

from __future__ import annotations

from acidity.prove.drill.judge import Judged
from acidity.prove.faults import FAULTS

Plainness = tuple[bool, bool, int, int, int, tuple[int, int, int, str]]


def plainness(item: Judged) -> Plainness:
    """The place of a run in the order in which they are shown: the smallest first.

    1. An error before a warning: a run that only warns does not show what the finding is about.
    2. A real fault before a simulated one: nobody can say that it never happens. A clean run is as real as can be.
    3. An ordinary fault (the next statement fails, then: the connection is lost, the process is killed) before an
       exotic one (a COMMIT without answer, no memory): who reads it has met the ordinary one, and believes it.
    4. Few Calls before many: there is less to read before it breaks.
    5. The faults in the order of their registry, which begins with the plainest, then `Schedule.simplicity`: so that
       the same run is shown every time.
    """
    run = item.run
    choice = run.schedule.choices[0] if run.schedule.choices else None
    fault = FAULTS[choice.fault] if choice is not None else None
    return (
        item.judgement.severity == "warning",
        choice is not None and run.mode == "simulated",
        fault.rarity if fault is not None else -1,
        len(run.history),
        list(FAULTS).index(fault.name) if fault is not None else -1,
        run.schedule.simplicity,
    )

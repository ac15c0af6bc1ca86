"""A run that shows something is made again before that is said: what comes once only is no fact."""

from __future__ import annotations

from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.every import Chooser, Deviated
from acidity.prove.explore.judge import Judged
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.observe import Observer
from acidity.prove.explore.search import Search

REPLAYS = 3  # a finding is said when it has come again so often, one time after the other
ATTEMPTS = 2  # where one of them deviates, all are made once more; each starts from an exact reset, see `Sandbox.exact`


def replayed(
    lab: Lab, search: Search, judged: Judged, key: object, grants: tuple[str, ...], attempts: int = ATTEMPTS
) -> tuple[Played, Observer] | None:
    """The run, watched from outside once and made again twice; None if it does not come again.

    Args:
        lab: runs it.
        search: says what tells one run from another.
        judged: the run.
        key: what it came to.
        grants: who is let go, turn by turn.
        attempts: how often all that may be tried.
    """
    for _ in range(attempts):
        observer = Observer(lab, judged.played.history, search.one_by_one())
        try:
            again = [lab.run(observer.watching(Chooser(grants)), observer.after_turn)]
            again += [lab.run(Chooser(grants)) for _ in range(REPLAYS - 1)]
        except Deviated:
            continue
        except Unsettled:
            return None
        same = all(search.outcome(played) == key and played.trace.grants == grants for played in again)
        if same and not observer.owes_a_look:
            return again[0], observer
    return None

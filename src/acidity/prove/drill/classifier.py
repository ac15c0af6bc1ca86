"""The classifier of letter A: how many writes the clean run makes, in how many commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from acidity.core.call import Call, History, sets_of
from acidity.prove.drill.spread import spread
from acidity.prove.drill.transactions import transactions


def classified(
    history: History,
    *,
    several: bool = False,
    refused: bool = False,
    unprotected: Sequence[str] = (),
    unasked: Collection[int] = (),
    given_up: Sequence[tuple[int, int]] = (),
    resets: Sequence[tuple[int, int]] = (),
) -> str:
    """How many writes in how many commits; what was rolled back on purpose is none.

    An ``executemany`` is as many writes as it has sets of parameters: drivers send most of them one by one.

    Args:
        history: of the clean run.
        several: several commits may be intended.
        refused: the clean run was refused, as it is meant to be.
        unprotected: the tables that it changes and that know no transactions.
        unasked: see `transactions`.
        given_up: see there.
        resets: see there.
    """
    found = [each for each in transactions(history, unasked, given_up, resets) if each.fate != "taken back"]
    commits = sum(1 for each in found if each.fate == "committed")
    if commits:
        counted = {id(event) for each in found for event in each.writes}
        history = tuple(event for event in history if not event.call.writes or id(event) in counted)
    if over_databases := spread(history, several=several):
        return over_databases
    calls = [event.call for event in history if event.call.writes]
    if not calls:
        return "read only"
    what = _counted(calls)
    all_committed = commits == len(found)
    if refused and commits == 0:
        return f"{what}, refused and rolled back"
    if what == "1 write":
        return f"{what}: needs no transaction"
    if len(calls) == 1 and calls[0].autocommit:
        return f"{what} outside any transaction"
    if commits == 1 and all_committed and unprotected:
        return f"{what} in 1 commit, and no transactions in {', '.join(unprotected)}: unprotected"
    if commits == 1 and all_committed:
        return f"{what} in 1 commit: protected"
    if commits == 0:
        return f"{what}, no commit: unprotected"
    if not all_committed:
        return f"{what}, some without commit: unprotected"
    return f"{what} in {commits} commits: {'intended' if several else 'unprotected'}"


def _counted(calls: Sequence[Call]) -> str:
    """The writes; of a single Call that may hold more than its text shows nobody knows how many."""
    writes = sum(max(1, sets_of(call.params)) if call.many else 1 for call in calls)
    if writes > 1:
        return f"{writes} writes"
    return "1 call" if calls[0].holds_several else "1 write"

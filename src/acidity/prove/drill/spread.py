"""The classifier of letter A for writes to several databases: what makes them one, if anything does."""

from __future__ import annotations

from acidity.core.call import History, Kind


def spread(history: History, *, several: bool = False) -> str:
    """How many writes went to which databases, and how they are committed; nothing where they went to one.

    `several` commits may be intended.

    >>> spread(())
    ''
    """
    writes = [event.call for event in history if event.call.writes]
    databases = dict.fromkeys(call.database for call in writes)
    if len(databases) < 2:
        return ""
    where = f"{len(writes)} writes in {len(databases)} databases"
    prepared = {event.call.database for event in history if event.call.kind is Kind.PREPARE}
    if databases.keys() <= prepared:
        return f"{where}, all prepared: two-phase commit"
    commits = sum(1 for event in history if event.call.commits)
    if prepared:
        return f"{where}, {len(prepared)} of them prepared: {commits} commit{'' if commits == 1 else 's'}"
    return f"{where}, each committed for itself: {'intended' if several else 'unprotected'}"

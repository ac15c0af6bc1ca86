"""Which COMMITs have to be acknowledged before a caller may be told of what was committed."""

from __future__ import annotations

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes, commits_acknowledged

WRITE = (Kind.STATEMENT, Writes.YES, False)
COMMIT = (Kind.COMMIT, Writes.NO, True)
UNLOCK = (Kind.STATEMENT, Writes.NO, True)  # as of MariaDB, where it commits what is open
PREPARE = (Kind.PREPARE, Writes.NO, False)
BY_ITSELF = (Kind.STATEMENT, Writes.YES, True)


@pytest.mark.parametrize(
    ("made", "acknowledged"),
    [
        ([], False),
        ([(WRITE, "ok")], False),
        ([(WRITE, "ok"), (COMMIT, "ok")], True),
        ([(WRITE, "ok"), (COMMIT, "unknown")], False),
        ([(UNLOCK, "ok"), (WRITE, "ok"), (COMMIT, "unknown")], False),
        ([(COMMIT, "error")], False),
        ([(WRITE, "ok"), (COMMIT, "ok"), (UNLOCK, "error")], True),
        ([(WRITE, "ok"), (COMMIT, "ok"), (COMMIT, "unknown"), (COMMIT, "error")], True),
        ([(WRITE, "ok"), (COMMIT, "ok"), (WRITE, "ok"), (UNLOCK, "error")], False),
        ([(WRITE, "ok"), (COMMIT, "ok"), (BY_ITSELF, "error")], False),
        ([(BY_ITSELF, "ok"), (UNLOCK, "error")], True),
        ([(WRITE, "ok"), (PREPARE, "ok"), (COMMIT, "ok"), (COMMIT, "unknown")], False),
        ([(WRITE, "ok"), (PREPARE, "ok"), (COMMIT, "ok"), (COMMIT, "ok")], True),
    ],
)
def test_one_that_has_nothing_to_commit_does_not_count(
    made: list[tuple[tuple[Kind, Writes, bool], str]], *, acknowledged: bool
) -> None:
    history = []
    for index, ((kind, writes, commits), status) in enumerate(made, 1):
        call = Call("A", index, kind, "", writes=writes, autocommit=commits and kind is not Kind.COMMIT)
        assert call.commits is commits
        history.append(Event(call, Reply(status)))  # type: ignore[arg-type]
    assert commits_acknowledged(history) is acknowledged


@pytest.mark.parametrize(
    ("sql", "acknowledged"), [("COMMIT PREPARED 'sale'", False), ("xa commit 'sale'", False), ("COMMIT", True)]
)
def test_one_that_decides_what_another_process_has_prepared_counts(sql: str, *, acknowledged: bool) -> None:
    first, second = Call("A", 1, Kind.COMMIT, "COMMIT"), Call("A", 2, Kind.COMMIT, sql)
    assert commits_acknowledged([Event(first, Reply("ok")), Event(second, Reply("unknown"))]) is acknowledged

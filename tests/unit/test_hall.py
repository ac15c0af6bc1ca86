"""Threads that stay until all may go."""

from __future__ import annotations

import threading

from acidity.prove.explore.hall import Stay


def test_who_has_done_all_is_gone_when_all_may_go() -> None:
    """Whoever comes next would be told from one that is still about to go."""
    stay, gone = Stay(), []

    def live(name: str) -> None:
        stay.wait()
        sum(range(200_000))  # it takes a moment to go
        gone.append(name)

    threads = [threading.Thread(target=live, args=(name,)) for name in "AB"]
    for thread in threads:
        thread.start()
    stay.note(threads)
    assert all(thread.is_alive() for thread in threads)
    stay.end()
    assert sorted(gone) == ["A", "B"]

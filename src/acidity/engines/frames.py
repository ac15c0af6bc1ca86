"""What the frames hold that Ctrl-C has left.

The traceback of a Ctrl-C keeps frames, and with them a connection that was still being opened. The server waits for
that client to go on, and DROP DATABASE of PostgreSQL for every session of the server: the check would wait for itself.
"""

from __future__ import annotations

import traceback


def let_go_of_frames(error: BaseException) -> None:
    """Clear the local variables of every function that this exception, or one behind it, has left; lines stay."""
    seen: set[int] = set()
    behind: list[BaseException | None] = [error]
    while behind:
        each = behind.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            traceback.clear_frames(each.__traceback__)
            behind += [each.__context__, each.__cause__]

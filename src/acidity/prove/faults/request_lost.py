"""The connection breaks before COMMIT reaches the server: the program sees the same as when the answer is lost."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, hosted


def _strike(passage: Passage, lab: Lab) -> None:
    proxy = hosted(lab).proxy()
    proxy.cut("before")
    passage.answered = False
    passage.perform()
    proxy.disarm()
    passage.answered = True
    lab.missed = "nothing was sent for this COMMIT"


FAULT = SimpleFault(
    name="request-lost",
    sentence="the connection breaks before {call} reaches the server",
    kinds=frozenset({Kind.COMMIT}),
    ways={"sqlite": "a file has no wire that could break", "*": _strike},
    through_proxy=True,
    reason="only a COMMIT leaves its outcome in doubt",
)

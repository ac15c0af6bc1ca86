"""Every code that acidity prints, once: what it is called, which letter it speaks of, and what it means.

``ACI1xx`` lint, ``2xx`` drill, ``3xx`` explore, ``4xx`` crash, ``5xx`` history, ``6xx`` watch. A code is never given a
second meaning; one that is no longer said stays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Letter = Literal["A", "C", "I", "D"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        name: as it is printed: ``ACI201``.
        letter: the letter whose verdict it decides.
        word: what is wrong, in DESIGN's words.
        title: what that means, in one sentence.
        of_a_library: the cause is a trap of a library; it is told after what the program did wrong by itself.
    """

    name: str
    letter: Letter
    word: str
    title: str
    of_a_library: bool = False


TORN = Code("ACI201", "A", "torn", "A part of the operation's change is there, or rows that no complete run leaves.")
DOUBLED = Code("ACI202", "A", "doubled", "The operation's change is there twice.")
FALSE_SUCCESS = Code("ACI203", "A", "false success", "The caller was told that it worked, and nothing of it is there.")
FALSE_FAILURE = Code("ACI204", "A", "false failure", "The caller was told that it failed, and all of it is there.")
NOT_REFUSED = Code("ACI205", "A", "not refused", "A call that should have been refused was carried out.")
LEAKED = Code("ACI206", "A", "leaked", "A transaction, lock or temporary table stays behind for the next unit of work.")
LEFT_OPEN = Code(
    "ACI207",
    "A",
    "false failure",
    "A failed COMMIT went back to the pool unrolled, and the next user of the connection committed it.",
    of_a_library=True,
)
FAILED_AFTER_COMMIT = Code(
    "ACI208", "A", "failed after commit", "An exception left the operation after every COMMIT was acknowledged."
)
LEFT_IN_DOUBT = Code("ACI209", "A", "left in doubt", "A prepared transaction keeps its locks until somebody decides.")
NOT_RECOVERED = Code("ACI210", "A", "not recovered", "Recovering failed after a fault.")
NOT_SETTLED = Code("ACI211", "A", "not settled", "Settling failed after a fault.")
NOT_IDEMPOTENT = Code("ACI212", "A", "not idempotent", "Recovering or settling a second time changed something.")
CONSTRAINT = Code("ACI251", "C", "inconsistent", "A declared constraint does not hold in some end state.")
INVARIANT = Code("ACI252", "C", "inconsistent", "A stated invariant does not hold in some end state.")

CODES: Mapping[str, Code] = {
    code.name: code
    for code in (
        TORN,
        DOUBLED,
        FALSE_SUCCESS,
        FALSE_FAILURE,
        NOT_REFUSED,
        LEAKED,
        LEFT_OPEN,
        FAILED_AFTER_COMMIT,
        LEFT_IN_DOUBT,
        NOT_RECOVERED,
        NOT_SETTLED,
        NOT_IDEMPOTENT,
        CONSTRAINT,
        INVARIANT,
    )
}
OF_WORD: Mapping[str, Code] = {
    code.word: code for code in CODES.values() if code.letter == "A" and not code.of_a_library
}

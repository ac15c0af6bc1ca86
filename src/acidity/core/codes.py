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
        also: other words that are printed with it.
    """

    name: str
    letter: Letter
    word: str
    title: str
    of_a_library: bool = False
    also: tuple[str, ...] = ()


TORN = Code("ACI201", "A", "torn", "A part of the operation's change is there, or rows that no complete run leaves.")
DOUBLED = Code("ACI202", "A", "doubled", "The operation's change is there more than once.")
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
LOST_UPDATE = Code("ACI301", "I", "lost update", "What one caller wrote is gone: another one has written over it.")
WRITE_SKEW = Code("ACI302", "I", "write skew", "Two callers each decided by what the other one was about to change.")
PHANTOM = Code("ACI303", "I", "phantom", "A row came or went that belongs to what a caller had searched for.")
NON_REPEATABLE_READ = Code("ACI304", "I", "non-repeatable read", "A caller asked the same twice and got two answers.")
READ_SKEW = Code("ACI305", "I", "read skew", "A caller saw one row before another caller's change, and one after it.")
DIRTY_READ = Code("ACI306", "I", "dirty read", "A caller saw rows that nobody had committed.")
DUPLICATE_INSERT = Code("ACI307", "I", "duplicate insert", "Two callers looked for a row, found none, and inserted it.")
STALE_CHECK = Code("ACI308", "I", "stale check", "A caller acted on what it had checked, which was no longer so.")
NOT_SERIAL = Code("ACI309", "I", "not serial", "What came of callers at once comes of no order of them.")
DEADLOCK = Code("ACI310", "I", "deadlock", "Callers waited for each other, and the database ended one of them.")
ABORTED_READ = Code("ACI311", "I", "aborted read", "A caller saw what another one wrote and then took back.")
INTERMEDIATE_READ = Code(
    "ACI312", "I", "intermediate read", "A caller saw a value that another one wrote over before its COMMIT."
)
DIRTY_WRITE = Code("ACI313", "I", "dirty write", "Two transactions wrote over each other before either had committed.")
CIRCULAR_FLOW = Code(
    "ACI314", "I", "circular information flow", "Each of several transactions read what another one had not committed."
)
G_SINGLE = Code("ACI315", "I", "G-single", "A caller saw what others built on a change, and acted as if before it.")
G2_ITEM = Code("ACI316", "I", "G2-item", "Callers go in a circle, each by a row that the next one was about to change.")
G2 = Code("ACI317", "I", "G2", "Callers go in a circle, each by a search that the next one was about to change.")
BETWEEN = Code(
    "ACI318", "I", "between transactions", "A caller came between two transactions of another one, and that shows."
)
LOST_COMMIT = Code(
    "ACI401", "D", "lost commit", "A COMMIT was acknowledged, and after a power cut or a kill its change is not there."
)
DAMAGED = Code("ACI402", "D", "damaged", "After a power cut or an error of the disk the database is damaged.")
TORN_BY_A_KILL = "torn by a kill"
TORN_BY_POWER_LOSS = Code(
    "ACI403",
    "A",
    "torn by power loss",
    "After a power cut or a kill a part of the operation's change is there.",
    also=(TORN_BY_A_KILL,),
)
HALF_RECOVERED = Code("ACI404", "D", "half a transaction", "After a power cut a part of one transaction is there.")

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
        LOST_UPDATE,
        WRITE_SKEW,
        PHANTOM,
        NON_REPEATABLE_READ,
        READ_SKEW,
        DIRTY_READ,
        DUPLICATE_INSERT,
        STALE_CHECK,
        NOT_SERIAL,
        DEADLOCK,
        ABORTED_READ,
        INTERMEDIATE_READ,
        DIRTY_WRITE,
        CIRCULAR_FLOW,
        G_SINGLE,
        G2_ITEM,
        G2,
        BETWEEN,
        LOST_COMMIT,
        DAMAGED,
        TORN_BY_POWER_LOSS,
        HALF_RECOVERED,
    )
}
OF_WORD: Mapping[str, Code] = {
    code.word: code for code in CODES.values() if code.letter == "A" and not code.of_a_library
}

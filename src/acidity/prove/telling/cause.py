"""Say what caused a finding, in one sentence that names its line."""

from __future__ import annotations

from acidity.core.cause import Cause, CauseKind, Place
from acidity.core.outcome import Rows
from acidity.prove.drill.causes import refused_commit, rolled_back_at
from acidity.prove.drill.judge import Judged

SENTENCES: dict[CauseKind, str] = {
    CauseKind.SEVERAL_COMMITS: "{function} commits{at} before the change is complete",
    CauseKind.AUTOCOMMIT: "the write{at} is in no transaction, so it is permanent at once (autocommit)",
    CauseKind.DDL: "the change of the schema{at} commits by itself",
    CauseKind.SWALLOWED_ERROR: "after the error{broke} the program went on, and committed{at} what was there",
    CauseKind.MISSING_COMMIT: "no COMMIT comes after the last write{at}",
    CauseKind.EARLY_ANSWER: "the answer was sent before COMMIT{at}",
    CauseKind.LATE_FAILURE: "COMMIT{at} had taken place when the operation failed",
    CauseKind.COMMIT_LEFT_OPEN: "the refused COMMIT{at} left its transaction open, and nobody rolled it back",
    CauseKind.RESEND: "after the error{broke} it was sent again{at}, in another transaction",
    CauseKind.EFFECT: "the effect{at} does not wait for COMMIT",
    CauseKind.UNHEARD_EFFECT: "the answer of the effect{at} was lost, and that was taken for a no",
    CauseKind.LOST_EFFECT: "the rows are committed without the effect{at}, and nothing sends it later",
    CauseKind.MISSING_REFUSAL: "nothing refused the call before it was committed{at}",
    CauseKind.CLEAN_RUN: "this is so without any fault: the operation itself leaves such rows",
    CauseKind.LEFT_BEHIND: "nobody ended the transaction{at}",
    CauseKind.IN_DOUBT: "what was prepared{at} was never decided",
    CauseKind.FOLLOW_UP: "{subject} has to bring every state to its end, and once more without a change",
    CauseKind.NO_TRANSACTIONS: "the table that is written{at} keeps no transactions",
    CauseKind.OTHER: "",
}
_HIDDEN = "the error{broke} was hidden from the caller"
_HIDDEN_AT = "the error{broke} was rolled back{at}, and hidden from the caller"
_ROLLED_BACK = "the error{at} was hidden; it had failed the transaction, so COMMIT was a ROLLBACK"
_REFUSED = "the database refused COMMIT{at}, and that was hidden from the caller"
_CLOSED = "no COMMIT comes after the write{at}: who closes its session or connection rolls it back"
_TWICE = "after the error{broke} {subject} was called again{at}"
_KEPT = "the {subject} taken{at} outlives the transaction, and nobody gave it back on this way"
_HELPER = "a commit in a helper: {function} commits{at} before its caller is done"
_AMID = "{subject}{at} commits what was open, before the change is complete"
_ALONE = {
    "CALL": "the procedure called{at} commits on its way, before the change is complete",
    "RELEASE": "no BEGIN came before the SAVEPOINT, so its RELEASE{at} is a COMMIT: have BEGIN sent by a hook",
    "BEGIN": "BEGIN or START TRANSACTION{at} commits what was open, before the change is complete",
}


def cause_in_words(cause: Cause, item: Judged, broke: Place | None) -> str:
    """The cause of a finding in one sentence, or nothing where no line tells it.

    Args:
        cause: what it is.
        item: the run that is shown.
        broke: where that was struck.
    """
    sentence = SENTENCES[cause.kind]
    if cause.kind is CauseKind.SWALLOWED_ERROR and item.judgement.rows is Rows.BEFORE:
        rolled_back = rolled_back_at(item.run)
        is_there = rolled_back is not None and cause.place is not None and rolled_back.site == cause.place.site
        unstruck = _REFUSED if refused_commit(item.run.history) is not None else _ROLLED_BACK
        sentence = unstruck if broke is None else _HIDDEN_AT if is_there else _HIDDEN
    if cause.kind is CauseKind.MISSING_COMMIT and item.judgement.rows is not Rows.BEFORE:
        sentence = _CLOSED
    if cause.kind is CauseKind.RESEND and cause.subject:
        sentence = _TWICE
    if cause.kind is CauseKind.LEFT_BEHIND and cause.subject:
        sentence = _KEPT
    if cause.kind is CauseKind.SEVERAL_COMMITS:
        unasked = _ALONE.get(cause.subject, _AMID if cause.subject else "")
        sentence = unasked or (_HELPER if _in_a_helper(cause.place) else sentence)
    function = cause.place.site.function if cause.place is not None and cause.place.site.function else "the operation"
    return sentence.format(at=_at(cause.place), broke=_at(broke), function=function, subject=cause.subject)


def _at(place: Place | None) -> str:
    return "" if place is None else f" at {place.site}"


def _in_a_helper(place: Place | None) -> bool:
    """Whether a function of the user's called the one that commits, and goes on after it."""
    return place is not None and any(line.function != place.site.function for line in place.way)

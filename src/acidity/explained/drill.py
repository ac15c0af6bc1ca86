"""The explanations of the codes that a drill says: ``ACI2xx``."""

from __future__ import annotations

from acidity.core import codes
from acidity.explained.explanation import Explanation

OF_DRILL = (
    Explanation(
        code=codes.TORN,
        meaning="The rows are neither as before nor as after the operation: a part of the change was made permanent, "
        "and the rest never came. A COMMIT stood between two changes that belong together: in the function itself, in "
        "a helper that commits, by autocommit, or by a statement that commits on its way, as DDL does on MariaDB.",
        program="torn",
        shown=("sell",),
        fault="error-before",
        production="Stock is gone and there is no order for it; money has left one account and arrived on no other. "
        "Nobody notices when it happens, because the error looks like any other. It is found weeks later, by somebody "
        "who counts.",
        fix="Make both changes in one transaction, and commit once, at the outermost place that knows they belong "
        "together. A helper flushes and leaves the COMMIT to its caller.",
        mended=("sell_mended",),
        near=(codes.DOUBLED, codes.LEFT_OPEN, codes.INVARIANT),
    ),
    Explanation(
        code=codes.DOUBLED,
        meaning="The change is there twice. The answer to a COMMIT was lost, so the caller could not know whether it "
        "was applied, took it for a failure and did everything again.",
        program="doubled",
        shown=("sell",),
        fault="answer-lost",
        production="A customer pays twice after a network that hung for a second. Retries hide it in the logs: each "
        "line there says that the second try worked.",
        fix="Give the work a key that the caller chooses and that is the same in every try, with a unique constraint "
        "on it; or ask after a lost answer what became of the COMMIT before trying again.",
        mended=("sell_mended",),
        near=(codes.TORN, codes.FALSE_FAILURE, codes.NOT_IDEMPOTENT),
    ),
    Explanation(
        code=codes.FALSE_SUCCESS,
        meaning="The caller was told that it worked, and nothing of it is there: an error was swallowed, the COMMIT "
        "never came, or the answer was sent before it. A part that is written and only closed, without COMMIT or "
        "rollback(), is no less lost.",
        program="false_success",
        shown=("sell",),
        fault="error-before",
        production="The shop says thank you, the mail goes out, and there is no order. The customer finds out first.",
        fix="Roll back and raise again, or answer something that says no. With a framework that commits after the "
        "answer, have it commit before.",
        mended=("sell_mended",),
        near=(codes.FALSE_FAILURE, codes.NOT_REFUSED),
    ),
    Explanation(
        code=codes.FALSE_FAILURE,
        meaning="The caller was told that it failed, and all of it is there: something after the COMMIT failed, or the "
        "COMMIT itself was applied and only its answer was lost.",
        program="false_failure",
        shown=("sell",),
        fault="error-before",
        production="Whoever is told no tries again, and now it is there twice; or they buy elsewhere and get both.",
        fix="Let the COMMIT be the last thing that can fail. A COMMIT without an answer is neither yes nor no: raise, "
        "do not answer that it failed.",
        mended=("sell_mended",),
        near=(codes.FAILED_AFTER_COMMIT, codes.LEFT_OPEN, codes.FALSE_SUCCESS),
    ),
    Explanation(
        code=codes.NOT_REFUSED,
        meaning="A call that should have been turned down (raises= or refused= says so) was carried out.",
        program="not_refused",
        shown=("sell",),
        fault="error-before",
        production="Twelve pieces are sold where there were ten, and an account is overdrawn that must not be.",
        fix="Test the condition in the same transaction as the change and before it, and state it to the database, "
        "too, as a CHECK constraint: that one also holds for other programs.",
        mended=("sell_mended",),
        near=(codes.FALSE_SUCCESS, codes.INVARIANT),
    ),
    Explanation(
        code=codes.LEAKED,
        meaning="Something of this unit of work is still on the pooled connection when the next one gets it: an open "
        "transaction, an advisory lock, a temporary table, an attached database. It is an error where it changed rows "
        "or stopped the next unit of work, else a warning.",
        program="leaked",
        shown=("sell_one_of_each",),
        fault="error-before",
        production="It works on the developer's machine and fails for every second request in production, in code that "
        "has done nothing wrong: it got the connection that was left like this.",
        fix="Undo in the same transaction what belongs to the connection, and throw the connection away when that "
        "cannot be done. PostgreSQL has ON COMMIT DROP and locks that end with the transaction.",
        mended=("sell_one_of_each_mended",),
        near=(codes.LEFT_OPEN, codes.LEFT_IN_DOUBT),
    ),
    Explanation(
        code=codes.LEFT_OPEN,
        meaning="The database refused a COMMIT and kept the transaction open, as SQLite does when it is busy. "
        "SQLAlchemy closes the session without a ROLLBACK that reaches the database, and whoever uses the connection "
        "next commits the change of somebody who was told that it failed. Only a warning where the operation was given "
        "the session: rolling back is then the duty of whoever owns it.",
        program="left_open",
        shown=("sell",),
        fault="commit-left-open",
        production="An order appears minutes after the customer was told that it failed, together with a change of "
        "somebody else. No log connects the two.",
        fix="Roll back when the COMMIT fails. with session.begin(): does it, and so does @atomic of acidity.",
        mended=("sell_mended",),
        near=(codes.FALSE_FAILURE, codes.LEAKED, codes.TORN),
    ),
    Explanation(
        code=codes.FAILED_AFTER_COMMIT,
        meaning="An exception left the operation after every COMMIT had been acknowledged. Everything is there, and "
        "the caller sees an error. A warning: whether that is right only the caller can say.",
        program="failed_after_commit",
        shown=("sell",),
        fault="error-before",
        production="The client gets a 500 for an order that was placed, and places it once more. The usual reason is "
        "an attribute that SQLAlchemy reads again because COMMIT expired it.",
        fix="Read what the answer needs before the COMMIT (or set expire_on_commit=False), and do nothing after it "
        "that can fail.",
        mended=("sell_mended",),
        near=(codes.FALSE_FAILURE, codes.LEFT_OPEN),
    ),
    Explanation(
        code=codes.LEFT_IN_DOUBT,
        meaning="A transaction was prepared, the first half of a two-phase commit, and nobody has committed or rolled "
        "it back. It keeps its locks, also after a restart of the server, until somebody decides.",
        program="left_in_doubt",
        shown=("sell",),
        fault="kill-after",
        production="The rows stay locked for days. Everything that touches them waits, VACUUM cannot tidy up behind "
        "it, and no process is to be found that holds the lock.",
        fix="Let a restarted process decide first: commit what the other side has committed, roll back the rest. State "
        "it as Scenario(recover=decide).",
        mended=("decide",),
        near=(codes.NOT_RECOVERED, codes.LEAKED, codes.TORN),
        db="postgresql",
    ),
    Explanation(
        code=codes.NOT_RECOVERED,
        meaning="The function that a restarted process runs (recover=) failed on what a fault had left, so that the "
        "rows stay as they were in the middle.",
        program="not_recovered",
        shown=("sell", "finish"),
        fault="answer-lost",
        production="The service crashes when it starts, starts again, and crashes again: what it has to tidy up is "
        "just what it cannot bear.",
        fix="Let recovering carry on, or take back, every state that is committed on the way; acidity commits each of "
        "them and looks.",
        mended=("finish_mended",),
        near=(codes.NOT_SETTLED, codes.NOT_IDEMPOTENT, codes.LEFT_IN_DOUBT),
    ),
    Explanation(
        code=codes.NOT_SETTLED,
        meaning="The function that runs anyway (settle=), the relay of an outbox or the worker of a queue, failed on "
        "what a fault had left.",
        program="not_settled",
        shown=("sell", "work"),
        fault="answer-lost",
        production="One bad row stops the queue, and everything behind it waits. It is seen in the length of the "
        "queue, not in an error of the request that wrote the row.",
        fix="Let the worker bear every state that the operation commits, also on its way; set aside what it does not "
        "know instead of stopping.",
        mended=("work_mended",),
        near=(codes.NOT_RECOVERED, codes.NOT_IDEMPOTENT),
    ),
    Explanation(
        code=codes.NOT_IDEMPOTENT,
        meaning="Recovering or settling was run a second time, when nothing was left to do, and changed something. "
        "What is delivered at least once is delivered twice.",
        program="not_idempotent",
        shown=("sell", "work"),
        fault="error-before",
        production="A deployment restarts the worker, and yesterday's orders are shipped once more.",
        fix="Note in the same transaction that the work is done, and look at the note before doing it.",
        mended=("work_mended",),
        near=(codes.DOUBLED, codes.NOT_RECOVERED, codes.NOT_SETTLED),
    ),
    Explanation(
        code=codes.CONSTRAINT,
        meaning="A constraint that the schema declares does not hold in some end state. It is looked at also where the "
        "engine does not enforce it: SQLite ignores foreign keys unless each connection says PRAGMA foreign_keys=ON, "
        "a session of MariaDB can switch off foreign_key_checks and check_constraint_checks, and PostgreSQL has NOT "
        "ENFORCED.",
        program="constraint",
        shown=("withdraw",),
        fault="error-before",
        production="Orders point to an item that is gone. Reports that join the two leave them out without a word, and "
        "the move to another database stops at the first such row.",
        fix="Keep the constraint in the code, and have the engine enforce it: on SQLite with a connect event that "
        "sends the PRAGMA.",
        mended=("withdraw_mended",),
        near=(codes.INVARIANT, codes.TORN),
    ),
    Explanation(
        code=codes.INVARIANT,
        meaning="A rule that the Scenario states (invariants=) does not hold in some end state, or, with several "
        "commits, in one that was committed on the way. It is told by itself where the change was otherwise complete. "
        "It may also hold after one operation and not after the next one, with nobody beside it.",
        program="invariant",
        shown=("sell",),
        fault="error-before",
        production="Everything was committed, nobody got an error, and the sums are wrong from then on.",
        fix="If the run without any failure breaks it, the program reckons wrongly, or the rule is stated wrongly. "
        "If only a failure breaks it, mend the cause that stands beside it.",
        mended=("sell_mended",),
        near=(codes.CONSTRAINT, codes.TORN),
    ),
)

"""What acidity must say about each broken twin on each engine: the words, and the line or function they point at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal[
    "torn",
    "doubled",
    "false success",
    "false failure",
    "false failure by a stranger's commit",
    "not refused",
    "leaked",
    "not serial",
]

ENGINES = ("sqlite", "postgresql", "mariadb")
SYNC = "examples/budget/twins.py"
ASYNC = "examples/budget/async_twins.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What differs on some engines.

    Attributes:
        engines: on these.
        words: instead of those of the row; none where the twin passes.
        why: the reason.
    """

    engines: tuple[str, ...]
    words: frozenset[Word]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One twin.

    Attributes:
        scenario: the target.
        words: each must be among the words of the errors that are found, on every engine that `elsewhere` does not
            name. A word here without "by a stranger's commit" is also met by a finding that carries it.
        why: what is wrong, in a sentence.
        file: where the finding points.
        marker: the comment on the lines, one of which must be among the sites of the first finding with such a word.
        function: instead of `marker` where no Call is struck, the function within which a site must be.
        at_once: it takes two callers at once to show it; one alone does nothing wrong.
        elsewhere: engines on which the words are others.
    """

    scenario: str
    words: frozenset[Word]
    why: str
    file: str = SYNC
    marker: str = ""
    function: str = ""
    at_once: bool = False
    elsewhere: tuple[Elsewhere, ...] = ()

    def words_on(self, engine: str) -> frozenset[Word]:
        """The words on this engine; none if the twin passes there."""
        for other in self.elsewhere:
            if engine in other.engines:
                return other.words
        return self.words


PASSES: frozenset[Word] = frozenset()
COMMIT_ENDS_IT = Elsewhere(
    engines=("postgresql", "mariadb"),
    words=PASSES,
    why="A server ends the transaction whatever it answers to COMMIT; nothing is left open for the next user.",
)
SAVEPOINT_IS_INSIDE = Elsewhere(
    engines=("postgresql", "mariadb"),
    words=PASSES,
    why="The driver has begun a transaction before the first SAVEPOINT, so that RELEASE commits nothing.",
)
ONE_INSERT = Elsewhere(
    engines=("postgresql", "mariadb"),
    words=PASSES,
    why="Both rows are one INSERT (insertmanyvalues), which is there as a whole or not at all.",
)

EXPECTED: tuple[Expected, ...] = (
    Expected(
        scenario="examples.budget.twins:two_sessions",
        words=frozenset({"torn"}),
        marker="<- two sessions: half is committed",
        why="The debit is committed in a session of its own; what stops the credit leaves money that went nowhere.",
    ),
    Expected(
        scenario="examples.budget.twins:commit_between",
        words=frozenset({"torn"}),
        marker="<- commit between: half is committed",
        why="The commit between debit and credit makes two units of one.",
    ),
    Expected(
        scenario="examples.budget.twins:caught_without_rollback",
        words=frozenset({"torn"}),
        marker="<- caught: half is in",
        why="The exception is caught, the debit stays in the shared session, and its next commit writes it; on "
        "PostgreSQL only if the error was not the server's own, after which COMMIT means ROLLBACK.",
    ),
    Expected(
        scenario="examples.budget.twins:success_without_commit",
        words=frozenset({"false success"}),
        function="transfer_without_commit",
        why="The rows were sent and never committed; closing the session took them back.",
    ),
    Expected(
        scenario="examples.budget.twins:as_in_the_text",
        words=frozenset({"false failure"}),
        marker="<- as in the text: after this line failure may be a lie",
        why="COMMIT was applied and its answer lost; the caller is told that the transfer failed.",
    ),
    Expected(
        scenario="examples.budget.twins:no_amount_check",
        words=frozenset({"not refused"}),
        function="transfer_without_amount_check",
        why="A negative amount is accepted and moves money the other way.",
    ),
    Expected(
        scenario="examples.budget.twins:no_same_category_check",
        words=frozenset({"not refused"}),
        function="transfer_without_same_category_check",
        why="A transfer from a category to itself is accepted.",
    ),
    Expected(
        scenario="examples.budget.twins:no_owner_check",
        words=frozenset({"not refused"}),
        function="transfer_without_owner_check",
        why="A transfer out of another user's category is accepted.",
    ),
    Expected(
        scenario="examples.budget.twins:retry_on_any_error",
        words=frozenset({"doubled"}),
        file="examples/budget/app.py",
        marker="the one commit",
        why="COMMIT was applied and its answer lost; the retry makes the transfer a second time.",
    ),
    Expected(
        scenario="examples.budget.twins:stock_session_commit",
        words=frozenset({"false failure by a stranger's commit"}),
        marker="<- stock commit: refused, and left open in the pool",
        why="SQLite refused COMMIT and left the transaction open; the next user of the connection commits it.",
        elsewhere=(COMMIT_ENDS_IT,),
    ),
    Expected(
        scenario="examples.budget.twins:helper_commits",
        words=frozenset({"torn"}),
        marker="<- helper commits: half is committed",
        why="The helper commits the category that it made, and its caller's debit with it.",
    ),
    Expected(
        scenario="examples.budget.twins:savepoint_release_commits",
        words=frozenset({"torn"}),
        marker="<- savepoint: half is committed",
        why="Without a BEGIN before it the outermost SAVEPOINT is the transaction, and its RELEASE a COMMIT.",
        elsewhere=(SAVEPOINT_IS_INSIDE,),
    ),
    Expected(
        scenario="examples.budget.twins:flushed_at_once",
        words=frozenset({"torn"}),
        marker="<- autocommit: what was sent is committed",
        why="Every statement commits by itself. SQLite promises no order for the rows of RETURNING, so SQLAlchemy "
        "sends an INSERT for each: a debit without a credit.",
        elsewhere=(ONE_INSERT,),
    ),
    Expected(
        scenario="examples.budget.twins:merge_uncounted",
        words=frozenset({"not serial"}),
        function="merge_without_counting",
        at_once=True,
        why="Whoever comes late updates and deletes no row, and says that it has merged what was merged already.",
    ),
    Expected(
        scenario="examples.budget.twins:autocommit_transfer",
        words=frozenset({"torn"}),
        marker="<- autocommit: each INSERT is committed",
        why="A transfer without a transaction: what stops the second INSERT leaves a debit without a credit.",
    ),
    Expected(
        scenario="examples.budget.twins:autocommit_merge",
        words=frozenset({"torn"}),
        marker="<- autocommit: each statement is committed",
        why="A merge without a transaction: the expenses have moved, and the empty category is still there.",
    ),
    Expected(
        scenario="examples.budget.async_twins:two_sessions",
        words=frozenset({"torn"}),
        file=ASYNC,
        marker="<- two sessions: half is committed",
        why="As the sync twin.",
    ),
    Expected(
        scenario="examples.budget.async_twins:commit_between",
        words=frozenset({"torn"}),
        file=ASYNC,
        marker="<- commit between: half is committed",
        why="As the sync twin.",
    ),
    Expected(
        scenario="examples.budget.async_twins:caught_without_rollback",
        words=frozenset({"torn"}),
        file=ASYNC,
        marker="<- caught: half is in",
        why="As the sync twin.",
    ),
    Expected(
        scenario="examples.budget.async_twins:success_without_commit",
        words=frozenset({"false success"}),
        file=ASYNC,
        function="transfer_without_commit",
        why="As the sync twin.",
    ),
    Expected(
        scenario="examples.budget.async_twins:as_in_the_text",
        words=frozenset({"false failure"}),
        file=ASYNC,
        marker="<- as in the text: after this line failure may be a lie",
        why="As the sync twin.",
    ),
    Expected(
        scenario="examples.budget.async_twins:stock_session_commit",
        words=frozenset({"false failure by a stranger's commit"}),
        file=ASYNC,
        marker="<- stock commit: refused, and left open in the pool",
        why="As the sync twin; what SQLAlchemy does for everybody, it does under asyncio too.",
        elsewhere=(COMMIT_ENDS_IT,),
    ),
    Expected(
        scenario="examples.budget.async_twins:flushed_at_once",
        words=frozenset({"torn"}),
        file=ASYNC,
        marker="<- autocommit: what was sent is committed",
        why="As the sync twin.",
        elsewhere=(ONE_INSERT,),
    ),
    Expected(
        scenario="examples.budget.async_twins:merge_uncounted",
        words=frozenset({"not serial"}),
        file=ASYNC,
        function="merge_without_counting",
        at_once=True,
        why="As the sync twin.",
    ),
)

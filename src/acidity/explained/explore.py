"""The explanations of the codes that explore says, of several callers at once: ``ACI3xx``."""

from __future__ import annotations

from acidity.analysis.anomalies import ANOMALIES
from acidity.core import codes
from acidity.explained.explanation import Explanation

OF_EXPLORE = (
    Explanation(
        code=codes.LOST_UPDATE,
        meaning="Two callers read the same row, each computed a new value of what it had read, and both wrote it. The "
        "second one has written over what the first one wrote, as if that had never been.",
        program="lost_update",
        shown=("sell",),
        production="Both customers get their goods, and the stock has gone down by one order only. It takes two "
        "requests within the same milliseconds, so no test shows it and a busy day does.",
        fix="Let the database compute, in an UPDATE that names the column. Where Python has to, lock the row when it "
        "is read (with_for_update(), not on SQLite), or have SQLAlchemy count versions (version_id_col) and try again.",
        mended=("sell_mended",),
        near=(codes.STALE_CHECK, codes.WRITE_SKEW, codes.NOT_SERIAL),
        literature=ANOMALIES["lost update"].source,
    ),
    Explanation(
        code=codes.WRITE_SKEW,
        meaning="Each of two callers read what the other one was about to change, found that it may go on, and changed "
        "a row of its own. No row was written twice, so nothing was lost, and yet what both had made sure of is gone.",
        program="write_skew",
        shown=("take",),
        production="Both doctors go off call, because each saw that the other one was there. REPEATABLE READ does not "
        "prevent it on any engine that reads snapshots.",
        fix="Lock whatever decides before reading it: with_for_update() on the rows on PostgreSQL and MariaDB, or an "
        "UPDATE that changes nothing, which SQLite obeys, too. Or run it at SERIALIZABLE and try again when it is "
        "refused.",
        mended=("take_mended",),
        near=(codes.PHANTOM, codes.STALE_CHECK, codes.LOST_UPDATE),
        literature=ANOMALIES["write skew"].source,
    ),
    Explanation(
        code=codes.PHANTOM,
        meaning="A caller searched or counted and decided by the answer, and another caller added or removed a row "
        "that belongs to it. Locking the rows that were found does not help, since the new one was not among them.",
        program="phantom",
        shown=("order",),
        production="A room for twenty has twenty-one guests, a coupon for one use is used twice, a limit per customer "
        "holds only for those who are slow.",
        fix="Lock the row that the others belong to, before counting: with_for_update() on it, or an UPDATE of it, "
        "which SQLite obeys, too. Better still, keep the number in that row and change it with a condition.",
        mended=("order_mended",),
        near=(codes.DUPLICATE_INSERT, codes.WRITE_SKEW),
        literature=ANOMALIES["phantom"].source,
    ),
    Explanation(
        code=codes.NON_REPEATABLE_READ,
        meaning="A caller asked the same question twice, or twice for the same row, and got two answers, because "
        "another one committed in between. Together they fit no moment: neither before the other caller nor after it.",
        program="non_repeatable_read",
        shown=("offer",),
        production="The page shows one price and the invoice another one, in one request. Nobody can make it happen "
        "again.",
        fix="Read once and hand on what was read. Where that is too far apart, use REPEATABLE READ, which gives every "
        "query of a transaction the same state; on SQLite the transaction has to begin before the first read. On "
        "MariaDB FOR UPDATE gives what is committed now also there: lock at the first read, or go by the second one.",
        mended=("offer_mended",),
        near=(codes.READ_SKEW, codes.DIRTY_READ),
        literature=ANOMALIES["non-repeatable read"].source,
    ),
    Explanation(
        code=codes.READ_SKEW,
        meaning="A caller read one row before another caller's transaction and a second row after it. Each was "
        "committed when it was read, but there was no moment at which both were so.",
        program="read_skew",
        shown=("count",),
        production="The balance sheet is short by the transfer that ran while it was made. It is right again at the "
        "next try, so the cause is sought elsewhere.",
        fix="Read in one statement what belongs together, or at REPEATABLE READ, so that all queries see the same "
        "state; on SQLite the transaction has to begin before the first read.",
        mended=("count_mended",),
        near=(codes.NON_REPEATABLE_READ, codes.DIRTY_READ, codes.WRITE_SKEW),
        literature=ANOMALIES["read skew"].source,
    ),
    Explanation(
        code=codes.DIRTY_READ,
        meaning="A caller saw rows that another one had written and not committed, so half of a change. Only READ "
        "UNCOMMITTED allows it; PostgreSQL does not at any level.",
        program="dirty_read",
        shown=("in_stock",),
        production="A report that is made for speed at READ UNCOMMITTED holds sums that the books have never had.",
        fix="Do not ask for READ UNCOMMITTED. READ COMMITTED does not wait for writers either on PostgreSQL and "
        "MariaDB, which keep the rows as they were.",
        mended=("in_stock_mended",),
        near=(codes.ABORTED_READ, codes.INTERMEDIATE_READ, codes.READ_SKEW),
        db="mariadb",
        literature=ANOMALIES["dirty read"].source,
    ),
    Explanation(
        code=codes.DUPLICATE_INSERT,
        meaning="Two callers looked for a row, both found none, and both inserted it. A check in the program, such as "
        "that of a web framework's validator, does not keep a row unique; only the database can.",
        program="duplicate_insert",
        shown=("open_basket",),
        production="A double click makes two accounts of one address. From then on each query that expects one row "
        "fails, or takes either of them.",
        fix="Have a UNIQUE constraint or a key that says what must not be there twice, insert without looking, and "
        "take the refusal for the answer that it is there. INSERT … ON CONFLICT (MariaDB: ON DUPLICATE KEY) does both "
        "at once.",
        mended=("open_basket_mended",),
        near=(codes.PHANTOM, codes.STALE_CHECK, codes.DOUBLED),
        literature=ANOMALIES["duplicate insert"].source,
    ),
    Explanation(
        code=codes.STALE_CHECK,
        meaning="A caller checked something, and when it acted on it, another one had changed that. Either what was "
        "checked does not hold now, or a constraint refused the change with an error that no order of them gives, or "
        "the program saw it and gave up (a version that had moved on), where in any order it would have been served.",
        program="stale_check",
        shown=("sell",),
        production="Twelve pieces are sold of ten, though every request looked first. Or the user gets a 500 with a "
        "duplicate key, from code that has just made sure that there is none.",
        fix="Put the check into the statement that acts, and look how many rows it has changed; or lock what is "
        "checked when it is read. Where the program gives up by an exception, its caller has to call again: say "
        "retry=Retry(exceptions=…) if it does.",
        mended=("sell_mended",),
        near=(codes.LOST_UPDATE, codes.DUPLICATE_INSERT, codes.NOT_REFUSED),
        literature=ANOMALIES["stale check"].source,
    ),
    Explanation(
        code=codes.NOT_SERIAL,
        meaning="What the callers left or were told comes of no order in which one goes after the other, and who read "
        "and wrote what has none of the shapes that have a name: callers that go in a circle of three, for instance, "
        "or one whose change takes several transactions.",
        program="not_serial",
        shown=("count_anew",),
        production="Half of the settings are from one administrator and half from the other, and neither of them has "
        "ever seen that.",
        fix="Look at the schedule, and put into one transaction what nobody may come between. If it is one already, "
        "lock first what it reads, or run it at SERIALIZABLE and try again when it is refused.",
        mended=("count_anew_mended",),
        near=(codes.LOST_UPDATE, codes.WRITE_SKEW, codes.TORN),
        literature="Papadimitriou, The Serializability of Concurrent Database Updates, Journal of the ACM 26(4), 1979",
    ),
    Explanation(
        code=codes.DEADLOCK,
        meaning="Two callers waited for each other, each for a row that the other one had locked, and the database "
        "ended one of them. A warning, since nothing was lost: whoever was ended was told so.",
        program="deadlock",
        shown=("move",),
        production="Requests fail at random when it is busy, on PostgreSQL after a second, which it waits before it "
        "looks for a circle. Whoever tries again at once adds to it.",
        fix="Lock rows in one order everywhere, that of their keys. What is left, try again as a whole transaction.",
        mended=("move_mended",),
        near=(codes.LOST_UPDATE, codes.WRITE_SKEW),
        db="postgresql",
        literature="Coffman, Elphick and Shoshani, System Deadlocks, ACM Computing Surveys 3(2), 1971",
    ),
    Explanation(
        code=codes.ABORTED_READ,
        meaning="A caller saw what another one had written, and that one rolled back. So it has gone by something that "
        "never was. Only READ UNCOMMITTED allows it; PostgreSQL does not at any level.",
        program="aborted_read",
        shown=("in_stock",),
        production="An article is sold out for a moment, because an order failed just then, and the customer goes "
        "elsewhere. No log shows it, for nothing of it was ever committed.",
        fix="Do not ask for READ UNCOMMITTED. READ COMMITTED does not wait for writers either on PostgreSQL and "
        "MariaDB, which keep the rows as they were.",
        mended=("in_stock_mended",),
        near=(codes.DIRTY_READ, codes.INTERMEDIATE_READ),
        db="mariadb",
        literature=ANOMALIES["aborted read"].source,
    ),
    Explanation(
        code=codes.INTERMEDIATE_READ,
        meaning="A caller saw a value that another one had written, and wrote over before it committed. It is in no "
        "state that anybody has committed, though the transaction that wrote it has succeeded.",
        program="intermediate_read",
        shown=("in_stock",),
        production="A sum is off by what is corrected a line later in the same transaction: a fee that is taken and "
        "given back, a stock that is set to nothing and then to its new count.",
        fix="Do not ask for READ UNCOMMITTED. And write a value once, when it is known.",
        mended=("in_stock_mended",),
        near=(codes.DIRTY_READ, codes.ABORTED_READ),
        db="mariadb",
        literature=ANOMALIES["intermediate read"].source,
    ),
    Explanation(
        code=codes.DIRTY_WRITE,
        meaning="Two transactions wrote over each other's rows before either had committed, so that some rows are of "
        "one of them and some of the other. SQLite, PostgreSQL and MariaDB have the second writer of a row wait.",
        program="dirty_write",
        shown=("count_anew",),
        production="Two administrators save a form at once, and the settings are half of one and half of the other, "
        "in a store that locks no rows, or where each row is written in a transaction of its own (ACI309).",
        fix="Nothing, as long as both rows are written in one transaction of one of these engines. Where each is "
        "committed by itself, put them into one transaction.",
        mended=("count_anew_mended",),
        near=(codes.LOST_UPDATE, codes.NOT_SERIAL),
        literature=ANOMALIES["dirty write"].source,
        prevented=True,
    ),
    Explanation(
        code=codes.CIRCULAR_FLOW,
        meaning="Each of several transactions has read what another one of them had written and not yet committed. "
        "None of them can have come first. Only READ UNCOMMITTED allows it.",
        program="circular_flow",
        shown=("count", "count_and_look"),
        production="Two imports wait for each other's mark that it has begun, and each believes to be the second one; "
        "what only the first was to do is done by nobody.",
        fix="Do not ask for READ UNCOMMITTED where anything follows from what is read. Where both have to see each "
        "other, use SERIALIZABLE and try again when it is refused.",
        mended=("count_mended", "count_and_look"),
        near=(codes.DIRTY_READ, codes.WRITE_SKEW),
        db="mariadb",
        literature=ANOMALIES["circular information flow"].source,
    ),
    Explanation(
        code=codes.G_SINGLE,
        meaning="A caller read something before another one changed it, and then something that a third one had made "
        "of that change. No two of them are at fault; three go in a circle in which one has read too early.",
        program="g_single",
        shown=("compare",),
        production="A report shows the old price and the invoice that was made from the new one. With two callers it "
        "has another name (read skew, stale check), so this one is not found where only pairs are tried.",
        fix="Read in one statement what belongs together, or at REPEATABLE READ, so that all queries see the same "
        "state; on SQLite the transaction has to begin before the first read.",
        mended=("compare_mended",),
        near=(codes.READ_SKEW, codes.NON_REPEATABLE_READ, codes.G2_ITEM),
        db="postgresql",
        literature=ANOMALIES["G-single"].source,
    ),
    Explanation(
        code=codes.G2_ITEM,
        meaning="Several callers go in a circle: each has read a row that the next one then changed, and written "
        "another one. Of two callers it is write skew; this is the same among three.",
        program="g2_item",
        shown=("follow",),
        production="Three shops each keep one piece more than the next, as of a moment ago. Snapshots do not prevent "
        "it, so REPEATABLE READ on PostgreSQL does not.",
        fix="Lock all rows that decide or change before reading them, in one order; or run it at SERIALIZABLE and try "
        "again when it is refused.",
        mended=("follow_mended",),
        near=(codes.WRITE_SKEW, codes.G2, codes.G_SINGLE),
        db="postgresql",
        literature=ANOMALIES["G2-item"].source,
    ),
    Explanation(
        code=codes.G2,
        meaning="Several callers go in a circle: each has searched or counted, and the next one has then added or "
        "removed a row that belongs to it. Of two callers it is a phantom; this is the same among three.",
        program="g2",
        shown=("order_if_none",),
        production="Three rules of which each looks at another table let everything pass at once that each of them "
        "would have refused afterwards.",
        fix="Lock the rows that the others belong to before searching, in one order; or run it at SERIALIZABLE and try "
        "again when it is refused.",
        mended=("order_if_none_mended",),
        near=(codes.PHANTOM, codes.G2_ITEM, codes.DUPLICATE_INSERT),
        db="postgresql",
        literature=ANOMALIES["G2"].source,
    ),
    Explanation(
        code=codes.BETWEEN,
        meaning="A program that means to commit more than once was interrupted where it may be: between two of its "
        "transactions. Each transaction by itself is isolated. A stated rule does not hold then (an error), or all "
        "hold and what came of it comes of no order of whole callers (a warning).",
        program="between_transactions",
        shown=("sell",),
        production="What was read in one transaction is written back in the next, and the order that came in between "
        "is gone from the stock. No isolation level helps, since no transaction reaches from the one to the other.",
        fix="Let each transaction ask anew for what it needs: change amounts by amounts and not to values, and have "
        'the WHERE of the UPDATE say what must still be so. Or keep a version, or a state such as "reserved".',
        mended=("sell_mended",),
        near=(codes.LOST_UPDATE, codes.NOT_SERIAL, codes.TORN),
        literature="Warszawski and Bailis, ACIDRain: Concurrency-Related Attacks on Database-Backed Web Applications, "
        "SIGMOD 2017, which calls it scope-based; Garcia-Molina and Salem, Sagas, SIGMOD 1987",
    ),
)

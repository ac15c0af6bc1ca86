"""The explanations of the codes that crash says, of power cuts: ``ACI4xx``."""

from __future__ import annotations

from acidity.core import codes
from acidity.explained.explanation import Explanation

OF_CRASH = (
    Explanation(
        code=codes.LOST_COMMIT,
        meaning="COMMIT returned, so the program told its caller that the change is there. Then the power went off, "
        "and when it came back the change was gone: the database had not yet put on the disk what makes a COMMIT last.",
        program="lost_commit",
        shown=("sell",),
        production="The customer has a receipt for an order that does not exist. SQLite as Python brings it "
        "(journal_mode=DELETE, synchronous=FULL) commits by deleting its journal and does not sync the directory: on "
        "ext4 and XFS a power cut right after COMMIT brings the journal back.",
        fix="PRAGMA synchronous=EXTRA on every connection, or journal_mode=WAL with synchronous=FULL (NORMAL is not "
        "enough there). acidity.run.configure_sqlite sets the latter.",
        mended=("sell_mended",),
        near=(codes.HALF_RECOVERED, codes.DAMAGED),
    ),
    Explanation(
        code=codes.DAMAGED,
        meaning="After the power cut SQLite cannot open the database, or finds its pages contradicting each other. "
        "Nothing made sure that what takes a half-written change back was on the disk before the change itself.",
        program="damaged",
        shown=("sell",),
        production="The shop does not start again after the outage: database disk image is malformed. What is left is "
        "the last backup.",
        fix="Leave PRAGMA synchronous at FULL or above, and the journal on the disk (no journal_mode=MEMORY or OFF).",
        mended=("sell_mended",),
        near=(codes.HALF_RECOVERED, codes.LOST_COMMIT),
    ),
    Explanation(
        code=codes.TORN_BY_POWER_LOSS,
        meaning="The operation commits its change in several transactions. Each of them is there whole or not at all, "
        "but the power went off between two of them, and nobody comes to make the other one.",
        program="torn_by_power_loss",
        shown=("sell",),
        production="The pieces have left the stock, and there is no order. Nothing was raised and nothing was logged: "
        "the process was gone.",
        fix="One transaction around both changes. Where that cannot be, write down first what is to be done, and "
        "finish it when the program starts again.",
        mended=("sell_mended",),
        near=(codes.TORN, codes.HALF_RECOVERED),
    ),
    Explanation(
        code=codes.HALF_RECOVERED,
        meaning="The change is one transaction, and after the power cut a part of it is there: the database could not "
        "take it back, because the journal that says how was not on the disk when the pages were written.",
        program="half_recovered",
        shown=("sell",),
        production="Rows that no program has ever written: the pieces are gone, and the order is not there. The code "
        "is right, and the database looks healthy.",
        fix="Keep the journal on the disk (no journal_mode=MEMORY or OFF), and leave PRAGMA synchronous at FULL or "
        "above, so that it is there before the pages are.",
        mended=("sell_mended",),
        near=(codes.TORN_BY_POWER_LOSS, codes.DAMAGED, codes.LOST_COMMIT),
    ),
)

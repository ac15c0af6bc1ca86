"""Two-phase commit over several databases, with recovery of branches that a crash left in doubt.

Every database but the first prepares its branch; then the first, the *coordinator*, commits its own work together with
a row in its decision log. That COMMIT is the decision: once it is answered, the prepared branches are committed, now or
by `recover_two_phase`. A branch without a decision is rolled back (presumed abort), and a decision that is still open
is told by the lock on its row.

Sources: Gray, "Notes on Data Base Operating Systems" (1978), §5.8.3; Mohan, Lindsay, Obermarck, "Transaction Management
in the R* Distributed Database Management System" (1986): presumed abort; PostgreSQL manual, PREPARE TRANSACTION;
MariaDB documentation, XA Transactions.
"""

from __future__ import annotations

from acidity.run.twophase.boundary import two_phase
from acidity.run.twophase.recovery import Recovered, recover_two_phase

__all__ = ["Recovered", "recover_two_phase", "two_phase"]

"""Uses of published packages by two callers at once, and what one call of `prove.explore` says of each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.quality.published.legs import Leg

TOGETHER = Leg("published-together")


@dataclass(frozen=True)
class Use:
    """One way to use a package.

    Attributes:
        package: as the registry calls it.
        use: in the words of its users.
        name: of the scenario, and of the script by hand.
        db: the engine.
        anomaly: what it is called; empty where it passes.
        reason: why.
        schedules: those that are shown.
        runs_max: as many schedules show it, where all of them are many: most of its Calls open its file.
        leg: where it is installed; None for this interpreter, which has it.
    """

    package: str
    use: str
    name: str
    db: str
    anomaly: str
    reason: str
    schedules: tuple[str, ...] = ()
    runs_max: int | None = None
    leg: Leg | None = TOGETHER

    @property
    def version(self) -> str:
        """As it is pinned; empty for one that is tested in several."""
        return "" if self.leg is None else self.leg.requirements[self.package.lower()]

    @property
    def verdict(self) -> str:
        return "fail" if self.anomaly else "pass"


USES = (
    Use(
        "pyrate-limiter",
        "`SQLiteBucket.put` of two workers on one file",
        "limits",
        "sqlite",
        "phantom",
        "it counts, then inserts; its lock is one of the process, and its docs name `use_file_lock` for several",
        ("ac1:A4.B6.A2",),
        40,
    ),
    Use(
        "persist-queue",
        "`SQLiteQueue.get` of two workers on one file",
        "persist",
        "sqlite",
        "phantom",
        "it selects the oldest job, then deletes it; its lock is one of the object",
        ("ac1:A5.B8.A3",),
        80,
    ),
    Use(
        "sqlite-utils",
        '`db["words"].lookup({"word": …})`',
        "sqlite_utils",
        "sqlite",
        "stale check",
        "it looks, then inserts; the unique index keeps the row single, and one caller gets an IntegrityError",
        ("ac1:A17.B21.A2",),
        60,
    ),
    Use(
        "social-auth-storage-sqlalchemy",
        "`Nonce.use(…)`, which is used once",
        "social",
        "sqlite",
        "stale check",
        "it looks, then inserts; who is second gets an IntegrityError, and a session that has to be rolled back",
        ("ac1:A.B5.A2",),
    ),
    Use(
        "APScheduler",
        "two schedulers on one `SQLAlchemyJobStore`",
        "apscheduler",
        "sqlite",
        "phantom",
        "it reads what is due in one transaction and takes it away in another: the job is run twice",
        ("ac1:A4.B8.A2",),
        60,
    ),
    Use(
        "SQLAlchemy",
        "`ordering_list`: two songs are appended",
        "ordering",
        "postgresql",
        "phantom",
        "a place is the length of the list as it was read",
        ("ac1:A3.B4.A",),
        leg=None,
    ),
    Use(
        "SQLAlchemy",
        "`MutableDict.as_mutable(JSON)`: two keys are set",
        "json",
        "mariadb",
        "lost update",
        "the whole document is written back",
        ("ac1:A.B3.A2",),
        leg=None,
    ),
    Use(
        "sqlalchemy-mptt",
        "two children are added to a node",
        "mptt",
        "postgresql",
        "stale check",
        "the place of the parent is read, and used when others have moved it",
        ("ac1:A.B4.A3", "ac1:A3.B2.A.B2"),
    ),
    Use(
        "Flask-Dance",
        "`SQLAlchemyStorage.set` of two first log-ins",
        "flask_dance",
        "postgresql",
        "duplicate insert",
        "it deletes the old token, of which there is none, then inserts; `get` then raises MultipleResultsFound",
        ("ac1:A2.B3.A",),
    ),
    Use(
        "advanced-alchemy",
        "`SQLAlchemyAsyncRepository.get_or_upsert`",
        "advanced_alchemy",
        "postgresql",
        "duplicate insert",
        "it looks, then inserts; without a unique key there are two",
        ("ac1:A3.B4.A",),
    ),
    Use(
        "credit-ledger",
        "`decrement(…, idempotency_key=…)`, asked twice, of an account that has enough for one",
        "credit_ledger",
        "postgresql",
        "phantom",
        "who has looked for the key before the first charge was committed is told that there are too few credits",
        ("ac1:A2.B5.A3",),
    ),
    Use(
        "credit-ledger",
        "`decrement(…)` without a key",
        "credit_ledger_guarded",
        "postgresql",
        "",
        "one UPDATE whose condition guards it",
    ),
    Use(
        "beanqueue",
        "`DispatchService.dispatch` of two workers",
        "beanqueue",
        "postgresql",
        "",
        "FOR UPDATE SKIP LOCKED",
    ),
    Use("huey", "`SqliteStorage.dequeue` of two consumers", "huey", "sqlite", "", "BEGIN EXCLUSIVE before it looks"),
    Use("gigq", "`Worker` claims a job", "gigq", "sqlite", "", "BEGIN EXCLUSIVE before it looks"),
    Use(
        "peewee",
        "`Model.get_or_create` on a unique key",
        "peewee",
        "sqlite",
        "",
        "whoever inserts too late reads what the other one has inserted",
    ),
)
FAILING = tuple(use for use in USES if use.anomaly)

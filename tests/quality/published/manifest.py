"""Uses of published packages, unmodified, and what one call of `prove.drill` says of each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.quality.published.legs import Leg

ANY = Leg("published")
PYTHON312 = Leg("published-python312", python=(3, 12))
SQLALCHEMY20 = Leg("published-sqlalchemy20")

IN_DOUBT = "left the caller in doubt although everything was committed: the caller has to resolve the outcome"


@dataclass(frozen=True)
class Use:
    """One way to use a package.

    Attributes:
        package: as the registry calls it.
        leg: where it runs.
        use: in the words of its users.
        target: the Scenario, below this folder.
        db: the engine.
        words: of the findings that are errors, sorted; none where it passes.
        reason: why.
        says: what stands in the report.
        not_run: why nothing can be said of it.
    """

    package: str
    leg: Leg
    use: str
    target: str
    db: str
    words: tuple[str, ...]
    reason: str
    says: str = ""
    not_run: str = ""

    @property
    def verdict(self) -> str:
        if self.not_run:
            return "not run"
        return "fail" if self.words else "pass"


USES = (
    Use(
        "dbop-runner",
        ANY,
        "`DBOpRunner().run(session, fn)`, then the session is closed",
        "dbop:closed",
        "postgresql",
        ("false success",),
        "its SAVEPOINT begins an outer transaction that nobody commits: `run` returns, and no row is there",
        "no row was changed, although the caller was told that all went well",
    ),
    Use(
        "dbop-runner",
        ANY,
        "the same inside `session.begin()`",
        "dbop:committed",
        "postgresql",
        (),
        "the caller commits; attempts are made inside one transaction",
        IN_DOUBT,
    ),
    Use(
        "DBOS",
        ANY,
        "`@ds.transaction()` called outside a workflow",
        "dbos_steps:outside",
        "postgresql",
        ("doubled",),
        "a COMMIT whose answer is lost is tried again: the rows are there twice, and as often as it is lost",
        "4 rows of entries were added instead of 2",
    ),
    Use(
        "DBOS",
        ANY,
        "the same, with the caller's key written in the transaction",
        "dbos_steps:with_a_key",
        "postgresql",
        (),
        "the second attempt finds the key of the first",
        "the fault ended after 12 strikes: the operation would have tried on",
    ),
    Use(
        "DBOS",
        ANY,
        "the same inside a workflow",
        "",
        "postgresql",
        (),
        "a workflow also writes to DBOS's own database",
        not_run="two databases at once",
    ),
    Use(
        "tenacity",
        ANY,
        "`@retry` of any `DBAPIError` around a unit of work",
        "tenacious:any_error",
        "postgresql",
        ("doubled",),
        "a COMMIT whose answer is lost is tried again",
        "4 rows of entries were added instead of 2",
    ),
    Use(
        "tenacity",
        ANY,
        "`@retry` of what the server rolled back (40001, 40P01)",
        "tenacious:rolled_back",
        "postgresql",
        (),
        "the server says that nothing was written; everything else reaches the caller",
        IN_DOUBT,
    ),
    Use(
        "alchemiq",
        PYTHON312,
        "a `UnitOfWork` in a `UnitOfWork` fails, and the outer one goes on",
        "alchemiq_units:caught",
        "postgresql+asyncpg",
        ("torn",),
        "the inner unit joins the outer transaction, so what it wrote before it failed is committed",
        "2 of 3 rows were written, and the other never came",
    ),
    Use(
        "alchemiq",
        PYTHON312,
        "the same, and the exception leaves the outer one too",
        "alchemiq_units:let_through",
        "postgresql+asyncpg",
        (),
        "the outer unit rolls back everything",
        IN_DOUBT,
    ),
    Use(
        "sqlalchemy-cockroachdb",
        SQLALCHEMY20,
        "`run_transaction(engine, fn)`",
        "cockroach:on_engine",
        "postgresql",
        (),
        "raises when the answer to COMMIT is lost, although it is committed: that is right",
        IN_DOUBT,
    ),
    Use(
        "sqlalchemy-cockroachdb",
        SQLALCHEMY20,
        "`run_transaction(sessionmaker, fn)`",
        "cockroach:on_sessionmaker",
        "postgresql",
        (),
        "the same",
        IN_DOUBT,
    ),
    Use(
        "django-pgtransaction",
        ANY,
        "`@pgtransaction.atomic(isolation_level=SERIALIZABLE, retry=3)`",
        "pgtransactions:retried",
        "postgresql",
        (),
        "raises when the answer to COMMIT is lost, although it is committed: that is right",
        IN_DOUBT,
    ),
    Use(
        "django-subatomic",
        PYTHON312,
        "`@transaction()` around functions with `@transaction_required`",
        "subatomic:whole",
        "postgresql",
        (),
        "one transaction; it raises when the answer to COMMIT is lost, which is right",
        IN_DOUBT,
    ),
)

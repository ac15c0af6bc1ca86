"""Answers made by hand: every kind of letter, finding, remedy and replayed run that a format has to show."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from acidity.core.call import Call, Event, Kind, Reply, Site
from acidity.core.cause import AlsoBroken, CauseKind, Place, Rate, RowFate
from acidity.core.finding import Finding, Remedy, RowChange, Tried
from acidity.core.outcome import Ending, Rows, Told
from acidity.core.report import Bound, Card, EngineInfo, Report
from acidity.core.schedule import Schedule
from acidity.core.step import SeenStep

SQLITE = EngineInfo("sqlite", "3.40.1", "pysqlite", {"journal_mode": "delete", "foreign_keys": "off"})
LINE = Site("bank.py", 41, "transfer")
HISTORY = (
    Event(Call("A", 1, Kind.STATEMENT, "UPDATE accounts SET balance=?", (Decimal("50.00"), 1), LINE), Reply("ok")),
    Event(Call("A", 2, Kind.COMMIT, "", None, Site("bank.py", 42)), Reply("ok")),
    Event(
        Call("A", 3, Kind.STATEMENT, "UPDATE accounts SET balance=?", (b"\x01", 2), Site("bank.py", 44)),
        Reply("error", "disk I/O error", "SQLITE_IOERR"),
        fault="error-before",
    ),
)
TORN = Finding(
    code="ACI201",
    severity="error",
    title="$50 left account 1 and arrived nowhere",
    word="torn",
    operation="transfer",
    schedule=Schedule.parse("ac1:A3!error-before"),
    sites=(Site("bank.py", 44), LINE),
    diff=(
        RowChange(
            "accounts", (("id", 1),), (("id", 1), ("balance", Decimal(100))), (("id", 1), ("balance", Decimal(50)))
        ),
        RowChange("log", (("id", 9),), None, (("id", 9), ("text", "paid\x1b[31m [red]"))),
    ),
    explanation=("The first COMMIT made the debit durable.", "The second UPDATE failed, and nothing undid the debit."),
    remedies=(
        Remedy("roll back after a failed COMMIT", Tried.FAILED, 63),
        Remedy("one commit instead of several", Tried.PASSED, 57, "both writes in the first transaction"),
        Remedy("a larger disk", Tried.NOT_TRIED, 0, "the disk is not full"),
    ),
    occurrences=12,
    history=HISTORY,
    kind=CauseKind.SEVERAL_COMMITS,
    cause="transfer commits at bank.py:42 before the change is complete",
    also=(AlsoBroken("ACI252", "money_adds_up"),),
    permanent=Place(
        Site("bank.py", 42, "transfer", "session.commit()"),
        (
            Site("bank.py", 42, "transfer", "session.commit()"),
            Site("shop.py", 9, "checkout"),
            Site("shop.py", 5, "main"),
        ),
    ),
    broke=Place(Site("bank.py", 44, "transfer", "session.execute(credit)")),
    rows=(
        RowFate(
            "accounts", (("id", 1),), (("balance", Decimal(100)),), (("balance", Decimal(50)),), ((("balance", 100),),)
        ),
        RowFate("log", (("id", 9),), None, (("id", 9), ("text", "paid\x1b[31m [red]")), (None,)),
    ),
    rate=Rate(12, 63),
    mode="real",
    replay="acidity replay app.bank:transfer 'ac1:A3!error-before'",
)
WARNING = Finding(
    "ACI206",
    "warning",
    "The caller is told that it failed, and it did not",
    "failed after commit",
    "transfer",
    Schedule.parse("ac1:A5!error-after"),
)
NOTES = ("ids made by the database are not compared", "COMMIT applied, answer lost: simulated at the driver")


def report(**changes: object) -> Report:
    """A passing drill, or one with other fields."""
    fields: dict[str, object] = {
        "check": "drill",
        "target": "app.bank:transfer",
        "engine": SQLITE,
        "runs": 63,
        "bounds": (Bound("runs", 63, 63), Bound("end states", 1200, None, "no power loss")),
        "headline": "9 calls × 7 faults = 63 runs: 57 before · 6 after · 0 torn · 0 misreported",
        "classifier": "2 writes in 1 commit: protected",
        "counts": {"before": 57, "after": 6, "torn": 0, "misreported": 0},
        "not_covered": ("other arguments", "power loss"),
        "notes": NOTES,
        "versions": {"python": "3.11.7", "acidity": "0.1.0"},
        "elapsed_s": 0.25,
    }
    return Report(**(fields | changes))  # type: ignore[arg-type]


PASSED = report()
FAILED = report(
    findings=(TORN, WARNING),
    headline="9 calls × 7 faults = 63 runs: 50 before · 1 after · 12 torn · 0 misreported",
    classifier="2 commits: unprotected",
    counts={"before": 50, "after": 1, "torn": 12, "misreported": 0},
)
UNDECIDED = report(
    unknowns=("30 of 63 runs were made before the budget of 1 s was used up",), bounds=(Bound("runs", 30, 63),)
)
NOT_STATED = report(check="constraints", stated=False, headline="", classifier="", bounds=())
ALL_LETTERS = Card("app.bank:transfer", SQLITE, {"A": FAILED, "C": NOT_STATED, "I": "not built", "D": "not asked"})
GREEN = Card(
    "app.bank:mended",
    SQLITE,
    {"A": PASSED, "C": report(check="constraints", classifier=""), "I": "not built", "D": "not built"},
)


ENDING = Ending(exception="OperationalError", message="disk I/O error")


@dataclass(frozen=True)
class Replayed:
    """Stands for what `prove.replay` answers."""

    target: str = "app.bank:transfer"
    engine: EngineInfo = SQLITE
    operation: str = "transfer"
    schedule: Schedule = TORN.schedule
    struck: bool = True
    word: str = "torn"
    told: Told = Told.FAILED
    rows: Rows = Rows.TORN
    history: tuple[Event, ...] = HISTORY
    diff: tuple[RowChange, ...] = TORN.diff
    ending: Ending = ENDING
    broken: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    steps: tuple[SeenStep, ...] = ()
    notes: tuple[str, ...] = ()
    misfit: tuple[Rows, str] | None = None

    @property
    def verdict(self) -> str:
        return "pass" if self.word == "right" else "fail" if self.struck else "unknown"

"""Callers that write, in tables that may be called anything: wrong ones, and right ones that lock a row first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint, insert, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario

RC = "READ COMMITTED"
PLAIN = {
    "entries": "entries", "totals": "totals", "others": "others", "codes": "codes",
    "id": "id", "amount": "amount", "total": "total", "code": "code",
}  # fmt: skip
RENAMED = {
    "entries": "t1", "totals": "u_2", "others": "x", "codes": "a", "id": "k", "amount": "c9", "total": "v", "code": "b",
}  # fmt: skip
TOTAL = "SELECT {total} FROM {totals} WHERE {id} = 1"
OF_CODE = "SELECT {total} FROM {codes} WHERE {code} = 7"
COMMIT = "COMMIT"


@dataclass(frozen=True)
class Case:
    """Two callers that each send the statements of one program; right if each locks a row of `totals` first.

    Attributes:
        programs: of the callers; the only one is that of both. One that is right does not commit on its way.
        name: the anomaly of the wrong ones; empty where none is certain.
        where: the engines that let it happen, and at which level; None for the default.
        reads: what the program sends first; it gives ten more than the answer as ``:total``.
    """

    programs: tuple[tuple[str, ...], ...]
    name: str
    where: Mapping[str, str | None]
    reads: str = ""


def schema(names: Mapping[str, str]) -> tuple[MetaData, Callable[[Session], None]]:
    """Four tables, one of them with a second unique key, and the rows before."""
    metadata = MetaData()
    entries, totals, others = (
        Table(names[table], metadata, Column(names["id"], Integer, primary_key=True), Column(names[column], Integer))
        for table, column in (("entries", "amount"), ("totals", "total"), ("others", "total"))
    )
    codes = Table(
        names["codes"],
        metadata,
        Column(names["id"], Integer, primary_key=True),
        Column(names["code"], Integer),
        Column(names["total"], Integer),
        UniqueConstraint(names["code"], name="known_code"),
    )

    def seed(session: Session) -> None:
        session.execute(insert(entries), {names["amount"]: 10})
        session.execute(insert(totals), {names["id"]: 1, names["total"]: 10})
        session.execute(insert(others), {names["id"]: 1, names["total"]: 5})
        for code in (7, 8):  # with the keys 1 and 2
            session.execute(insert(codes), {names["code"]: code, names["total"]: 10})

    return metadata, seed


def program(case: Case, statements: tuple[str, ...], names: Mapping[str, str], *, locks: bool) -> Operation:
    def run(session: Session) -> None:
        if locks:
            session.execute(text("UPDATE {totals} SET {total} = {total} WHERE {id} = 1".format(**names)))
        own = {}
        if case.reads:
            own["total"] = session.execute(text(case.reads.format(**names))).scalar_one() + 10
        for statement in statements:
            if statement != COMMIT:
                session.execute(text(statement.format(**names)), own)
            elif not locks:
                session.commit()
        session.commit()

    return Operation(run)


def scenario(case: Case, names: Mapping[str, str], *, locks: bool) -> Scenario:
    """Its callers, in a schema whose tables are called so."""
    metadata, seed = schema(names)
    operations = [program(case, each, names, locks=locks) for each in case.programs]
    return Scenario(*operations, metadata=metadata, setup=seed)


def named(case: Case, db: str, names: Mapping[str, str], *, locks: bool) -> tuple[str, list[str]]:
    """The verdict on two callers, and the anomalies that it names."""
    report = prove.explore(scenario(case, names, locks=locks), db=db, isolation_level=case.where[db])
    return report.verdict, [finding.anomaly for finding in report.findings]


def named_in(schedule: str, case: Case, db: str, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """The same of one schedule."""
    asked = scenario(case, names, locks=False)
    report = prove.replay_together(asked, schedule, db=db, isolation_level=case.where[db])
    return report.verdict, [finding.anomaly for finding in report.findings]

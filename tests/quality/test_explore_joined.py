"""Writes that look at other tables or at a second unique key are named: UPDATE … FROM, DELETE … USING, MERGE, upserts.

A program is wrong by what its write has looked for, and right if it locks a row first; so is what a SELECT changes in its
WITH. Where it is not certain which rows a write has found, no anomaly is named.
"""

from __future__ import annotations

import pytest

from acidity import prove
from tests.quality.writing import COMMIT, OF_CODE, PLAIN, RC, RENAMED, TOTAL, Case, named, named_in, scenario

COUNTED = "UPDATE {others} SET {total} = (SELECT count(*) FROM {entries}) * 100 WHERE {id} = 1"
# The first caller goes by `others` and changes `totals` in a second transaction; the second one goes the other way.
THEN = (COMMIT, "UPDATE {totals} SET {total} = {total} + 1 WHERE {id} = 1")
BACK = ("UPDATE {others} SET {total} = (SELECT {total} FROM {totals} WHERE {id} = 1) * 10 WHERE {id} = 1",)
BLIND = "UPDATE {totals} SET {total} = :total "
WAITED = ("UPDATE {others} SET {total} = 6 WHERE {id} = 1", "UPDATE {totals} SET {total} = 7 WHERE {id} = 1")
UPSERT = "INSERT INTO {codes} ({code}, {total}) VALUES (7, :total) "
TWICE = "ON DUPLICATE KEY UPDATE {total} = VALUES({total})"
OTHERS_ARE_5 = ("DELETE FROM {codes} WHERE {code} = 7 AND (SELECT {total} FROM {others} WHERE {id} = 1) = 5",)
ONE_MORE = "UPDATE {others} SET {total} = {total} + 1 WHERE {id} = 1"
OTHERS = "SELECT {total} FROM {others} WHERE {id} = 1"
PG, LITE, MARIA = {"postgresql": None}, {"sqlite": None}, {"mariadb": None}

CASES = {
    # UPDATE
    "FROM each other": Case(
        (
            ("UPDATE {totals} SET {total} = o.{total} FROM {others} o WHERE o.{id} = {totals}.{id}",),
            ("UPDATE {others} AS x SET {total} = o.{total} FROM {totals} AS o WHERE o.{id} = x.{id}",),
        ),
        "write skew",
        PG,
    ),
    "FROM a sum": Case(
        (
            (
                "INSERT INTO {entries} ({amount}) VALUES (5)",
                "UPDATE {totals} SET {total} = s.a FROM (SELECT sum({amount}) AS a FROM {entries}) s WHERE {id} = 1",
            ),
        ),
        "phantom",
        PG,
    ),
    "FROM, one value": Case(
        ((BLIND + "FROM {others} o WHERE o.{id} = {totals}.{id}",),), "lost update", {**LITE, **PG}, TOTAL
    ),
    "FROM, a condition": Case(
        (
            ("UPDATE {totals} SET {total} = 0 FROM {others} o WHERE o.{id} = {totals}.{id} AND o.{total} = 5",),
            ("UPDATE {others} SET {total} = 0 FROM {totals} o WHERE o.{id} = {others}.{id} AND o.{total} = 10",),
        ),
        "write skew",
        PG,
    ),
    "FROM, which hides itself": Case(
        (
            (
                "UPDATE {codes} SET {total} = 50 FROM {others} o WHERE o.{id} = {codes}.{id} AND {codes}.{total} < o.{total} + 10",
                *THEN,
            ),
            ("UPDATE {others} SET {total} = (SELECT {total} FROM {totals} WHERE {id} = 1) - 20 WHERE {id} = 1",),
        ),
        "write skew",
        {**LITE, **PG},
    ),
    "FROM, after waiting": Case(
        (
            WAITED,
            ("UPDATE {totals} SET {total} = 20 FROM {others} o WHERE o.{id} = {totals}.{id} AND o.{total} = 5",),
        ),
        "stale check",
        PG,
    ),
    "FROM, a value after waiting": Case(
        (WAITED, ("UPDATE {totals} SET {total} = o.{total} FROM {others} o WHERE o.{id} = {totals}.{id}",)),
        "stale check",
        PG,
    ),
    "JOIN": Case(
        (("UPDATE {codes} c JOIN {others} o ON o.{id} = c.{id} SET c.{total} = o.{total}", *THEN), BACK),
        "write skew",
        MARIA,
    ),
    "JOIN, one value": Case(
        (("UPDATE {totals} t JOIN {others} o ON o.{id} = t.{id} SET t.{total} = :total",),), "lost update", MARIA, TOTAL
    ),
    "of both": Case(
        (("UPDATE {others} o, {totals} t SET o.{total} = 3, t.{total} = :total WHERE o.{id} = t.{id}",),),
        "lost update",
        MARIA,
        TOTAL,
    ),
    "of all rows": Case(((BLIND,),), "lost update", MARIA, TOTAL),
    "RETURNING": Case(
        ((COMMIT, "UPDATE {others} SET {total} = :total WHERE {id} = 1"),),
        "lost update",
        LITE,
        "UPDATE {totals} SET {total} = 0 WHERE {id} = 1 RETURNING (SELECT {total} FROM {others} WHERE {id} = 1)",
    ),
    # DELETE
    "USING": Case(
        (("DELETE FROM {entries} USING {others} o WHERE {entries}.{amount} > o.{total} AND o.{id} = 1",), (COUNTED,)),
        "phantom",
        PG,
    ),
    "USING, which hides itself": Case(
        (
            ("DELETE FROM {entries} USING {others} o WHERE o.{id} = {entries}.{id} AND {amount} > o.{total}", *THEN),
            BACK,
        ),
        "write skew",
        PG,
    ),
    "DELETE … JOIN": Case(
        (("DELETE e FROM {entries} e JOIN {others} o ON o.{id} = 1 WHERE e.{amount} > o.{total}", *THEN), BACK),
        "write skew",
        MARIA,
    ),
    "USING … JOIN": Case(
        (
            ("DELETE FROM e USING {entries} AS e JOIN {others} o ON o.{id} = e.{id} WHERE {amount} > o.{total}", *THEN),
            BACK,
        ),
        "write skew",
        MARIA,
    ),
    "DELETE … IN": Case(
        (("DELETE FROM {entries} WHERE {id} IN (SELECT {id} FROM {others} WHERE {total} = 5)", *THEN), BACK),
        "write skew",
        LITE,
    ),
    # A second unique key
    "ON DUPLICATE KEY": Case(((UPSERT + TWICE,),), "lost update", MARIA, OF_CODE),
    "ON DUPLICATE KEY with a new primary key": Case(
        (("INSERT INTO {codes} ({id}, {code}, {total}) VALUES (9, 7, :total) " + TWICE,),),
        "lost update",
        MARIA,
        OF_CODE,
    ),
    "ON DUPLICATE KEY of two rows": Case(
        (("INSERT INTO {codes} ({id}, {code}, {total}) VALUES (2, 7, :total) " + TWICE,),),
        "",
        MARIA,
        "SELECT {total} FROM {codes} WHERE {id} = 2",
    ),
    "REPLACE": Case(
        (("REPLACE INTO {codes} ({code}, {total}) VALUES (7, :total)",),), "lost update", {**LITE, **MARIA}, OF_CODE
    ),
    "ON CONFLICT of any key": Case(
        ((UPSERT + "ON CONFLICT DO UPDATE SET {total} = excluded.{total}",),), "lost update", LITE, OF_CODE
    ),
    "ON CONFLICT ON CONSTRAINT": Case(
        ((UPSERT + "ON CONFLICT ON CONSTRAINT known_code DO UPDATE SET {total} = excluded.{total}",),),
        "lost update",
        PG,
        OF_CODE,
    ),
    "ON CONFLICT, after waiting": Case(
        (
            (UPSERT + "ON CONFLICT ({code}) DO UPDATE SET {total} = excluded.{total}",),
            ("UPDATE {codes} SET {code} = 9, {total} = 3 WHERE {id} = 1", "UPDATE {others} SET {total} = 50 WHERE {id} = 1"),
        ),
        "stale check",
        PG,
        OTHERS,
    ),
    "DO NOTHING": Case(
        (("INSERT INTO {codes} ({code}) VALUES (7) ON CONFLICT DO NOTHING", ONE_MORE), OTHERS_ARE_5), "phantom", PG
    ),
    "DO NOTHING, which is no write": Case(
        (
            (
                "INSERT INTO {codes} ({code}) VALUES (7) ON CONFLICT DO NOTHING",
                "UPDATE {others} SET {total} = :total WHERE {id} = 1",
            ),
            (ONE_MORE, "UPDATE {codes} SET {total} = 50 WHERE {code} = 7"),
        ),
        "stale check",
        PG,
        OF_CODE,
    ),
    "OR IGNORE": Case(
        (("INSERT OR IGNORE INTO {codes} ({code}) VALUES (7)", COMMIT, ONE_MORE), OTHERS_ARE_5), "phantom", LITE
    ),
    "IGNORE": Case(
        (("INSERT IGNORE INTO {codes} ({code}) VALUES (7)", COMMIT, ONE_MORE), OTHERS_ARE_5), "phantom", MARIA
    ),
    # MERGE
    "MERGE from each other": Case(
        (
            ("MERGE INTO {totals} t USING {others} o ON o.{id} = t.{id} WHEN MATCHED THEN UPDATE SET {total} = o.{total}",),
            (
                ("MERGE INTO {others} t USING {totals} o ON o.{id} = t.{id} WHEN MATCHED THEN UPDATE SET {total} = o.{total}"
                " WHEN NOT MATCHED THEN INSERT ({id}, {total}) VALUES (o.{id}, o.{total})"),
            ),
        ),
        "write skew",
        PG,
    ),
    "MERGE of one value": Case(
        (
            (
                ("MERGE INTO {totals} t USING (SELECT 1 AS n) o ON o.n = t.{id} WHEN MATCHED THEN UPDATE SET {total} = :total"
                " WHEN NOT MATCHED THEN INSERT ({id}, {total}) VALUES (1, :total)"),
            ),
        ),
        "lost update",
        PG,
        TOTAL,
    ),
    "MERGE that inserts": Case(
        (
            (
                ("MERGE INTO {entries} e USING (SELECT 5 AS n) o ON o.n = e.{amount}"
                " WHEN NOT MATCHED THEN INSERT ({amount}) VALUES (o.n)"),
            ),
        ),
        "duplicate insert",
        PG,
    ),
    "MERGE that deletes": Case(
        (
            ("MERGE INTO {entries} e USING {others} o ON e.{amount} > o.{total} WHEN MATCHED THEN DELETE",),
            (COUNTED,),
        ),
        "phantom",
        PG,
    ),
    # Changes within WITH
    "WITH … UPDATE": Case(
        (("WITH s AS (" + BLIND + "WHERE {id} = 1 RETURNING {total}) SELECT {total} FROM s",),), "lost update", PG, TOTAL
    ),
    "WITH … DELETE": Case(
        (
            (
                ("WITH s AS (DELETE FROM {entries} WHERE {amount} > (SELECT {total} FROM {others} WHERE {id} = 1)"
                " RETURNING {amount}) SELECT count(*) FROM s"),
            ),
            (COUNTED,),
        ),
        "phantom",
        PG,
    ),
    "WITH … UPDATE … FROM": Case(
        (
            (
                ("WITH s AS (SELECT {total} AS a FROM {others} WHERE {id} = 1),"
                " w AS (UPDATE {totals} SET {total} = s.a FROM s WHERE {id} = 1 RETURNING {total}) SELECT {total} FROM w"),
            ),
            (
                ("WITH w AS (UPDATE {others} o SET {total} = t.{total} FROM {totals} t WHERE t.{id} = 1 AND o.{id} = 1"
                " RETURNING o.{total}) INSERT INTO {entries} ({amount}) SELECT {total} FROM w"),
            ),
        ),
        "write skew",
        PG,
    ),
    "WITH … ON CONFLICT": Case(
        (
            (
                "WITH w AS (" + UPSERT + "ON CONFLICT ({code}) DO UPDATE SET {total} = excluded.{total}"
                " RETURNING {total}) SELECT {total} FROM w",
            ),
        ),
        "lost update",
        PG,
        OF_CODE,
    ),
    "SELECT behind WITH … UPDATE": Case(
        ((COMMIT, "UPDATE {others} SET {total} = :total WHERE {id} = 1"),),
        "lost update",
        PG,
        "WITH w AS (UPDATE {totals} SET {total} = 0 WHERE {id} = 1 RETURNING {total})"
        " SELECT {total} FROM {others} WHERE {id} = 1",
    ),
}  # fmt: skip
FREE = "SELECT {id} FROM {codes} WHERE {total} = 10 ORDER BY {id} LIMIT 1"
CLAIM = "UPDATE {codes} SET {total} = 21 WHERE {id} = (SELECT {id} FROM (" + FREE + ") x)"
AS_ASKED = "INSERT INTO {codes} ({code}, {total}) SELECT {code}, {total} + 1 FROM {codes} WHERE {code} = 7 "
MERGE_9 = (
    "MERGE INTO {codes} t USING (SELECT 9 AS a) s ON t.{code} = s.a WHEN MATCHED THEN UPDATE SET {total} = t.{total} + 1"
    " WHEN NOT MATCHED THEN INSERT ({code}, {total}) VALUES (s.a, 1)"
)
ADDED, NEW = (
    "INSERT INTO {entries} ({amount}) VALUES (5)",
    " ON CONFLICT ({code}) DO UPDATE SET {total} = excluded.{total}",
)
EACH = {"postgresql": RC, "mariadb": RC}
# What they ask in a SELECT is as it was when the statement was sent, and the row that they change as it is now.
CASES |= {
    "a claim": Case(((CLAIM,), (CLAIM.replace("21", "22"),)), "lost update", EACH),
    "a claim, guarded": Case(((CLAIM + " AND {total} = 10",),), "stale check", EACH),
    "an upsert of what it has asked": Case(
        ((AS_ASKED + "ON CONFLICT ({code}) DO UPDATE SET {total} = excluded.{total}",),),
        "lost update",
        {"postgresql": RC},
    ),
    "an upsert of what it has asked, MariaDB": Case(((AS_ASKED + TWICE,),), "lost update", {"mariadb": RC}),
    "a value that it has asked": Case(
        (("UPDATE {totals} SET {total} = (SELECT {total} FROM {totals} WHERE {id} = 1) - 7 WHERE {id} = 1",),),
        "lost update",
        {"postgresql": RC},
    ),
    "a claim in WITH": Case(
        tuple(
            (f"WITH c AS ({FREE}) UPDATE {{codes}} SET {{total}} = {n} FROM c WHERE {{codes}}.{{id}} = c.{{id}}",)
            for n in (21, 22)
        ),
        "lost update",
        {"postgresql": RC},
    ),
    "a guard that counts": Case(
        tuple(
            (
                "UPDATE {codes} SET {total} = 0 WHERE {id} = "
                + key
                + " AND (SELECT count(*) FROM {codes} WHERE {total} = 10) > 1",
            )
            for key in "12"
        ),
        "write skew",
        {"postgresql": RC},
    ),
    "a quota": Case(
        (("INSERT INTO {entries} ({amount}) SELECT 5 WHERE (SELECT count(*) FROM {entries}) < 2",),), "phantom", EACH
    ),
    "an upsert of a sum": Case(
        ((ADDED, "INSERT INTO {codes} ({code}, {total}) SELECT 7, sum({amount}) FROM {entries}" + NEW),),
        "phantom",
        {"postgresql": RC},
    ),
    "an upsert by a sum": Case(
        (
            (
                ADDED,
                "INSERT INTO {codes} ({code}) VALUES (7) ON CONFLICT ({code}) DO UPDATE SET {total} = (SELECT sum({amount}) FROM {entries})",
            ),
        ),
        "phantom",
        {"postgresql": RC},
    ),
    "a next number": Case(
        ((COMMIT, "INSERT INTO {entries} ({amount}) VALUES (:total)"),),
        "phantom",
        {**LITE, **EACH},
        "SELECT max({amount}) FROM {entries}",
    ),
    "a next number in one": Case(
        (("INSERT INTO {entries} ({amount}) SELECT max({amount}) + 1 FROM {entries}",),), "phantom", EACH
    ),
    "a next number among values": Case(
        (("INSERT INTO {entries} ({amount}) VALUES ((SELECT max({amount}) + 1 FROM {entries}))",),),
        "phantom",
        {"postgresql": RC},
    ),
    "a next number that is refused": Case(
        (("INSERT INTO {codes} ({code}) VALUES ((SELECT count(*) + 40 FROM {codes}))",),), "stale check", PG
    ),
    "two rows that it copies": Case(
        (
            tuple(
                "INSERT INTO {entries} ({amount}) SELECT {total} FROM " + each + " WHERE {id} = 1"
                for each in ("{totals}", "{others}")
            ),
            tuple("UPDATE " + each + " SET {total} = {total} + 3 WHERE {id} = 1" for each in ("{totals}", "{others}")),
        ),
        "read skew",
        EACH,
    ),
    "a MERGE that is refused": Case(
        ((MERGE_9,),),
        "stale check",
        PG,
    ),
}
CELLS = [(name, db) for name, case in CASES.items() for db in case.where]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_it_is_named(name: str, db: str) -> None:
    assert named(CASES[name], db, PLAIN, locks=False) == ("fail", [CASES[name].name])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_its_name_is_not_read_from_names(name: str, db: str) -> None:
    assert named(CASES[name], db, RENAMED, locks=False) == ("fail", [CASES[name].name])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_a_lock_makes_it_right(name: str, db: str) -> None:
    assert named(CASES[name], db, PLAIN, locks=True) == ("pass", [])


def test_who_acted_on_a_stale_check_wrote_after_the_change() -> None:
    """Each has asked before the other one's commit; it is the second whose answer was stale."""
    doubled = "UPDATE {totals} SET {total} = {total} + (SELECT {total} FROM {totals} WHERE {id} = 1) WHERE {id} = 1"
    case = Case(((doubled,),), "stale check", {"postgresql": RC})
    report = prove.explore(scenario(case, PLAIN, locks=False), db="postgresql", isolation_level=RC)
    (finding,) = report.findings
    assert (finding.anomaly, str(finding.schedule)) == ("stale check", "ac1:A.B.A.B")
    assert "when B acted, what it had checked was no longer so" in finding.explanation


RR = {"postgresql": "REPEATABLE READ"}
ENTRY, LAST = "SELECT {amount} FROM {entries}", "UPDATE {totals} SET {total} = 99 WHERE {id} = 1"
INSERTED = ("INSERT INTO {entries} ({amount}) SELECT {total} FROM {totals} WHERE {id} = 1",)
COPIED = ("UPDATE {others} SET {total} = (SELECT {total} FROM {totals} WHERE {id} = 1) WHERE {id} = 1",)
# The other caller has committed when the first one, who goes by what it saw before, sends its write.
SNAPSHOTS = {
    "rows that it does not see": Case(
        (("UPDATE {entries} SET {amount} = {amount} + 1 WHERE {amount} >= 5", LAST), INSERTED), "phantom", RR, OTHERS
    ),
    "rows that it does not delete": Case(
        (("DELETE FROM {entries} WHERE {amount} >= 5", LAST), INSERTED), "phantom", RR, OTHERS
    ),
    "a value as it was": Case(
        (("UPDATE {codes} SET {total} = o.{total} FROM {others} o WHERE o.{id} = {codes}.{id}", LAST), COPIED),
        "write skew",
        RR,
        ENTRY,
    ),
    "a condition as it was": Case(
        (
            ("DELETE FROM {codes} USING {others} o WHERE o.{total} < {codes}.{total} AND o.{id} = 1", LAST),
            COPIED,
        ),
        "write skew",
        RR,
        ENTRY,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SNAPSHOTS])
def test_what_a_snapshot_hides_is_named(name: str) -> None:
    for names in (PLAIN, RENAMED):
        found = named_in("ac1:A.B3.A3", SNAPSHOTS[name], "postgresql", names)
        assert found == ("fail", [SNAPSHOTS[name].name])

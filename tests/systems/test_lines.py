"""Safety lines are found however a program writes them, and what has no mutant is named."""

from __future__ import annotations

import ast

import pytest

from tests.systems.lines import safety_lines, unseen
from tests.systems.mutants import shipped, source_without, systems, tree_of

WRITTEN = {
    "by another name": (
        """
from acidity import atomic as unit, lock as hold
import acidity as ac
import sqlalchemy as sa
from sqlalchemy import CheckConstraint as Check, ForeignKey as FK
@unit(Sessions)
def buy(session):
    hold(session, Item, [1])
    with ac.savepoint() as before:
        before.rollback()
class Item(Base):
    __table_args__ = (Check("stock >= 0"), sa.UniqueConstraint("code"))
    shop: Mapped[int | None] = mapped_column(FK("shops.id"))
    owner: Mapped[int | None] = sa.orm.mapped_column(sa.ForeignKey("owners.id"))
""",
        "atomic lock savepoint rollback CheckConstraint UniqueConstraint ForeignKey ForeignKey",
    ),
    "over several lines": (
        """
def take(session):
    free = (
        select(Slot)
        .where(Slot.is_free)
        .with_for_update(
            skip_locked=True,
        )
    )
    session.get(Slot, 1, with_for_update={"nowait": True})
    session.connection(execution_options=dict(isolation_level="SERIALIZABLE"))
""",
        "with_for_update with_for_update isolation_level",
    ),
    "as SQL": (
        '''
ASKED = "SELECT id FROM slots FOR NO KEY UPDATE"
def take(session):
    """SELECT … FOR UPDATE, and ROLLBACK TO what was before."""
    sql = session.connection().exec_driver_sql
    sql("""SELECT id FROM slots
        for   update SKIP LOCKED""")
    sql("ROLLBACK TO SAVEPOINT before")
    print("SELECT … FOR UPDATE")
''',
        "with_for_update with_for_update rollback",
    ),
    "counts": (
        """
def take(result):
    if 1 != result.rowcount:
        raise Gone
    if not result.rowcount:
        raise Gone
    taken = result.rowcount
    match result.rowcount:
        case 1: pass
        case _: raise Gone
    return (again := result.rowcount) == 1
""",
        "rowcount raise rowcount raise rowcount rowcount raise rowcount",
    ),
    "units by hand": (
        """
def by_hand():
    with Sessions() as session:
        session.add(Item())
        session.commit()
async def by_hand_async():
    async with Sessions() as session:
        await session.commit()
        await session.rollback()
def in_a_stack():
    with ExitStack() as stack:
        session = stack.enter_context(atomic(Sessions))
        stack.enter_context(session.begin_nested())
unit = atomic(Sessions, isolation_level="SERIALIZABLE")
class Shop:
    @retried
    @atomic(Sessions)
    def buy(self, session):
        def refuse():
            raise Gone
""",
        "atomic isolation_level commit commit rollback atomic begin_nested atomic raise",
    ),
    "keys": (
        """
class Item(Base):
    __tablename__ = "items"
    __table_args__ = (ForeignKeyConstraint(["a"], ["b.a"]), Index("i", "code", unique=True))
    shop: Mapped[int] = mapped_column(Integer, ForeignKey("shops.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(9), unique=True)
    price: Mapped[int]
    text: Mapped[str | None]
    note = mapped_column(String)
    lines: Mapped[list["Line"]] = relationship()
class Shop(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
class Town(Base):
    id = Column(String, primary_key=True)
mark = Table("mark", MetaData(), Column("name", String, primary_key=True))
""",
        "primary_key primary_key ForeignKeyConstraint unique ForeignKey not_null unique not_null primary_key",
    ),
}
NOT_SEEN = [
    'sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")',
    'sql("LOCK TABLE slots IN EXCLUSIVE MODE")',
    'sql("SELECT pg_advisory_xact_lock(1)")',
    'sql("BEGIN IMMEDIATE")',
    'SCHEMA = "CREATE TABLE items (id INT PRIMARY KEY, stock INT CHECK (stock >= 0))"',
    'OPTIONS = {"isolation_level": "SERIALIZABLE"}',
]


@pytest.mark.parametrize(("source", "kinds"), WRITTEN.values(), ids=WRITTEN)
def test_however_it_is_written(source: str, kinds: str) -> None:
    tree = ast.parse(source)
    assert [kind for _, kind, _ in safety_lines(tree)] == kinds.split()
    for at in range(len(kinds.split())):  # and each can be left out
        tree = ast.parse(source)
        _, _, place = list(safety_lines(tree))[at]
        without = source_without(tree, [place])
        assert ast.parse(without)
        assert ast.unparse(ast.parse(source)) not in without


@pytest.mark.parametrize("source", NOT_SEEN)
def test_what_has_no_mutant_is_named(source: str) -> None:
    assert unseen(ast.parse(source))
    assert not unseen(ast.parse(f"def read():\n    {source!r}"))  # a docstring


def test_all_that_is_shipped_can_be_left_out() -> None:
    assert not {file: found for system in systems() for file in shipped(system) if (found := unseen(tree_of(file)))}


def test_what_is_asked_is_read_without_a_lock_and_not_undone() -> None:
    source, _ = WRITTEN["as SQL"]
    tree = ast.parse(source)
    said = source_without(tree, [place for _, _, place in safety_lines(tree)])
    assert "'SELECT id FROM slots'" in said
    assert "KEY" not in said
    assert "SKIP" not in said
    assert "SELECT 1" in said
    assert "for   update" not in said

"""ACI314: two callers each write down a count and look at that of the other, before either has committed."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def count_and_look(session: Session, mine: int, other: int, level: str) -> int:
    """Write down the count of one item, and say what that of the other is now."""
    session.connection(execution_options={"isolation_level": level})
    session.execute(update(Item).where(Item.id == mine).values(stock=7))
    seen = session.scalar(select(Item.stock).where(Item.id == other)) or 0
    session.commit()
    return seen


def count(session: Session, mine: int, other: int) -> int:
    """Look at what nobody has committed."""
    return count_and_look(session, mine, other, "READ UNCOMMITTED")


def count_mended(session: Session, mine: int, other: int) -> int:
    """Have whoever comes second wait, or be refused."""
    return count_and_look(session, mine, other, "SERIALIZABLE")


wrong = Scenario(Operation(count, 1, 2), Operation(count, 2, 1), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(count_mended, 1, 2), Operation(count_mended, 2, 1), metadata=Base.metadata, setup=seed)

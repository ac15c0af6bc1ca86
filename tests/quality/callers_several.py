"""Programs that mean to commit more than once, for several callers at once: wrong ones and their right twins.

A purse holds what is left, what is on its way and what was given. Most programs commit each write by itself, so that
two callers have few schedules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Scenario
from acidity.run import Saga, tables


class Base(DeclarativeBase):
    """Declarative base of the purse."""


class Purse(Base):
    """Where the hundred are."""

    __tablename__ = "purses"
    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]
    on_the_way: Mapped[int]
    given: Mapped[int]


class Note(Base):
    """What is still to be given."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


def seed(session: Session) -> None:
    """All hundred are left."""
    session.add(Purse(id=1, left=100, on_the_way=0, given=0))


def money_is_kept(session: Session) -> bool:
    """Left, on its way, or given."""
    purse = session.get_one(Purse, 1)
    return purse.left + purse.on_the_way + purse.given == 100


def nobody_owes(session: Session) -> bool:
    """A rule that sees little."""
    return session.get_one(Purse, 1).left >= 0


def only_ten_left(session: Session) -> bool:
    """A rule that two callers break, one after the other."""
    return session.get_one(Purse, 1).left >= 90


def seed_a_purse_each(session: Session) -> None:
    """One for each caller."""
    session.add_all([Purse(id=number, left=100, on_the_way=0, given=0) for number in (1, 2)])


def at_most(amount: int) -> Any:
    """A rule of what is on its way at once."""

    def not_too_much_is_on_its_way(session: Session) -> bool:
        return session.scalars(select(func.sum(Purse.on_the_way))).one() <= amount

    return not_too_much_is_on_its_way


def saga_of_one(engine: Engine, number: int) -> None:
    """Nothing that another one touches, in transactions of its own."""
    for values in ({"left": 90, "on_the_way": 10}, {"on_the_way": 0, "given": 10}):
        with Session(engine) as session, session.begin():
            session.execute(update(Purse).where(Purse.id == number).values(values))


def with_journal(connection: Connection) -> None:
    """The purse, and the tables of acidity's own sagas."""
    Base.metadata.create_all(connection)
    tables.metadata.create_all(connection)


def own_saga_of(engine: Engine) -> Saga:
    """Take, then give, as acidity's own."""
    made = Saga(engine, "giving")

    @made.step(compensate=lambda session, step: session.execute(GIVE_BACK))
    def take(session: Session, step: Any) -> None:
        session.execute(TAKE)

    @made.step()
    def give(session: Session, step: Any) -> None:
        session.execute(GIVE)

    return made


def own_saga(engine: Engine, key: str) -> None:
    own_saga_of(engine).run(key)


def resume_own(engine: Engine) -> None:
    own_saga_of(engine).resume()


def scenario(*operations: Any, **options: Any) -> Scenario:
    """The purse, with all commits meant."""
    given = {"metadata": Base.metadata, "setup": seed, "commits": "several", "invariants": [money_is_kept]}
    return Scenario(*operations, **given | options)


def each_by_itself(engine: Engine) -> Connection:
    """A connection that commits each write by itself."""
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def change(**values: Any) -> Any:
    """An UPDATE of the purse."""
    return update(Purse).where(Purse.id == 1).values(**values)


TAKE = change(left=Purse.left - 10, on_the_way=Purse.on_the_way + 10)
GIVE_BACK = change(left=Purse.left + 10, on_the_way=Purse.on_the_way - 10)
GIVE = change(on_the_way=Purse.on_the_way - 10, given=Purse.given + 10)


def saga(engine: Engine) -> None:
    """Take, then give; amounts are changed by amounts."""
    with each_by_itself(engine) as connection:
        connection.execute(TAKE)
        connection.execute(GIVE)


RECEIPTS: dict[str, Callable[[int], Any]] = {
    "text": lambda given: f"receipt-balance-{given:06d}",
    "date": lambda given: date(2026, 1, 1) + timedelta(days=given),
    "hash": lambda given: sha256(str(given).encode()).hexdigest(),
    "chance": lambda given: {"receipt": str(uuid4()), "given": given},
}


def saga_with_receipt(made: str, *, stale: bool) -> Callable[[Engine], Any]:
    """Answers what is given now, as it was before the giving or as it is after it."""

    def gives(engine: Engine) -> Any:
        with Session(engine) as session, session.begin():
            session.execute(TAKE)
        with Session(engine) as session, session.begin():
            given = session.scalar(select(Purse.given)) if stale else None
            session.execute(GIVE)
            return RECEIPTS[made](session.scalar(select(Purse.given)) if given is None else given + 10)

    return gives


def saga_with_token(engine: Engine) -> dict[str, Any]:
    """Answers what was on its way between its two transactions, under a number that chance makes."""
    with Session(engine) as session, session.begin():
        session.execute(TAKE)
        found = session.scalar(select(Purse.on_the_way))
    with Session(engine) as session, session.begin():
        session.execute(GIVE)
    return {"receipt": str(uuid4()), "on_the_way": found}


def saga_remembers(engine: Engine) -> None:
    """What was given is read with the taking, and written back with the giving."""
    with each_by_itself(engine) as connection:
        given = connection.scalar(select(Purse.given))
        connection.execute(TAKE)
        connection.execute(change(on_the_way=Purse.on_the_way - 10, given=given + 10))


def saga_overwrites(engine: Engine) -> None:
    """The giving itself reads what was given, and writes it back."""
    with each_by_itself(engine) as connection:
        connection.execute(TAKE)
        given = connection.scalar(select(Purse.given))
        connection.execute(change(on_the_way=Purse.on_the_way - 10, given=given + 10))


def saga_in_units(session: Session) -> None:
    """The same as `saga` in transactions that the program begins and ends."""
    with session.begin():
        session.execute(TAKE)
    with session.begin():
        session.execute(GIVE)


# What settles


def take_and_note(session: Session) -> None:
    """One transaction; the relay does the rest."""
    with session.begin():
        session.execute(TAKE)
        session.execute(insert(Note).values(amount=10))


def counts_what_is_left(session: Session) -> None:
    """Reads, computes and writes; whoever comes after it counts anew."""
    with session.begin():
        left = session.scalar(select(Purse.left)) or 0
        session.execute(insert(Note).values(amount=10))
        session.execute(change(left=left - 10))


def count_anew(session: Session) -> None:
    """What is left is what was there, without what was noted."""
    with session.begin():
        noted = session.scalar(select(func.sum(Note.amount))) or 0
        session.execute(change(left=100 - noted))


def give_what_is_noted(session: Session) -> None:
    """Give all notes in one transaction."""
    with session.begin():
        for note in session.scalars(select(Note)).all():
            session.execute(GIVE)
            session.delete(note)


def give_one_note(session: Session) -> None:
    """It cannot deal with two of them."""
    with session.begin():
        session.delete(session.scalars(select(Note)).one())


# Turned away in the midst


def give_both(session: Session, first: int, second: int, note: int) -> None:
    """To both purses, and the note is gone."""
    for number in (first, second):
        session.execute(update(Purse).where(Purse.id == number).values(given=Purse.given + 1))
    session.execute(delete(Note).where(Note.id == note))


def crosses(session: Session, first: int, second: int) -> None:
    """Note it; then give to both in an order of its own, so that two callers may wait for each other."""
    with session.begin():
        number = session.execute(insert(Note).values(amount=1)).inserted_primary_key[0]
    with session.begin():
        give_both(session, first, second, number)


def crosses_and_gives_back(session: Session, first: int, second: int) -> None:
    """Whoever is turned away takes off its note, and says that it failed."""
    with session.begin():
        number = session.execute(insert(Note).values(amount=1)).inserted_primary_key[0]
    try:
        with session.begin():
            give_both(session, first, second, number)
    except OperationalError:
        with session.begin():
            session.execute(delete(Note).where(Note.id == number))
        raise


def give_what_is_left(session: Session) -> None:
    """One note after the other, in the order of the keys."""
    with session.begin():
        for note in session.scalars(select(Note.id)).all():
            give_both(session, 1, 2, note)


def give_to_the_first(session: Session) -> None:
    """What was left is given to one of them."""
    with session.begin():
        for note in session.scalars(select(Note.id)).all():
            give_both(session, 1, 1, note)


def seed_two(session: Session) -> None:
    """Two purses."""
    session.add_all([Purse(id=number, left=0, on_the_way=0, given=0) for number in (1, 2)])


def both_have_the_same(session: Session) -> bool:
    """What was given to one was given to the other."""
    one, other = session.scalars(select(Purse.given).order_by(Purse.id))
    return one == other

"""Programs that mean to commit more than once, what recovers and settles them, and twins of both that are wrong."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, delete, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ALICE, BOB = 1, 2


class Base(DeclarativeBase):
    """Declarative base of the bank."""


class Account(Base):
    """Who has how much, in whole euros."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Transfer(Base):
    """The log of the saga: what was taken, and whether it was given."""

    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))


class Message(Base):
    """The outbox: what somebody is still to get."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class Applied(Base):
    """The inbox: messages that were applied."""

    __tablename__ = "applied"
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def seed(session: Session) -> None:
    session.add_all([Account(id=ALICE, balance=100), Account(id=BOB, balance=0)])


def seed_with_message(session: Session) -> None:
    """The money is on its way already; what is drilled then is the relay."""
    session.add_all([Account(id=ALICE, balance=90), Account(id=BOB, balance=0), Message(amount=10)])


def seed_with_transfer(session: Session) -> None:
    """Somebody else is to be paid."""
    session.add_all([Account(id=ALICE, balance=90), Account(id=BOB, balance=0), Transfer(amount=10, state="taken")])


def money_is_kept(session: Session) -> bool:
    """In accounts, or on its way."""
    accounts = sum(account.balance for account in session.query(Account))
    taken = sum(session.scalars(select(Transfer.amount).where(Transfer.state == "taken")))
    sent = sum(message.amount for message in session.query(Message) if session.get(Applied, message.id) is None)
    return accounts + taken + sent == 100


def money_is_in_accounts(session: Session) -> bool:
    return sum(account.balance for account in session.query(Account)) == 100


def nobody_owes(session: Session) -> bool:
    return all(account.balance >= 0 for account in session.query(Account))


class Gateway:
    """Pays out in cash."""

    def pay(self, amount: int) -> int:
        return amount


gateway = Gateway()


# Operations


def change(session: Session, account: int, amount: int) -> None:
    session.get_one(Account, account).balance += amount
    session.flush()


def saga(session: Session) -> None:
    """Take, and note that it was taken; commit; give, and note that; commit."""
    with session.begin():
        change(session, ALICE, -10)
        session.add(Transfer(amount=10, state="taken"))
    with session.begin():
        finish(session, session.scalars(select(Transfer)).one())


def finish(session: Session, transfer: Transfer) -> None:
    change(session, BOB, transfer.amount)
    transfer.state = "done"
    session.flush()


async def saga_async(async_session: Any) -> None:
    async with async_session.begin():
        await async_session.run_sync(change, ALICE, -10)
        async_session.add(Transfer(amount=10, state="taken"))
    async with async_session.begin():
        await async_session.run_sync(finish, (await async_session.scalars(select(Transfer))).one())


def in_two_commits(session: Session) -> None:
    """The same without a note: nobody can tell afterwards what is left to do."""
    with session.begin():
        change(session, ALICE, -10)
    with session.begin():
        change(session, BOB, 10)


def sends(session: Session) -> None:
    """One commit: take, and put it in the outbox."""
    with session.begin():
        change(session, ALICE, -10)
        session.add(Message(amount=10))
        session.flush()


# What recovers


def completes(session: Session) -> None:
    """Give what was taken, each in one transaction."""
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
            finish(session, transfer)


async def completes_async(async_engine: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(async_engine) as session:
        await session.run_sync(completes)


def compensates(session: Session) -> None:
    """Give it back; the log keeps what happened."""
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
            change(session, ALICE, transfer.amount)
            transfer.state = "returned"


def does_nothing(engine: Engine) -> None:
    """It looks, and leaves it at that."""
    with Session(engine) as session:
        session.scalars(select(Transfer).where(Transfer.state == "taken")).all()


def forgets_to_commit(session: Session) -> None:
    for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
        finish(session, transfer)


def forgets_that_it_gave(session: Session) -> None:
    """Gives what was taken, and will give it again."""
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
            change(session, BOB, transfer.amount)


def gives_up(session: Session) -> None:
    if session.scalars(select(Transfer).where(Transfer.state == "taken")).all():
        raise RuntimeError("somebody has to look at this")


def gives_up_the_second_time(session: Session) -> None:
    """It cannot bear that its work is done."""
    with session.begin():
        if session.scalars(select(Transfer).where(Transfer.state == "given")).all():
            raise RuntimeError("this was given before")
        for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
            change(session, BOB, transfer.amount)
            transfer.state = "given"


def completes_in_two_commits(session: Session) -> None:
    """Notes that it gave, commits, and gives."""
    with session.begin():
        found = session.scalars(select(Transfer).where(Transfer.state == "taken")).all()
        for transfer in found:
            transfer.state = "done"
    with session.begin():
        for _ in found:
            change(session, BOB, 10)


# What settles


def delivers(session: Session) -> None:
    """Each message is applied and taken off in one transaction."""
    with session.begin():
        for message in session.scalars(select(Message)):
            change(session, BOB, message.amount)
            session.delete(message)


def delivers_at_least_once(session: Session) -> None:
    """The consumer knows what it has applied; the message is taken off in a transaction of its own."""
    for message_id, amount in pending(session):
        with session.begin():
            if session.get(Applied, message_id) is None:
                change(session, BOB, amount)
                session.add(Applied(message_id=message_id))
        with session.begin():
            session.execute(delete(Message).where(Message.id == message_id))


def pending(session: Session) -> list[tuple[int, int]]:
    with session.begin():
        return [(message.id, message.amount) for message in session.scalars(select(Message))]


def deletes_first(session: Session) -> None:
    """Takes the message off, commits, and applies it: in between it is nowhere."""
    for message_id, amount in pending(session):
        with session.begin():
            session.execute(delete(Message).where(Message.id == message_id))
        with session.begin():
            change(session, BOB, amount)


def deletes_last(session: Session) -> None:
    """Applies it, commits, and takes the message off: in between it is there twice."""
    for message_id, amount in pending(session):
        with session.begin():
            change(session, BOB, amount)
        with session.begin():
            session.execute(delete(Message).where(Message.id == message_id))


def loses(session: Session) -> None:
    """Takes them off, and applies what is left."""
    with session.begin():
        session.execute(delete(Message))
        for message in session.scalars(select(Message)):
            change(session, BOB, message.amount)


def applies_and_keeps(session: Session) -> None:
    """Nothing says that it was applied."""
    with session.begin():
        for message in session.scalars(select(Message)):
            change(session, BOB, message.amount)


def pays_out(session: Session) -> None:
    """Pays for each transfer that was taken and says so."""
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state == "taken")):
            gateway.pay(transfer.amount)
            transfer.state = "paid"


def pays_for_all(session: Session) -> None:
    with session.begin():
        for transfer in session.scalars(select(Transfer)):
            gateway.pay(transfer.amount)
            transfer.state = "paid"


def takes_only(session: Session) -> None:
    """One commit: the intent."""
    with session.begin():
        change(session, ALICE, -10)
        session.add(Transfer(amount=10, state="taken"))


def takes_and_readies(session: Session) -> None:
    """Two commits: what was taken is ready to be paid out."""
    takes_only(session)
    with session.begin():
        session.scalars(select(Transfer)).one().state = "ready"


def pays_whatever_was_taken(session: Session) -> None:
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state != "paid")):
            gateway.pay(transfer.amount)
            transfer.state = "paid"


def pays_what_is_ready(session: Session) -> None:
    """And says so of the others, too."""
    with session.begin():
        for transfer in session.scalars(select(Transfer).where(Transfer.state != "paid")):
            if transfer.state == "ready":
                gateway.pay(transfer.amount)
            transfer.state = "paid"

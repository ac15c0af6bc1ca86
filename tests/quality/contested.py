"""Programs of several callers whose classes of schedules are counted: transfers, bookings, two checkouts of nine steps."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, func, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of the programs."""


class Account(Base):
    """Who has how much."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Doctor(Base):
    """Somebody has to be on call."""

    __tablename__ = "doctors"

    id: Mapped[int] = mapped_column(primary_key=True)
    on_call: Mapped[int]


class Seat(Base):
    """Free, or somebody's."""

    __tablename__ = "seats"

    id: Mapped[int] = mapped_column(primary_key=True)
    taken: Mapped[int]


class Booking(Base):
    """Who has a seat."""

    __tablename__ = "bookings"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    owner: Mapped[str] = mapped_column(String(20))


class Customer(Base):
    """Pays from a wallet."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    wallet: Mapped[int]


class Stock(Base):
    """How many there are, and are promised."""

    __tablename__ = "stock"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    reserved: Mapped[int]
    price: Mapped[int]


class Order(Base):
    """New, then confirmed."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    state: Mapped[str] = mapped_column(String(20))


class Item(Base):
    """What was ordered, at the price that was read."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    price: Mapped[int]


class Payment(Base):
    """What was paid."""

    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    amount: Mapped[int]


def seed(session: Session) -> None:
    """Two of each."""
    session.add_all([Account(id=1, balance=100), Account(id=2, balance=100), Seat(id=1, taken=0)])
    session.add_all([Doctor(id=1, on_call=1), Doctor(id=2, on_call=1)])
    session.add_all([Customer(id=1, wallet=100), Customer(id=2, wallet=100)])
    session.add(Stock(id=1, number=5, reserved=0, price=30))


def withdraw(session: Session, amount: int) -> None:
    """Read, compute, write."""
    session.get_one(Account, 1).balance -= amount
    session.commit()


def withdraw_locked(session: Session, amount: int) -> None:
    """The row is locked when it is read."""
    session.get_one(Account, 1, with_for_update=True).balance -= amount
    session.commit()


def withdraw_guarded(session: Session, amount: int) -> int:
    """The database checks and computes in one statement."""
    enough = Account.balance >= amount
    changed = update(Account).where(Account.id == 1, enough).values(balance=Account.balance - amount)
    done: int = session.execute(changed).rowcount  # type: ignore[attr-defined]
    session.commit()
    return done


def leave(session: Session, doctor: int) -> bool:
    """A doctor goes off call if another one stays."""
    on_call = session.scalar(select(func.count()).select_from(Doctor).where(Doctor.on_call == 1)) or 0
    if on_call >= 2:
        session.get_one(Doctor, doctor).on_call = 0
    session.commit()
    return on_call >= 2


def transfer(session: Session, source: int, target: int, amount: int) -> None:
    """Both rows are read, then written one after the other."""
    one, other = session.get_one(Account, source), session.get_one(Account, target)
    one.balance -= amount
    session.flush()
    other.balance += amount
    session.commit()


def transfer_computed(connection: Connection, source: int, target: int, amount: int) -> None:
    """The database computes."""
    for key, change in ((source, -amount), (target, amount)):
        connection.execute(text("UPDATE accounts SET balance = balance + :d WHERE id = :k"), {"d": change, "k": key})
    connection.commit()


def book(session: Session, owner: str) -> bool:
    """Look whether the seat is free, then take it."""
    seat = session.get_one(Seat, 1)
    if seat.taken:
        return False
    seat.taken = 1
    session.add(Booking(seat_id=1, owner=owner))
    session.commit()
    return True


def audit(session: Session) -> int:
    """The sum of both, read one by one."""
    total = sum(session.get_one(Account, key).balance for key in (1, 2))
    session.commit()
    return total


def checkout(session: Session, customer: int) -> None:
    """Nine steps, with every row that decides locked first."""
    session.get_one(Customer, customer, with_for_update=True)
    stock = session.get_one(Stock, 1, with_for_update=True)
    price = stock.price
    session.execute(update(Stock).where(Stock.id == 1).values(reserved=Stock.reserved + 1))
    order = Order(customer_id=customer, state="new")
    session.add(order)
    session.flush()
    session.add(Item(order_id=order.id, price=price))
    session.flush()
    enough = Customer.wallet >= price
    paid = update(Customer).where(Customer.id == customer, enough).values(wallet=Customer.wallet - price)
    session.execute(paid)
    session.add(Payment(order_id=order.id, amount=price))
    session.flush()
    session.execute(update(Stock).where(Stock.id == 1).values(number=Stock.number - 1, reserved=Stock.reserved - 1))
    order.state = "confirmed"
    session.commit()


def together(*operations: Operation) -> Scenario:
    """These callers at once."""
    return Scenario(*operations, metadata=Base.metadata, setup=seed)


CONTESTED = {
    "lost update": together(Operation(withdraw, 10), Operation(withdraw, 20)),
    "FOR UPDATE": together(Operation(withdraw_locked, 10), Operation(withdraw_locked, 20)),
    "guarded UPDATE": together(Operation(withdraw_guarded, 60), Operation(withdraw_guarded, 60)),
    "write skew": together(Operation(leave, 1), Operation(leave, 2)),
    "two transfers, same accounts": together(Operation(transfer, 1, 2, 10), Operation(transfer, 1, 2, 20)),
    "opposite transfers, Core": together(
        Operation(transfer_computed, 1, 2, 10), Operation(transfer_computed, 2, 1, 20)
    ),
    "opposite transfers, ORM": together(Operation(transfer, 1, 2, 10), Operation(transfer, 2, 1, 20)),
    "lost update, three callers": together(*[Operation(withdraw, amount) for amount in (10, 20, 30)]),
    "three bookings of a seat": together(*[Operation(book, owner) for owner in "abc"]),
    "two transfers and an audit": together(
        Operation(transfer_computed, 1, 2, 10), Operation(transfer_computed, 1, 2, 20), Operation(audit)
    ),
    "two checkouts, one customer": together(Operation(checkout, 1), Operation(checkout, 1)),
    "two checkouts, two customers": together(Operation(checkout, 1), Operation(checkout, 2)),
}

EQUAL = {
    "two, lost update": together(*[Operation(withdraw, 10)] * 2),
    "two, FOR UPDATE": together(*[Operation(withdraw_locked, 10)] * 2),
    "two, guarded UPDATE": together(*[Operation(withdraw_guarded, 10)] * 2),
    "two, checkout": together(*[Operation(checkout, 1)] * 2),
    "three, lost update": together(*[Operation(withdraw, 10)] * 3),
    "three, FOR UPDATE": together(*[Operation(withdraw_locked, 10)] * 3),
    "three, booking": together(*[Operation(book, "a")] * 3),
}

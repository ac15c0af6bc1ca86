"""Money is exact on every engine; what would need rounding is refused. Plain `Numeric` is the negative control."""

from __future__ import annotations

import asyncio
import decimal
import re
from collections.abc import Iterator
from decimal import Decimal as D
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    CheckConstraint,
    Column,
    Integer,
    MetaData,
    Numeric,
    Table,
    bindparam,
    case,
    create_engine,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from acidity.errors import UsageError
from acidity.run import Money, NotMoney, UnitPoisoned, atomic
from acidity.run.money import LEAST, MOST, amount, minor_units

metadata = MetaData()
till = Table(
    "till",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("balance", Money(), nullable=True),
    Column("yen", Money(scale=0), nullable=True),
    Column("pieces", Integer, nullable=True),
    CheckConstraint("balance >= 0 OR id >= 100", name="not_below_zero"),
)
rounded = Table(
    "rounded",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("balance", Numeric(18, 2), nullable=False),
    CheckConstraint("balance >= 0", name="rounded_not_below_zero"),
)
balance, yen, pieces = till.c.balance, till.c.yen, till.c.pieces
FREE = 100  # ids from here on may be below zero


@pytest.fixture(scope="module")
def engine(sandbox: Any) -> Iterator[Engine]:
    made = create_engine(sandbox.url())
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as made:
        yield made
        made.rollback()


def amounts(scale: int = 2, bits: int = 63) -> st.SearchStrategy[D]:
    return st.integers(-(2**bits), 2**bits - 1).map(lambda units: amount(units, scale))


def put(connection: Connection, **values: Any) -> None:
    connection.execute(insert(till).values(**values))


def held(connection: Connection, what: Any) -> Any:
    return connection.execute(select(what)).scalar_one()


def three_times(connection: Connection, statement: Any) -> None:
    for _ in range(3):
        connection.execute(statement)


# Exactness


@pytest.mark.parametrize("table", [rounded, till])
def test_thirty_cents_less_three_times_ten(connection: Connection, table: Table) -> None:
    """On SQLite 0.30 - 0.10 - 0.10 - 0.10 is below zero when it is computed with Numeric."""
    connection.execute(insert(table).values(id=1, balance=D("0.30")))
    less_ten_cents = update(table).values(balance=table.c.balance - D("0.10"))
    if table is rounded and connection.dialect.name == "sqlite":
        with pytest.raises(DBAPIError, match="not_below_zero"):
            three_times(connection, less_ten_cents)
        return
    three_times(connection, less_ten_cents)
    assert held(connection, table.c.balance) == 0


@pytest.mark.parametrize("table", [rounded, till])
def test_a_thousand_dimes_are_a_hundred(connection: Connection, table: Table) -> None:
    connection.execute(insert(table), [{"id": number, "balance": D("0.10")} for number in range(1000)])
    is_right = connection.execute(select(func.sum(table.c.balance) == D(100))).scalar_one()
    assert bool(is_right) is not (table is rounded and connection.dialect.name == "sqlite")
    if table is till:
        total = held(connection, func.sum(table.c.balance))
        assert (type(total), str(total)) == (D, "100.00")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(value=amounts())
def test_every_amount_comes_back(engine: Engine, value: D) -> None:
    with engine.connect() as connection:
        put(connection, id=FREE, balance=value)
        assert str(held(connection, balance)) == str(value)
        assert connection.execute(select(till.c.id).where(balance == value)).scalar_one() == FREE
        connection.rollback()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(a=amounts(bits=40), b=amounts(bits=40), times=st.integers(-1000, 1000))
def test_sql_calculates_as_decimals_do(engine: Engine, a: D, b: D, times: int) -> None:
    with engine.connect() as connection:
        put(connection, id=FREE, balance=a)
        row = connection.execute(
            select(balance + b, b - balance, -balance, balance * times, balance < b, balance.between(a, b))
        ).one()
        assert [str(value) for value in row[:4]] == [str(v or abs(v)) for v in (a + b, b - a, -a, a * times)]
        assert [bool(value) for value in row[4:]] == [a < b, a <= b]
        put(connection, id=FREE + 1, balance=b)
        total, least, most = connection.execute(select(*(f(balance) for f in (func.sum, func.min, func.max)))).one()
        assert (total, least, most) == (a + b, min(a, b), max(a, b))
        connection.rollback()


@pytest.mark.dear
@settings(derandomize=True, deadline=None, max_examples=300)
@given(value=st.decimals(-(10**25), 10**25) | st.integers(), scale=st.integers(0, 18))
def test_what_is_stored_is_the_value_or_nothing(value: D | int, scale: int) -> None:
    exact = Fraction(value) * 10**scale
    if exact.denominator != 1 or not LEAST <= exact <= MOST:
        with pytest.raises(NotMoney):
            minor_units(value, scale)
        return
    stored = amount(minor_units(value, scale), scale)
    assert (stored, -stored.as_tuple().exponent) == (value, scale)


def test_the_decimal_context_rounds_nothing() -> None:
    with decimal.localcontext(prec=3):
        assert minor_units(D("12345678901.23"), 2) == 1234567890123
        assert str(amount(1234567890123, 2)) == "12345678901.23"


def test_a_sum_larger_than_bigint(connection: Connection) -> None:
    """Servers answer with a decimal; SQLite says that it overflows."""
    connection.execute(insert(till), [{"id": number, "balance": amount(MOST, 2)} for number in (FREE, FREE + 1)])
    if connection.dialect.name == "sqlite":
        with pytest.raises(DBAPIError, match="overflow"):
            held(connection, func.sum(balance))
    else:
        assert held(connection, func.sum(balance)) == 2 * amount(MOST, 2)


def test_an_overflow_is_no_amount(connection: Connection) -> None:
    """SQLite goes on with a floating point number."""
    put(connection, id=FREE, balance=amount(MOST, 2))
    with pytest.raises((NotMoney, DBAPIError)):
        held(connection, balance + D("0.01"))


# Refused


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.1, "float is not exact"),
        (1.0, "float is not exact"),
        ("1.00", "not str"),
        (True, "not bool"),
        (D("NaN"), "not an amount"),
        (D("sNaN"), "not an amount"),
        (D("-Infinity"), "not an amount"),
        (D("1.005"), "more than 2 decimals"),
        (D("1E-999999"), "more than 2 decimals"),
        (D("92233720368547758.08"), "up to 92233720368547758.07"),
        (D("1E+999999"), "does not fit"),
        (10**17, "does not fit"),
    ],
)
def test_nothing_is_rounded(connection: Connection, value: Any, why: str) -> None:
    with pytest.raises(NotMoney, match=why):
        put(connection, id=1, balance=value)
    with pytest.raises(NotMoney, match=why):
        connection.execute(select(till.c.id).where(balance == value))
    assert held(connection, func.count(till.c.id)) == 0


def test_accepted(connection: Connection) -> None:
    for number, value in enumerate([5, D(5), D("5.000"), D("5E0"), None, D("-0.00")]):
        put(connection, id=number, balance=value, yen=number)
    rows = connection.execute(select(balance, yen).order_by(till.c.id)).all()
    assert [str(row.balance) for row in rows] == ["5.00", "5.00", "5.00", "5.00", "None", "0.00"]
    assert [str(row.yen) for row in rows] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (lambda: balance * balance, "product of two amounts"),
        (lambda: balance * yen, "product of two amounts"),
        (lambda: balance * D("1.19"), "may need rounding"),
        (lambda: balance * 1.5, "may need rounding"),
        (lambda: balance * True, "may need rounding"),
        (lambda: D("1.19") * balance, "may need rounding"),
        (lambda: balance * bindparam("times"), "type_=Integer"),
        (lambda: balance * Column("rate", Numeric(5, 4)), "only Integer is exact"),
        (lambda: balance / 2, "odd cent"),
        (lambda: 2 / balance, "odd cent"),
        (lambda: balance // 2, "odd cent"),
        (lambda: balance % 2, "odd cent"),
        (lambda: balance + yen, "minor units of one"),
        (lambda: balance > yen, "minor units of one"),
        (lambda: balance.between(D(1), yen), "minor units of one"),
        (lambda: balance - pieces, "make the other one Money"),
        (lambda: balance == Column("other", Numeric(18, 2)), "make the other one Money"),
        (lambda: Money(scale=-1), "0 to 18"),
        (lambda: Money(scale=19), "0 to 18"),
        (lambda: Money(scale="2"), "0 to 18"),  # type: ignore[arg-type]
    ],
)
def test_expressions_that_would_be_wrong(expression: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        expression()


def test_the_average_is_no_amount(connection: Connection) -> None:
    """AVG has no type in SQLAlchemy: it gives minor units; as Money it is refused unless it comes out even."""
    connection.execute(
        insert(till), [{"id": number, "balance": value} for number, value in enumerate([D("0.10"), D("0.11")])]
    )
    assert float(held(connection, func.avg(balance))) == 10.5
    with pytest.raises(NotMoney, match="averages"):
        held(connection, type_coerce(func.avg(balance), Money()))


# SQL


def test_whole_numbers_of_times(connection: Connection) -> None:
    put(connection, id=1, balance=D("1.25"), pieces=3)
    by_bind = connection.execute(select(balance * bindparam("n", type_=Integer)), {"n": 2}).scalar_one()
    times = [held(connection, each) for each in (balance * 3, 3 * balance, balance * pieces, pieces * balance)]
    assert [str(by_bind), *map(str, times)] == ["2.50", "3.75", "3.75", "3.75", "3.75"]


def test_parameters_and_lists(connection: Connection) -> None:
    put(connection, id=1, balance=D("10.00"), yen=7)
    connection.execute(update(till).values(balance=balance - bindparam("by")), {"by": D("2.50")})
    assert held(connection, balance) == D("7.50")
    assert connection.execute(select(till.c.id).where(balance.in_([D("7.50"), 8]))).scalars().all() == [1]
    assert connection.execute(select(till.c.id).where(balance.in_(select(balance)))).scalars().all() == [1]
    assert connection.execute(select(till.c.id).where(balance.is_not(None), yen == 7)).scalars().all() == [1]
    assert str(held(connection, func.coalesce(balance, literal(D("1.50"), Money())))) == "7.50"
    assert str(held(connection, case((yen == 7, balance), else_=literal(0, Money())))) == "7.50"
    assert str(held(connection, func.abs(-balance, type_=Money()))) == "7.50"


def test_literals(connection: Connection) -> None:
    put(connection, id=1, balance=D("10.50"))
    query = select(till.c.id).where(balance - D("0.50") >= D(10), balance * 2 == 21)
    rendered = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    assert "till.balance - 50 >= 1000" in rendered
    assert "till.balance * 2 = 2100" in rendered
    assert connection.execute(text(rendered)).scalar_one() == 1


def test_a_check_in_sqlalchemys_words(engine: Engine) -> None:
    limits = MetaData()
    limited = Table("limited", limits, Column("amount", Money()))
    limited.append_constraint(CheckConstraint(limited.c.amount <= D("10.50"), name="at_most"))
    limits.create_all(engine)
    try:
        with engine.begin() as connection:
            connection.execute(insert(limited).values(amount=D("10.50")))
            with pytest.raises(DBAPIError, match="at_most"):
                connection.execute(insert(limited).values(amount=D("10.51")))
            connection.rollback()
    finally:
        limits.drop_all(engine)


def test_strict_tables() -> None:
    engine = create_engine("sqlite://")
    strict = Table("strict", MetaData(), Column("balance", Money()))
    with engine.begin() as connection:
        connection.execute(text(f"{CreateTable(strict).compile(connection)} STRICT"))
        connection.execute(insert(strict).values(balance=amount(MOST, 2)))
        assert connection.execute(select(strict.c.balance)).scalar_one() == amount(MOST, 2)
    engine.dispose()


def test_async_drivers(engine: Engine) -> None:
    driver = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mariadb": "aiomysql"}[engine.dialect.name]

    async def use() -> Any:
        asynchronous = create_async_engine(engine.url.set(drivername=f"{engine.dialect.name}+{driver}", query={}))
        try:
            async with asynchronous.connect() as connection:
                await connection.execute(insert(till).values(id=1, balance=D("10.50")))
                await connection.execute(update(till).values(balance=balance - D("0.25")))
                return (
                    await connection.execute(select(balance, func.sum(balance), balance * 3).group_by(balance))
                ).one()
        finally:
            await asynchronous.dispose()

    assert [str(value) for value in asyncio.run(use())] == ["10.25", "10.25", "30.75"]


class Base(DeclarativeBase):
    metadata = MetaData()


class Purse(Base):
    __tablename__ = "purse"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[D] = mapped_column(Money())


@pytest.fixture
def purses(engine: Engine) -> Iterator[Engine]:
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(Purse(id=1, balance=D("1.00")))
    yield engine
    Base.metadata.drop_all(engine)


def test_in_a_unit_of_work(purses: Engine) -> None:
    with atomic(purses) as session:
        session.get_one(Purse, 1).balance -= D("0.70")
    with atomic(purses) as session:
        session.get_one(Purse, 1).balance = Purse.balance - D("0.10")
    with Session(purses) as session:
        assert str(session.get_one(Purse, 1).balance) == "0.20"


def swallow_a_refusal(session: Session) -> None:
    session.get_one(Purse, 1).balance = D("0.001")
    with pytest.raises(NotMoney):
        session.flush()


def test_a_refused_amount_ends_the_unit(purses: Engine) -> None:
    with pytest.raises(NotMoney), atomic(purses) as session:
        session.get_one(Purse, 1).balance = D("0.001")
    with pytest.raises(UnitPoisoned, match="NotMoney"), atomic(purses) as session:
        swallow_a_refusal(session)
    with Session(purses) as session:
        assert session.get_one(Purse, 1).balance == 1


# Migrations


def test_alembic_sees_no_change_and_writes_the_type(engine: Engine) -> None:
    tables = MetaData()
    Table("purse", tables, Column("id", Integer, primary_key=True), Column("balance", Money(scale=3)))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda thing, name, kind, *_: kind != "table" or name == "purse"}
        )
        made = produce_migrations(context, tables)
        tables.create_all(connection)
        connection.commit()
        try:
            assert compare_metadata(context, tables) == []
        finally:
            tables.drop_all(connection)
            connection.commit()
    assert "acidity.run.money.Money(scale=3)" in render_python_code(made.upgrade_ops)


def test_from_numeric(engine: Engine) -> None:
    """The migration of the page, on the rows of a Numeric column."""
    page = (Path(__file__).parents[2] / "docs" / "run" / "money.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[-1], names)
    upgrade = names["upgrade"]
    old = MetaData()
    prices = Table("prices", old, Column("id", Integer, primary_key=True), Column("price", Numeric(18, 2)))
    old.create_all(engine)
    values = [D("0.10"), D("1.15"), D("-4.35"), D("70368744177.27"), None]
    try:
        with engine.begin() as connection:
            connection.execute(insert(prices), [{"price": value} for value in values])
        with engine.begin() as connection:
            upgrade(Operations(MigrationContext.configure(connection)))
        new = Table("prices", MetaData(), Column("id", Integer, primary_key=True), Column("price", Money()))
        with engine.begin() as connection:
            assert connection.execute(select(new.c.price).order_by(new.c.id)).scalars().all() == values
            connection.execute(delete(new))
    finally:
        old.drop_all(engine)

"""`Money`: a column of exact amounts, kept as whole minor units (cents) on every engine and `Decimal` in Python.

SQLite has no decimals: a ``Numeric`` column is floating point there, and 0.30 - 0.10 - 0.10 - 0.10 is below zero.
Whole numbers are exact everywhere, and so are their sums, differences and comparisons. What would need rounding is
refused: who gets the odd cent is decided in Python, where it can be read.
"""

from __future__ import annotations

from decimal import Decimal
from operator import add, floordiv, mod, mul, sub, truediv
from typing import Any, NoReturn

from sqlalchemy import BigInteger, Integer, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.operators import is_comparison
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from acidity.errors import UsageError
from acidity.run.errors import NotMoney

LEAST, MOST = -(2**63), 2**63 - 1  # BIGINT
SCALE_MAX = 18
_NEED_ROUNDING = {truediv: "/", floordiv: "//", mod: "%"}


class Money(TypeDecorator[Decimal]):
    """Exact amounts of one currency: BIGINT minor units in the database, `Decimal` in Python.

    A `Decimal` or an int is accepted (5 is five whole units, ``5.00``); a float, a text, NaN, infinity and more
    decimals than the scale are refused, never rounded. Amounts come back with exactly `scale` decimals. In SQL they can
    be added, subtracted, compared, summed, and multiplied by a whole number; the product of two amounts, division and
    ``%`` are refused.

    Args:
        scale: decimals of the amounts, 0 to 18: 2 for euros, 0 for yen, 3 for dinars. The database does not store it,
            so a change of it is a migration of the rows.

    Raises:
        UsageError: the scale is not one, or an expression would mix scales or need rounding.
        NotMoney: at execution, a value that cannot be stored exactly.

    Example:
        >>> from sqlalchemy import Column, MetaData, Table, select
        >>> accounts = Table("accounts", MetaData(), Column("balance", Money(scale=2)))
        >>> rich = select(accounts.c.balance).where(accounts.c.balance > Decimal("10.50"))
        >>> print(rich.whereclause.compile(compile_kwargs={"literal_binds": True}))
        accounts.balance > 1050

    Source: the pattern is M. Fowler's *Money* (Patterns of Enterprise Application Architecture); SQLite's lack of
    decimals: sqlite.org/datatype3.html.
    """

    impl = BigInteger
    cache_ok = True

    def __init__(self, scale: int = 2) -> None:
        if not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= SCALE_MAX:
            raise UsageError(f"Money(scale={scale!r}): the number of decimals, 0 to {SCALE_MAX}")
        super().__init__()
        self.scale = scale

    def __repr__(self) -> str:
        return f"Money(scale={self.scale})"  # what Alembic writes into a migration

    @property
    def python_type(self) -> type[Decimal]:
        """Amounts are decimals."""
        return Decimal

    @property
    def _type_affinity(self) -> Any:
        """What SQLAlchemy asks for when it types ``Integer * Money``: a Money, and not an Integer of minor units."""
        return Numeric

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BIGINT; on SQLite INTEGER, which holds as much and which STRICT tables know."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """To minor units.

        Raises:
            NotMoney: the value cannot be stored exactly.
        """
        del dialect
        return None if value is None else minor_units(value, self.scale)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """From minor units; SUM gives a decimal of them on servers.

        Raises:
            NotMoney: the database gave something else, so the expression was not a sum of amounts.
        """
        del dialect
        return None if value is None else amount(value, self.scale)

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """A value beside an amount is one too; beside ``*`` it is a number of times."""
        del value
        return BigInteger() if op is mul else self

    class comparator_factory(TypeDecorator.Comparator[Decimal]):  # noqa: N801  # SQLAlchemy's name
        """Refuses what would be off by a power of ten, or need rounding."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            """``amount op other``."""
            _check(self.type, op, other)
            return super().operate(op, *other, **kwargs)

        def reverse_operate(self, op: Any, other: Any, **kwargs: Any) -> Any:
            """``other op amount``."""
            _check(self.type, op, (other,))
            return super().reverse_operate(op, other, **kwargs)


def minor_units(value: Any, scale: int) -> int:
    """The amount as a whole number of minor units; exact, whatever the decimal context says.

    Args:
        value: an amount.
        scale: its decimals.

    Raises:
        NotMoney: it is not one, or has more decimals than the scale, or is too large.

    Example:
        >>> minor_units(Decimal("10.50"), 2), minor_units(5, 2)
        (1050, 500)
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        hint = "; a float is not exact" if isinstance(value, float) else ""
        raise NotMoney(f"Money takes a Decimal or an int, not {type(value).__name__} {value!r}{hint}")
    if isinstance(value, int):
        units: int = value * 10**scale
    elif not value.is_finite():
        raise NotMoney(f"{value} is not an amount of money")
    elif not value:
        return 0
    elif value.adjusted() + scale > len(str(MOST)):  # before 10**exponent fills the memory
        _out_of_range(value, scale)
    else:
        sign, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int), "finite"
        whole, shift = int("".join(map(str, digits))), exponent + scale
        if value.adjusted() < -scale or (shift < 0 and whole % 10**-shift):
            raise NotMoney(f"{value} has more than {scale} decimals; round it where the rule is known: .quantize(…)")
        units = (-1 if sign else 1) * (whole * 10**shift if shift >= 0 else whole // 10**-shift)
    if not LEAST <= units <= MOST:
        _out_of_range(value, scale)
    return units


def amount(units: Any, scale: int) -> Decimal:
    """The minor units as an amount with exactly this many decimals.

    Raises:
        NotMoney: they are not whole.

    Example:
        >>> amount(1050, 2)
        Decimal('10.50')
    """
    if not isinstance(units, int | Decimal) or (isinstance(units, Decimal) and units % 1 != 0):
        raise NotMoney(
            f"the database gave {units!r}, which is no whole number of minor units: the column was written by other "
            f"means, or the expression divides, averages or overflows"
        )
    return Decimal(f"{int(units)}E-{scale}")  # the constructor is exact; arithmetic would round to the context


def _out_of_range(value: Any, scale: int) -> NoReturn:
    raise NotMoney(f"{value} does not fit: Money(scale={scale}) holds up to {amount(MOST, scale)}")


def _check(money: Any, op: Any, others: tuple[Any, ...]) -> None:
    if op in _NEED_ROUNDING:
        raise UsageError(
            f"an amount of Money {_NEED_ROUNDING[op]} something may need rounding; calculate in Python, where the odd "
            f"cent can be given to somebody"
        )
    if op is mul:
        for other in others:
            _check_factor(other)
    elif op in {add, sub} or is_comparison(op):
        for other in others:
            _check_addend(money, other)


def _check_factor(other: Any) -> None:
    other_type = _type_of(other)
    if isinstance(other_type, Money):
        raise UsageError("the product of two amounts of Money is not an amount, and its scale is the sum of theirs")
    if isinstance(other_type, Integer) or (isinstance(other, int) and not isinstance(other, bool)):
        return
    if other_type is None:
        raise UsageError(f"Money * {other!r} may need rounding; only a whole number is exact (calculate in Python)")
    raise UsageError(f"Money * {other!r} of type {other_type!r}: only Integer is exact; bindparam(…, type_=Integer)")


def _check_addend(money: Money, other: Any) -> None:
    other_type = _type_of(other)
    if isinstance(other_type, Money) and other_type.scale != money.scale:
        raise UsageError(f"{money!r} beside {other_type!r}: the minor units of one are not those of the other")
    if other_type is not None and not isinstance(other_type, Money | NullType):
        raise UsageError(f"{money!r} beside {other_type!r}: the column holds minor units; make the other one Money too")


def _type_of(other: Any) -> Any:
    """The type of an SQL expression; None for a Python value and for what has no type (a subquery in ``IN``)."""
    found = other.__clause_element__() if hasattr(other, "__clause_element__") else other
    return getattr(found, "type", None) if isinstance(found, ClauseElement) else None

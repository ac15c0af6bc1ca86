"""₹0.10, three times, in floating point."""

from __future__ import annotations

import sys

from sqlalchemy import select, update

from examples.bank.shown.rows import bank, purses


def main(url: str | None = None) -> float:
    """What is in the purse afterwards."""
    with bank(url) as engine:
        with engine.begin() as connection:
            for _ in range(3):
                connection.execute(update(purses).values(balance=purses.c.balance + 0.10))
        with engine.connect() as connection:
            balance = connection.execute(select(purses.c.balance)).scalar_one()
    print(f"₹0.10 three times is {balance!r}; it is 0.30: {balance == 0.30}")
    return float(balance)


if __name__ == "__main__":
    main(*sys.argv[1:2])

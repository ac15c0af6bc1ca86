"""The customer is active when the checkout asks; they are deactivated, and then the order is there."""

from __future__ import annotations

import sys

from sqlalchemy import insert, select, update

from examples.checkout.shown.rows import PRICE, Rows, customers, look, orders, shop


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with shop(url) as engine:
        look(engine)
        with engine.connect() as buyer, engine.connect() as office:
            assert buyer.execute(select(customers.c.is_active)).scalar_one()
            if engine.dialect.name == "sqlite":
                buyer.rollback()  # its read lock would keep the office from committing; what it has seen it knows
            office.execute(update(customers).values(is_active=False))
            cancelled = office.execute(update(orders).values(status="cancelled")).rowcount
            office.commit()
            buyer.execute(insert(orders).values(id="O-1", customer_id="C001", total=PRICE, status="confirmed"))
            buyer.commit()
        print(f"this is wrong because C001 is not active, {cancelled} orders were cancelled, and one is there:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])

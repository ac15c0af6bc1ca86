"""The price is read for the total, somebody changes it, and it is read once more for the item."""

from __future__ import annotations

import sys

from sqlalchemy import insert, select, update

from examples.checkout.shown.rows import Rows, items, look, orders, products, shop


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with shop(url) as engine:
        look(engine)
        level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "READ COMMITTED"}
        with engine.connect().execution_options(**level) as buyer, engine.connect() as seller:
            total = 2 * buyer.execute(select(products.c.price)).scalar_one()
            seller.execute(update(products).values(price=30000))
            seller.commit()
            price = buyer.execute(select(products.c.price)).scalar_one()
            buyer.execute(insert(orders).values(id="O-1", customer_id="C001", total=total, status="confirmed"))
            buyer.execute(insert(items).values(order_id="O-1", quantity=2, price=price))
            buyer.commit()
        print("this is wrong because the order costs ₹560, and its items ₹600:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])

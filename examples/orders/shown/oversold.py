"""Two sales of six pieces read the stock of ten without FOR UPDATE, and no CHECK refuses what comes of it."""

from __future__ import annotations

import sys

from sqlalchemy import select, update

from examples.orders.shown.rows import look, products, shop

TAKEN = 6


def main(url: str | None = None) -> int:
    """What is in stock afterwards."""
    with shop(url) as engine:
        look(engine, products)
        stock = select(products.c.stock).where(products.c.id == 12)
        with engine.connect() as first, engine.connect() as second:
            enough = [each.scalars(stock).one() >= TAKEN for each in (first, second)]
            if engine.dialect.name == "sqlite":
                second.rollback()  # its read lock would keep the first from committing; it has read what it wanted
            for connection, may in zip((first, second), enough, strict=True):
                if may:
                    taken = update(products).where(products.c.id == 12).values(stock=products.c.stock - TAKEN)
                    connection.execute(taken)
                    connection.commit()
        print("this is wrong because twelve pieces are sold of ten:")
        return int(dict(look(engine, products))[12])


if __name__ == "__main__":
    main(*sys.argv[1:2])

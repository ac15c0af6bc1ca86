"""Two buyers, two connections, stepped by hand: both read 10, both write 9, and two pieces are sold.

``python -m examples.flash_sale.shown.read_then_written [URL]``; without a URL, an SQLite file in a temporary directory.
Nothing of acidity is used in here: this is what the database does by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, insert, select, update

metadata = MetaData()
items = Table("shown_items", metadata, Column("sku", String(20), primary_key=True), Column("stock", Integer))
sales = Table("shown_sales", metadata, Column("purchase", String(20), primary_key=True), Column("sku", String(20)))


def main(url: str | None = None) -> tuple[int, int]:
    """Sell two of ten phones; the stock, and the sales that are written."""
    with TemporaryDirectory() as directory:
        return sell_two(url or f"sqlite:///{Path(directory) / 'shown.db'}")


def sell_two(url: str) -> tuple[int, int]:
    """The whole story, in that database."""
    engine = create_engine(url)
    metadata.create_all(engine)
    try:
        with engine.begin() as connection:
            connection.execute(insert(items).values(sku="phone", stock=10))
            print("before:", *connection.execute(select(items)))
        with engine.connect() as first, engine.connect() as second:
            read = {each: each.scalars(select(items.c.stock)).one() for each in (first, second)}  # both, before a write
            for buyer, purchase in ((second, "P-2"), (first, "P-1")):
                print(f"{purchase} read {read[buyer]}, writes {read[buyer] - 1}")
                buyer.execute(update(items).values(stock=read[buyer] - 1))
                buyer.execute(insert(sales).values(purchase=purchase, sku="phone"))
                buyer.commit()
        with engine.connect() as connection:
            stock = connection.scalars(select(items.c.stock)).one()
            sold = connection.scalars(select(func.count()).select_from(sales)).one()
            print("after: ", *connection.execute(select(items)), *connection.execute(select(sales)))
        print(f"this is wrong because {sold} of 10 are sold, and {stock} are said to be left")
        return stock, sold
    finally:
        metadata.drop_all(engine)
        engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:2])

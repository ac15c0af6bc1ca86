"""Two readers look whether an address is free before either of them has taken it, and there is no UNIQUE."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, select

from examples.constraints.shown.rows import books, look, readers

EMAIL = "priya@email.com"


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Who has the address afterwards."""
    with books(url) as engine:
        look(engine, readers)
        asked = select(readers).where(readers.c.email == EMAIL)
        with engine.connect() as first, engine.connect() as second:
            free = [each.execute(asked).first() is None for each in (first, second)]
            if engine.dialect.name == "sqlite":
                second.rollback()  # its read lock would keep the first from committing; it has read what it wanted
            for number, (connection, may) in enumerate(zip((first, second), free, strict=True), start=2):
                if may:
                    connection.execute(insert(readers).values(id=number, email=EMAIL))
                    connection.commit()
        print("this is wrong because an address belongs to one reader:")
        return look(engine, readers)


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""The file is removed, and then its row cannot be."""

from __future__ import annotations

import sys

from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError

from examples.signup.shown.rows import Found, logged, look, site, stored


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with site(url) as (engine, folder):
        with engine.begin() as connection:
            connection.execute(insert(logged).values(event="photo removed"))
        look(engine, folder)
        (folder / "photo").unlink()
        try:
            with engine.begin() as connection:
                connection.execute(delete(stored).where(stored.c.key == "photo"))
                connection.execute(insert(logged).values(event="photo removed"))  # there is one already
        except DBAPIError as error:
            print(f"told: failed: {type(error.orig).__name__}")
        print("this is wrong because the row tells of a photo that is gone:")
        return look(engine, folder)


if __name__ == "__main__":
    main(*sys.argv[1:2])

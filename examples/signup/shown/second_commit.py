"""The row of a file is committed; the program ends before what is known of it is."""

from __future__ import annotations

import sys

from sqlalchemy import insert

from examples.signup.shown.rows import Found, look, site, stored


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with site(url) as (engine, folder):
        look(engine, folder)
        (folder / "report").write_text("abcdef", encoding="utf-8")
        with engine.begin() as connection:
            connection.execute(insert(stored).values(key="report", size=0))
        # here the process is killed: the second transaction, with size and log entry, is never begun
        print("this is wrong because the report has six characters:")
        return look(engine, folder)


if __name__ == "__main__":
    main(*sys.argv[1:2])

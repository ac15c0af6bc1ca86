"""``python -m tests.run.python312``: what `atomic` says to an argument of sqlite3 that came with Python 3.12."""

from __future__ import annotations

import sys

from sqlalchemy import create_engine

from acidity import atomic
from acidity.errors import UsageError

if __name__ == "__main__":
    try:
        with atomic(create_engine("sqlite://", connect_args={"autocommit": False})):
            sys.exit("it began")
    except UsageError as error:
        sys.stdout.write(f"refused: {type(error).__name__}: {error}")

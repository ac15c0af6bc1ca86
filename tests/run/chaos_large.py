"""A large run by hand: ``python -m tests.run.chaos_large --engine postgresql --cuts 200 --kills 20 --seed 7``.

The seed gives the transfers, which COMMIT is cut where, and when the server is killed; which writer comes first is for
the machine to say.
"""

from __future__ import annotations

import argparse
import random
import sys

from acidity.engines import new_sandbox
from tests.run import chaos
from tests.run.test_chaos import KILLS, SYNC, in_one
from tests.run.writers import ASYNC, in_tasks, in_threads


def main() -> int:
    """Run it, and print what was told and what is there; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("postgresql", "mariadb"), default="postgresql")
    parser.add_argument("--driver", default="", help="psycopg, psycopg2, asyncpg; pymysql, aiomysql")
    parser.add_argument("--cuts", type=int, default=200, help="connections cut around COMMIT")
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of the server")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    driver = asked.driver or SYNC[asked.engine]
    writers = in_tasks if driver in ASYNC else in_threads
    kills = (KILLS[asked.engine] * asked.kills)[: asked.kills]
    sys.stdout.write(f"{asked.engine}+{driver}: --cuts {asked.cuts} --kills {asked.kills} --seed {asked.seed}\n")
    sandbox = new_sandbox(asked.engine, {"acidity.server": "dedicated"})
    try:
        sandbox.create(in_one, chaos.seed)
        verdict = chaos.suffer(sandbox, writers, cuts=asked.cuts, kills=kills, number=asked.seed, driver=driver)
    finally:
        sandbox.close()
    sys.stdout.write(f"{verdict}\n")
    return int(bool(verdict.wrong))


if __name__ == "__main__":
    sys.exit(main())

"""A write that finds the rows which its own caller has inserted has not found none."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario


def schema(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE products (id INTEGER PRIMARY KEY, reserved INTEGER)"))
    connection.execute(text("CREATE TABLE reservations (id SERIAL PRIMARY KEY, product_id INTEGER, qty INTEGER)"))


def setup(session: Session) -> None:
    session.execute(text("INSERT INTO products VALUES (1, 0)"))


def reserve(session: Session) -> None:
    """Note a reservation, and write down the sum of all."""
    session.execute(text("INSERT INTO reservations (product_id, qty) VALUES (1, 2)"))
    summed = "SELECT product_id, sum(qty) AS q FROM reservations GROUP BY product_id"
    session.execute(text(f"UPDATE products SET reserved = r.q FROM ({summed}) r WHERE r.product_id = products.id"))
    session.commit()


@pytest.mark.slow
def test_the_sum_that_misses_the_row_of_another_one_is_a_phantom() -> None:
    scenario = Scenario(Operation(reserve), schema=schema, setup=setup)
    for _ in range(3):  # the same name each time
        (finding,) = prove.explore(scenario, db="postgresql").findings
        assert (finding.code, finding.anomaly) == ("ACI303", "phantom")
        assert finding.title == "2 of reserved is gone from products id=1: reserved is 2, and 4 after A then B"

"""A query or a write that finds the rows which its own caller has inserted, and not committed, beside those of others."""

from __future__ import annotations

from collections.abc import Callable

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


def reserve_by_hand(session: Session) -> None:
    """The same by a query, whose sum holds the row that has just been inserted."""
    session.execute(text("INSERT INTO reservations (product_id, qty) VALUES (1, 2)"))
    summed = session.execute(text("SELECT sum(qty) AS q FROM reservations")).scalar_one()
    session.execute(text("UPDATE products SET reserved = :summed"), {"summed": int(summed)})
    session.commit()


def reserve_locked(session: Session) -> None:
    """The same, one after the other."""
    session.execute(text("SELECT id FROM products FOR UPDATE")).all()
    reserve_by_hand(session)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "db"), [(reserve, "postgresql"), (reserve_by_hand, "postgresql"), (reserve_by_hand, "mariadb")]
)
def test_the_sum_that_misses_the_row_of_another_one_is_a_phantom(function: Callable[..., None], db: str) -> None:
    scenario = Scenario(Operation(function), schema=schema, setup=setup)
    for _ in range(3):  # the same name each time
        (finding,) = prove.explore(scenario, db=db).findings
        assert (finding.code, finding.anomaly) == ("ACI303", "phantom")
        assert finding.title == "2 of reserved is gone from products id=1: reserved is 2, and 4 after A then B"


@pytest.mark.slow
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
def test_the_sum_that_is_made_one_after_the_other_has_no_finding(db: str) -> None:
    assert prove.explore(Scenario(Operation(reserve_locked), schema=schema, setup=setup), db=db).verdict == "pass"

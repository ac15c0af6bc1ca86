"""What acidity is asked about each twin: the rules of the shipped sale, on the same rows."""

from __future__ import annotations

from examples.flash_sale import twins
from examples.flash_sale.scenarios import DELHI, MOVED, MUMBAI, PHONE, sold
from examples.flash_sale.scenarios import moved as moves

ENGINE = "examples.flash_sale.twins:engine"

read_then_written = sold(twins.buy_after_reading, PHONE, bind=ENGINE)
two_commits = moves(twins.move_in_two_commits, (MUMBAI, DELHI, MOVED), bind=ENGINE)

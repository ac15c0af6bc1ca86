"""What acidity is asked about each twin: the rules of the shipped sale, on the same rows."""

from __future__ import annotations

from examples.flash_sale import twins
from examples.flash_sale.scenarios import DELHI, IN_SLOTS, MOVED, MUMBAI, PHONE, ROW_LOCKS, asked_twice, sold
from examples.flash_sale.scenarios import moved as moves

ENGINE = "examples.flash_sale.twins:engine"

read_then_written = sold(twins.buy_after_reading, PHONE, bind=ENGINE)
slot_first = asked_twice(twins.buy_slot_before_recording, IN_SLOTS[0], bind=ENGINE, **ROW_LOCKS)
two_commits = moves(twins.move_in_two_commits, (MUMBAI, DELHI, MOVED), bind=ENGINE)

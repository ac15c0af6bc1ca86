"""What is to be proved about `aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from examples.flash_sale.aio import buy_if_any, buy_locked, buy_serializable
from examples.flash_sale.scenarios import LAST, NONE_LEFT, PHONE, ROW_LOCKS, of_nothing, sold, sold_out

ENGINE = "examples.flash_sale.aio:engine"

conditional = sold(buy_if_any, PHONE, bind=ENGINE)
conditional_last = sold(buy_if_any, LAST, bind=ENGINE)
conditional_late = sold_out(buy_if_any, NONE_LEFT, bind=ENGINE)
for_update = sold(buy_locked, PHONE, bind=ENGINE, **ROW_LOCKS)
for_update_last = sold(buy_locked, LAST, bind=ENGINE, **ROW_LOCKS)
serializable = sold(buy_serializable, PHONE, bind=ENGINE)
serializable_last = sold(buy_serializable, LAST, bind=ENGINE)
serializable_nothing = of_nothing(buy_serializable, bind=ENGINE)
for_update_nothing = of_nothing(buy_locked, bind=ENGINE, **ROW_LOCKS)

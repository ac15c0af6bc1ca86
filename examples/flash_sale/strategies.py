"""The strategies by name, and what each needs of the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from examples.flash_sale import app

NO_ROW_LOCKS = "SQLite has no row locks: a transaction that writes has the whole database"


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to sell without overselling.

    Attributes:
        name: on the command line.
        title: in tables.
        buy: carries one purchase out, of an item and under a name.
        in_slots: the item has to be offered in slots.
        lacking: the databases that cannot do this, each with the reason.
    """

    name: str
    title: str
    buy: Callable[[str, str], None]
    in_slots: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)


STRATEGIES = {
    each.name: each
    for each in (
        Strategy("conditional", "conditional UPDATE", app.buy_if_any),
        Strategy("for-update", "SELECT … FOR UPDATE", app.buy_locked, lacking={"sqlite": NO_ROW_LOCKS}),
        Strategy("serializable", "SERIALIZABLE, tried again", app.buy_serializable),
        Strategy("skip-locked", "SKIP LOCKED slots", app.buy_slot, in_slots=True, lacking={"sqlite": NO_ROW_LOCKS}),
    )
}

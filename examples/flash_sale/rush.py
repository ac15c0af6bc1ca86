"""Many purchases at once, from several threads, and how many of them a database answers in a second."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from acidity.run import RetriesExhausted
from examples.flash_sale.app import SoldOutError, left_and_sold, offer
from examples.flash_sale.strategies import Strategy


class OversoldError(Exception):
    """What was sold is not what was there; no strategy may come here."""


@dataclass(frozen=True, slots=True)
class Rush:
    """What came of one.

    Attributes:
        sold: purchases that were told "yes".
        sold_out: those that were told "sold out".
        seconds: from the first purchase to the last answer.
        selling_s: seconds, to the last piece.
    """

    sold: int
    sold_out: int
    seconds: float
    selling_s: float

    @property
    def answered_rate(self) -> float:
        """Purchases that were answered in a second, those that came too late with the others."""
        return (self.sold + self.sold_out) / self.seconds

    @property
    def sold_rate(self) -> float:
        """Pieces that were sold in a second, while there were any."""
        return self.sold / self.selling_s


def rush(strategy: Strategy, sku: str, *, purchases: int, pieces: int, workers: int) -> Rush:
    """Offer so many pieces of a new item, and let so many threads buy until each purchase is sold or told "sold out".

    Raises:
        OversoldError: more or less was sold than was there, or what is left does not fit.
        RefusedError: there is an item of that name already.
    """
    offer(sku, pieces, in_slots=strategy.in_slots)

    def answered(number: int) -> float | None:
        """When it was sold, if it was; others may be faster many times."""
        while True:
            try:
                strategy.buy(sku, f"{sku} #{number}")
            except SoldOutError:
                return None
            except RetriesExhausted:
                continue
            return perf_counter()

    with ThreadPoolExecutor(workers) as threads:
        begun = perf_counter()
        answers = list(threads.map(answered, range(1, purchases + 1)))
        seconds = perf_counter() - begun
    sold_at = [at for at in answers if at is not None]
    found = Rush(len(sold_at), len(answers) - len(sold_at), seconds, max(sold_at, default=begun) - begun)
    check(found, sku, purchases, pieces)
    return found


def check(found: Rush, sku: str, purchases: int, pieces: int) -> None:
    """Hold what was answered against the rows.

    Raises:
        OversoldError: they do not fit.
    """
    left, sold = left_and_sold(sku)
    wanted = min(purchases, pieces)
    if not (found.sold == sold == wanted and left == pieces - wanted):
        raise OversoldError(
            f"{sku}: {found.sold} of {purchases} purchases were told yes and {sold} sales are written for {pieces} "
            f"pieces, of which {left} are left"
        )

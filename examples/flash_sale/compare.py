"""The strategies side by side: what each sells in a second, on each database, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from uuid import uuid4

from sqlalchemy.engine import Engine

from examples.flash_sale.plot import bars
from examples.flash_sale.rush import rush
from examples.flash_sale.strategies import STRATEGIES, Strategy

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB", "mysql": "MariaDB"}
SHORT = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What is asked of each strategy.

    Attributes:
        purchases: how many want a piece.
        pieces: how many there are.
        workers: threads.
        rounds: how often; the median counts.
    """

    purchases: int = 200
    pieces: int = 20
    workers: int = 8
    rounds: int = 3

    def __str__(self) -> str:
        rounds = f"median of {self.rounds} rounds" if self.rounds > 1 else "one round"
        return f"{self.purchases:,} purchases of {self.pieces:,} pieces by {self.workers} threads, {rounds}"


@dataclass(slots=True)
class Compared:
    """Purchases answered in a second, by database and strategy; the reason where there are none."""

    sale: Sale
    rates: dict[str, dict[str, float | None]] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)

    def measure(self, engine: Engine, during: Callable[[str], None] = lambda _: None) -> None:
        """Add a database; every round is held against the rows.

        Raises:
            OversoldError: a strategy sold what was not there, or kept what was.
        """
        panel = f"{TITLES.get(engine.dialect.name, engine.dialect.name)} {_version(engine)}"
        column = self.rates.setdefault(panel, {})
        for strategy in STRATEGIES.values():
            if reason := strategy.lacking.get(engine.dialect.name):
                column[strategy.title] = None
                self.lacking[strategy.title] = reason
                continue
            during(f"{panel}: {strategy.title}")
            column[strategy.title] = median(self._rates(strategy))

    def _rates(self, strategy: Strategy) -> Iterable[float]:
        asked = {"purchases": self.sale.purchases, "pieces": self.sale.pieces, "workers": self.sale.workers}
        for _ in range(self.sale.rounds):
            yield rush(strategy, f"sale {uuid4().hex[:12]}", **asked).rate

    def table(self) -> str:
        """For people."""
        head = ["purchases answered in a second", *self.rates]
        rows = [
            [strategy.title, *(_shown(column[strategy.title]) for column in self.rates.values())]
            for strategy in STRATEGIES.values()
        ]
        notes = [f"{SHORT}: {reason}" for reason in dict.fromkeys(self.lacking.values())]
        return "\n".join([*_aligned([head, *rows]), "", f"{self.sale}; each sold exactly", *notes])

    def plot(self) -> str:
        """The same as SVG."""
        return bars("Selling without overselling", f"{self.sale}", "purchases answered in a second", self.rates)


def _version(engine: Engine) -> str:
    with engine.connect() as connection:
        found = connection.dialect.server_version_info or ()
    return ".".join(str(part) for part in found if isinstance(part, int))


def _shown(rate: float | None) -> str:
    return SHORT if rate is None else f"{rate:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

"""The strategies side by side: what each sells in a second, on each database, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from statistics import median
from uuid import uuid4

from sqlalchemy.engine import Engine

from examples.flash_sale.plot import bars
from examples.flash_sale.rush import Rush, rush
from examples.flash_sale.strategies import STRATEGIES, Strategy

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB", "mysql": "MariaDB"}
MEASURES = {
    "answered_rate": "purchases answered in a second",
    "sold_rate": "pieces sold in a second, while there were any",
}
LACKING = "not applicable"


@dataclass(frozen=True, kw_only=True)
class Load:
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
    rounds: int = 5

    def __str__(self) -> str:
        rounds = f"median of {self.rounds} rounds" if self.rounds > 1 else "one round"
        return f"{self.purchases:,} purchases of {self.pieces:,} pieces by {self.workers} threads, {rounds}"


@dataclass(slots=True)
class Compared:
    """The rounds of each strategy, by database and title; none where the database lacks what it needs."""

    load: Load
    rounds: dict[str, dict[str, list[Rush]]] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)

    def measure(self, engine: Engine, beginning: Callable[[str], None] = lambda _: None) -> None:
        """Add a database; every round is held against the rows.

        Raises:
            OversoldError: a strategy sold what was not there, or kept what was.
        """
        panel = f"{TITLES.get(engine.dialect.name, engine.dialect.name)} {_version(engine)}"
        column = self.rounds.setdefault(panel, {})
        for strategy in STRATEGIES.values():
            if reason := strategy.lacking.get(engine.dialect.name):
                column[strategy.title] = []
                self.reasons.add(reason)
            else:
                beginning(f"{panel}: {strategy.title}")
                column[strategy.title] = list(self._rushes(strategy))

    def _rushes(self, strategy: Strategy) -> Iterable[Rush]:
        """One round that does not count, in which the connections are made, and those that do."""
        asked = {"purchases": self.load.purchases, "pieces": self.load.pieces, "workers": self.load.workers}
        rush(strategy, _new_item(), purchases=self.load.workers, pieces=self.load.workers, workers=self.load.workers)
        for _ in range(self.load.rounds):
            yield rush(strategy, _new_item(), **asked)

    def rates(self, measure: str) -> dict[str, dict[str, float | None]]:
        """One of the measures, by database and title."""
        return {
            panel: {
                title: median(map(attrgetter(measure), rounds)) if rounds else None for title, rounds in column.items()
            }
            for panel, column in self.rounds.items()
        }

    def table(self) -> str:
        """For people."""
        parts = []
        for measure, title in MEASURES.items():
            rates = self.rates(measure)
            rows = [
                [strategy.title, *(_shown(column[strategy.title]) for column in rates.values())]
                for strategy in STRATEGIES.values()
            ]
            parts += [*_aligned([[title, *rates], *rows]), ""]
        return "\n".join([*parts, f"{self.load}; each sold exactly", *(f"{LACKING}: {why}" for why in self.reasons)])

    def plot(self) -> str:
        """The same as SVG."""
        panels = {
            f"{panel}: {title}": column
            for measure, title in MEASURES.items()
            for panel, column in self.rates(measure).items()
        }
        return bars("Selling without overselling", f"{self.load}", "in a second", panels)


def _new_item() -> str:
    return f"sale {uuid4().hex[:12]}"


def _version(engine: Engine) -> str:
    with engine.connect() as connection:
        found = connection.dialect.server_version_info or ()
    return ".".join(str(part) for part in found if isinstance(part, int))


def _shown(rate: float | None) -> str:
    return LACKING if rate is None else f"{rate:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]

"""Two-phase commit over two databases with what a restarted process does: right, idle, and with one database forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from acidity import prove
from tests.quality import two_databases as shops
from tests.quality.controls import said
from tests.quality.test_databases import MIXED, SERVERS, ids

IN_DOUBT = ("kill-before", "kill-after", "answer-lost", "connection-lost", "commit-refused", "memory-error")
# What shows that nobody recovers; the right one is struck by all.
SHOWING = ("kill-before",)


def drilled(recover: Any, where: tuple[str, ...], faults: tuple[str, ...] = IN_DOUBT) -> Any:
    db, *own = where
    return prove.drill(shops.shop(shops.two_phase_commit, *own, recover=recover), db=db, faults=faults, remedies=False)


def does_nothing(databases: shops.Engines) -> None:
    """The process is restarted, and nobody asks what it had prepared."""


def forgets_the_stock(databases: shops.Engines) -> None:
    shops.recover(databases, only=("orders",))


def rolls_everything_back(databases: shops.Engines) -> None:
    """What was decided is not read."""
    shops.recover(databases, decided=())


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(("kill-after", "commit-refused"), id="few"),
        pytest.param(IN_DOUBT, id="all", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("where", SERVERS, ids=ids)
def test_recovery_makes_it_one(where: tuple[str, ...], faults: tuple[str, ...]) -> None:
    report = drilled(shops.recover, where, faults)
    assert report.verdict == "pass", str(report)
    assert report.classifier.endswith("all prepared: two-phase commit")


@pytest.mark.parametrize(
    "faults", [pytest.param(SHOWING, id="few"), pytest.param(IN_DOUBT, id="all", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("recover", "words"),
    [
        (does_nothing, ("left in doubt", "torn")),
        (forgets_the_stock, ("left in doubt", "torn")),
        (rolls_everything_back, ("torn",)),
    ],
    ids=ids,
)
def test_what_does_not_recover(recover: Any, words: tuple[str, ...], faults: tuple[str, ...]) -> None:
    report = drilled(recover, MIXED, faults)
    assert said(report) >= set(words), str(report)

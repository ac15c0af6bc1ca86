"""Five applications of strangers: the right word, line and way, and the right change, tried and said to end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.finding import Finding, Tried
from acidity.core.report import Detail, Report, as_text
from tests.quality.apps import migrated, script, services, unit_of_work, web
from tests.quality.apps.shop import App

APPS = {module.__name__.rpartition(".")[2]: module for module in (services, web, script, migrated, unit_of_work)}
FAULTS = ("error-before", "error-after", "connection-lost", "commit-left-open")
SERVERS = [pytest.param(db, marks=pytest.mark.slow) for db in ("postgresql", "mariadb")]


def checked(app: App, operation: Any, db: str, **options: Any) -> prove.Card:
    return prove.check(app.of(operation), db=app.dbs.get(db, db), letters="AC", **options)


def torn_in(card: prove.Card) -> Finding:
    atomic = card.letters["A"]
    assert isinstance(atomic, Report)
    return next(found for found in atomic.findings if found.code == "ACI201")


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("db", ["sqlite", *SERVERS])
def test_a_broken_one_is_found_where_it_broke_and_can_be_mended(name: str, db: str) -> None:
    module, app = APPS[name], APPS[name].APP
    card = checked(app, app.buggy, db, faults=FAULTS)
    found = torn_in(card)
    assert (found.word, found.kind) == ("torn", app.kind), str(card)
    assert found.permanent is not None
    assert module.__file__.endswith(found.permanent.site.file)
    assert app.marker in found.permanent.site.source
    assert app.marker in Path(module.__file__).read_text(encoding="utf-8").splitlines()[found.permanent.site.line - 1]
    assert tuple(site.function for site in found.path)[: len(app.path)] == app.path
    assert [(also.code, also.name) for also in found.also if also.code == "ACI252"] == [("ACI252", "stock_adds_up")]
    assert len(as_text(card, Detail.CARD).splitlines()) <= 25
    (broken,) = [each for each in card.letters["C"].findings if each.kind is app.kind]
    assert broken.see == (f"A.{1 + list(card.letters['A'].findings).index(found)}",)
    (remedy,) = [remedy for remedy in found.remedies if remedy.key == app.remedy]
    assert remedy.verdict in {Tried.PASSED, Tried.ENDS_THIS}, remedy
    (stock,) = [fate for fate in found.rows if fate.table == "products"]
    assert (stock.now, stock.should) == ((("stock", 8),), ((("stock", 10),),))


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("db", ["sqlite", *SERVERS])
@pytest.mark.one_in(2)
def test_a_mended_one_passes(name: str, db: str) -> None:
    app = APPS[name].APP
    card = checked(app, app.mended, db, faults=FAULTS, remedies=False)
    assert card.verdict == "pass", str(card)
    assert len(as_text(card, Detail.CARD).splitlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("db", ["sqlite", *SERVERS])
def test_with_every_fault(name: str, db: str) -> None:
    app = APPS[name].APP
    assert torn_in(checked(app, app.buggy, db, remedies=False)).kind is app.kind
    assert checked(app, app.mended, db, remedies=False).verdict == "pass"

"""The flash sale: sold exactly by every strategy that a database has, measured, drawn, and used by a person."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.orm import Session

from examples.flash_sale import app, rush
from examples.flash_sale.__main__ import main, shop
from examples.flash_sale.models import Sale
from examples.flash_sale.plot import bars, ticks
from examples.flash_sale.rush import OversoldError
from examples.flash_sale.strategies import STRATEGIES
from tests.systems.places import ROOT, empty_database, script
from tests.systems.said import in_words
from tests.tiers import ENGINES, SERVERS

README = ROOT / "examples" / "flash_sale" / "README.md"
PLOT = ROOT / "examples" / "flash_sale" / "throughput.svg"
WORKERS = 8
HAS = [(name, db) for name, each in STRATEGIES.items() for db in ENGINES if db not in each.lacking]
COMPARED = re.compile(r"<!-- compared -->\n```text\n.*?```\n", re.DOTALL)


@contextmanager
def opened(db: str) -> Iterator[str]:
    with empty_database(db) as url, shop(url, WORKERS):
        yield url


@pytest.mark.parametrize(("strategy", "db"), HAS)
@pytest.mark.parametrize(
    ("purchases", "pieces"), [(200, 20), pytest.param(2000, 100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_sold_exactly(strategy: str, db: str, purchases: int, pieces: int) -> None:
    with opened(db) as url:
        found = rush.rush(STRATEGIES[strategy], "phone", purchases=purchases, pieces=pieces, workers=WORKERS)
        assert (found.sold, found.sold_out) == (pieces, purchases - pieces)
        assert app.left_and_sold("phone") == (0, pieces)
        beside = create_engine(url)
        with Session(beside) as session:
            assert session.scalar(select(func.count()).select_from(Sale)) == pieces
        beside.dispose()


def test_what_was_not_wanted_is_left() -> None:
    with opened("sqlite"):
        found = rush.rush(STRATEGIES["conditional"], "phone", purchases=5, pieces=20, workers=WORKERS)
        assert (found.sold, found.sold_out) == (5, 0)
        assert app.left_and_sold("phone") == (15, 5)


@pytest.mark.parametrize("db", ENGINES)
def test_rows_that_were_oversold_are_found(db: str) -> None:
    with opened(db):
        app.offer("phone", 2)
        with app.Sessions.kw["bind"].begin() as connection:
            connection.exec_driver_sql("INSERT INTO sales (purchase, sku) VALUES ('a', 'phone'), ('b', 'phone')")
            connection.exec_driver_sql("UPDATE items SET stock = 1")  # read 2, write 1, twice
        with pytest.raises(OversoldError, match="2 of 2 purchases were told yes and 2 sales are written for 2 pieces"):
            rush.check(rush.Rush(2, 0, 1.0, 1.0), "phone", 2, 2)


@pytest.mark.parametrize("told", [1, 3])
def test_a_wrong_answer_is_found(told: int) -> None:
    with opened("sqlite"):
        rush.rush(STRATEGIES["conditional"], "phone", purchases=3, pieces=2, workers=2)
        with pytest.raises(OversoldError, match=f"{told} of 3 purchases were told yes"):
            rush.check(rush.Rush(told, 3 - told, 1.0, 1.0), "phone", 3, 2)


@pytest.mark.parametrize("db", SERVERS)
def test_nobody_is_told_sold_out_while_a_piece_may_be_left(db: str) -> None:
    """Somebody holds the last slot, and does not take it after all, when the buyer has found no free one."""
    with opened(db) as url:
        app.offer("phone", 1, in_slots=True)
        others = create_engine(url)
        holder = others.connect()
        holder.exec_driver_sql("SELECT * FROM slots WHERE sku = 'phone' FOR UPDATE")
        asked = []

        def let_go(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if "FOR UPDATE" in statement:
                asked.append("SKIP LOCKED" in statement)
                if not asked[-1]:
                    holder.rollback()

        event.listen(app.Sessions.kw["bind"], "before_cursor_execute", let_go)
        try:
            app.buy_slot("phone", "P-1")
        finally:
            holder.close()
            others.dispose()
        assert asked == [True, False]
        assert app.left_and_sold("phone") == (0, 1)


@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_a_person_sells(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    with empty_database(db) as url:

        def shop_(*arguments: str) -> tuple[int, str]:
            return in_words(main, capsys, *arguments, "--db", url)

        assert shop_("offer", "phone", "1") == (0, "phone: 1 for sale")
        assert shop_("buy", "phone", "P-1") == (0, "P-1: one phone is yours; 0 left")
        assert shop_("buy", "phone", "P-2") == (1, "refused: sold out")
        assert shop_("offer", "lamp", "2", "--slots") == (0, "lamp: 2 for sale")
        assert shop_("buy", "lamp", "P-1")[0] == 1, "offered in slots, so the stock is 0"
        code, words = shop_("buy", "lamp", "P-3", "--strategy", "skip-locked")
        if db == "sqlite":
            assert (code, words[:40]) == (1, "refused: skip-locked is not applicable: ")
        else:
            assert (code, words) == (0, "P-3: one lamp is yours; 1 left")
            for purchase, item, told in (("P-3", "lamp", "purchase P-3 was made already"), ("P-4", "x", "no item x")):
                code, words = shop_("buy", item, purchase, "--strategy", "skip-locked")
                assert code == 1
                assert told in words
        assert shop_("store", "phone", "Mumbai", "10")[0] == 0
        assert shop_("store", "phone", "Delhi", "2")[0] == 0
        assert shop_("move", "phone", "Mumbai", "Delhi", "4") == (0, "4 of phone moved from Mumbai to Delhi")
        assert shop_("move", "phone", "Mumbai", "Delhi", "7") == (1, "refused: Mumbai has only 6 of phone")
        assert shop_("stock", "phone") == (0, "phone: 0 left, 1 sold\n  Delhi: 6\n  Mumbai: 6")
        assert app.Sessions.kw["bind"] is app.engine


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("buy nothing P-9", 1, "refused: there is no item nothing"),
        ("buy nothing P-9 --strategy serializable", 1, "refused: there is no item nothing"),
        ("buy phone P-1", 1, "refused: purchase P-1 was made already"),
        ("buy phone P-9 --strategy for-update", 1, "for-update is not applicable: SQLite has no row locks"),
        (f"buy phone {'P' * 41}", 1, "1 to 40 letters"),
        ("offer phone 3", 1, "refused: there is an item phone already"),
        (f"offer {'p' * 21} 3", 1, "1 to 20 letters"),
        ("offer radio 0", 2, "'0' is not a whole number from 1 to 1,000,000"),
        ("offer radio -1", 2, "'-1' is not a whole number"),
        ("offer radio 1.5", 2, "'1.5' is not a whole number"),
        ("offer radio 99999999999999999999", 2, "not a whole number from 1 to 1,000,000"),
        ("stock nothing", 1, "refused: there is no item nothing"),
        ("store nothing Mumbai 1", 1, "refused: there is no item nothing"),
        ("store phone Mumbai 1", 1, "refused: Mumbai has a shelf for phone already"),
        ("move phone Mumbai Mumbai 1", 1, "refused: the warehouses must be different"),
        ("move phone Mumbai Goa 1", 1, "refused: one of Mumbai and Goa has no shelf for phone"),
        ("rush phone --purchases 1 --pieces 1", 1, "refused: there is an item phone already"),
        ("rush radio --workers 65", 2, "not a whole number from 1 to 64"),
        ("compare --rounds 0", 2, "not a whole number from 1 to 99"),
        (
            "compare --purchases 1 --pieces 1 --rounds 1 --workers 1 --svg nowhere/x.svg",
            2,
            "error: --svg nowhere/x.svg",
        ),
        ("stock phone --db nonsense", 2, "error: --db is not the URL of a database"),
        ("rush phone --db sqlite:///:memory:", 2, "a database in memory is of one thread, and 8 are at work"),
        ("", 2, "usage: python -m examples.flash_sale"),
    ],
)
def test_wrong_input_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for before in ("offer phone 5", "buy phone P-1", "store phone Mumbai 1"):
        assert in_words(main, capsys, *before.split())[0] == 0
    ended, words = in_words(main, capsys, *command.split())
    assert ended == code, words
    assert told in words
    assert "Traceback" not in words
    assert in_words(main, capsys, "stock", "phone") == (0, "phone: 4 left, 1 sold\n  Mumbai: 1")


@pytest.mark.parametrize("db", ENGINES)
def test_the_twins_are_wrong_without_acidity(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    with empty_database(db) as url:
        assert script("flash_sale/shown/read_then_written")(url) == (9, 2)
        assert script("flash_sale/shown/two_commits")(url) == 8
        if db in SERVERS:
            assert script("flash_sale/shown/slot_first")(url) == [2]
    words = capsys.readouterr().out
    assert words.count("this is wrong because") == (3 if db in SERVERS else 2)


@pytest.mark.dear
@pytest.mark.parametrize(
    "sizes", ["--purchases 12 --pieces 4 --workers 2 --rounds 1", pytest.param("", marks=pytest.mark.slow)]
)
def test_the_strategies_side_by_side(sizes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "throughput.svg"
    with ExitStack() as stack:
        urls = [stack.enter_context(empty_database(db)) for db in ENGINES]
        dbs = [word for url in urls for word in ("--db", url)]
        assert main(["compare", *dbs, *sizes.split(), "--svg", str(plot)]) == 0
    table = capsys.readouterr().out
    same_form(table, README.read_text(encoding="utf-8"))
    assert drawn(plot) == drawn(PLOT)
    if os.environ.get("ACIDITY_UPDATE_DOCS") and not sizes:
        PLOT.write_bytes(plot.read_bytes())
        told = f"<!-- compared -->\n```text\n{table.partition(chr(10) + 'plot')[0]}\n```\n"
        README.write_text(COMPARED.sub(told, README.read_text(encoding="utf-8")), encoding="utf-8")


def same_form(table: str, readme: str) -> None:
    """Each strategy has a line with as many figures as in the README, or is not applicable in the same place."""
    for strategy in STRATEGIES.values():
        here, there = (
            [
                re.sub(r"[\d,]+", "N", line.removeprefix(strategy.title)).split("  ")
                for line in each.splitlines()
                if line.startswith(strategy.title)
            ]
            for each in (table, readme)
        )
        cells = [[cell.strip() for cell in line if cell.strip()] for line in here]
        assert len(cells) == 2
        assert cells == [[cell.strip() for cell in line if cell.strip()] for line in there]


def drawn(plot: Path) -> list[str]:
    """The words of a plot, without numbers."""
    root = ET.fromstring(plot.read_text(encoding="utf-8"))  # well-formed
    words = (re.sub(r"[\d.,]+", "N", element.text or "") for element in root.iter("{http://www.w3.org/2000/svg}text"))
    return [each for each in words if each != "N" and "purchases of" not in each]


def test_a_bar_is_as_long_as_its_number() -> None:
    svg = bars("a < b", "today", "km/h", {"train & bus": {"fast": 400.0, "slow": 100.0, "none": None}})
    root = ET.fromstring(svg)
    widths = [float(each.get("width", "")) for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    assert widths[0] == pytest.approx(4 * widths[1], abs=0.2)
    assert len(widths) == 2
    assert "train &amp; bus" in svg
    assert "not applicable" in svg


@pytest.mark.parametrize(("most", "last"), [(812, 1000), (0.9, 1.0), (1000, 1000), (1001, 1500), (5, 5), (51, 60)])
def test_the_axis_ends_at_a_round_number(most: float, last: float) -> None:
    found = ticks(most)
    assert found[-1] == pytest.approx(last)
    assert len(found) <= 6

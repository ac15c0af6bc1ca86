"""The bookings as a person uses them, what their README says, and the twin without acidity."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import create_engine, text

from acidity import prove
from examples.booking import app
from examples.booking.__main__ import main, opened
from examples.booking.broken import looked_first
from examples.booking.rules import SeatTakenError
from examples.command import RefusedError
from tests.systems.places import ROOT, empty_database, script
from tests.systems.said import in_words
from tests.tiers import ENGINES

README = ROOT / "examples" / "booking" / "README.md"
LANES = re.compile(r"<!-- lanes: \S+ -->\n```\n(?P<lanes>.*?)```\n<!-- end -->", re.DOTALL)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    """Flight AI-101 with six seats, and nobody in them."""
    with empty_database(request.param) as url, opened(url):
        app.open_flight("AI-101", 1)
        yield url


@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_a_person_books(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    with empty_database(db) as url:

        def booking(*arguments: str) -> tuple[int, str]:
            return in_words(main, capsys, *arguments, "--db", url)

        assert booking("open", "AI-101", "--rows", "15") == (0, "AI-101: 0 of 90 seats are taken")
        assert booking("book", "ai-101", "14a", "Rahul") == (0, "Rahul has 14A on AI-101")
        assert booking("book", "AI-101", "14A", "Priya") == (1, "refused: seat not available")
        assert booking("book", "AI-101", "14A", "rahul") == (1, "refused: seat not available"), "also on MariaDB"
        assert booking("book", "AI-101", "14A", "Rahul")[0] == 0, "it is theirs already"
        with app.engine.connect():  # the engine of the module is back where it was
            assert app.Sessions.kw["bind"] is app.engine
        assert booking("race", "AI-101", "15C", *"ABCDEFGH") == (
            0,
            "1 of 8 passengers told: you have 15C\n7 of 8 passengers told: seat not available",
        )
        code, seats = booking("seats", "AI-101")
        assert code == 0
        assert re.fullmatch(r"AI-101: 2 of 90 seats are taken\n  14A  Rahul\n  15C  [A-H]", seats)
        assert booking("cancel", "AI-101", "14A", "Priya") == (1, "refused: Priya has no seat 14A on AI-101")
        assert booking("cancel", "AI-101", "14A", "Rahul") == (0, "Rahul has given 14A on AI-101 back")
        assert booking("book", "AI-101", "14A", "Priya") == (0, "Priya has 14A on AI-101")


@pytest.mark.parametrize("book", [app.book, app.book_if_free], ids=["book", "book_if_free"])
def test_a_seat_is_of_one_passenger(empty: str, book: Callable[..., str]) -> None:
    """Whatever the database takes for the same name: to MariaDB 'rahul' and 'Rahul ' are Rahul."""
    assert book("AI-101", "1A", "Rahul") == "1A"
    assert book("AI-101", "1A", "Rahul") == "1A", "it is theirs already"
    for other in ("Priya", "rahul", "Ráhul"):
        with pytest.raises(SeatTakenError, match="seat not available"):
            book("AI-101", "1A", other)
        with pytest.raises(RefusedError, match="has no seat"):
            app.cancel("AI-101", "1A", other)
    with pytest.raises(RefusedError, match="there is no seat 9A on AI-101"):
        book("AI-101", "9A", "Rahul")
    with pytest.raises(RefusedError, match="no space around"):
        book("AI-101", "1A", "Rahul ")
    assert app.seats("AI-101")["1A"] == "Rahul"
    app.cancel("AI-101", "1A", "Rahul")
    assert book("AI-101", "1A", "rahul") == "1A"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("book", "AI-101", "99A", "Rahul"), 1, "refused: there is no seat 99A on AI-101"),
        (("cancel", "AI-101", "99A", "Rahul"), 1, "refused: there is no seat 99A on AI-101"),
        (("book", "AI-999", "14A", "Rahul"), 1, "refused: there is no seat 14A on AI-999"),
        (("seats", "AI-999"), 1, "refused: there is no flight AI-999"),
        (("open", "AI-101"), 1, "refused: there is a flight AI-101 already"),
        (("book", "AI-101", "14A", ""), 1, "1 to 40 letters"),
        (("book", "AI-101", "14A", " Rahul"), 1, "1 to 40 letters"),
        (("book", "AI-101", "14A", "R\udcffhul"), 2, "cannot be read"),
        (("book", "AI-101", "14A", "R" * 41), 1, "1 to 40 letters"),
        (("book", "AI-101", "14Z", "Rahul"), 2, "'14Z' is not the number of a seat; write it like 14A"),
        (("book", "AI101", "14A", "Rahul"), 2, "'AI101' is not the code of a flight; write it like AI-101"),
        (("open", "AI-102", "--rows", "0"), 2, "a plane has 1 to 99 rows"),
        (("open", "AI-102", "--rows", "1.5"), 2, "a plane has 1 to 99 rows"),
        (("seats", "AI-101", "--db", "nonsense"), 2, "error: --db is not the URL of a database"),
        (("seats", "AI-101", "--db", "sqlite:///theirs.db"), 2, "has tables already (theirs)"),
        (("race", "AI-101", "14A", "A", "B", "--db", "sqlite://"), 2, "a database in memory is of one thread"),
        ((), 2, "usage: python -m examples.booking"),
    ],
    ids=str,
)
def test_wrong_input_is_told(
    there: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, told: str
) -> None:
    theirs = create_engine("sqlite:///theirs.db")
    with theirs.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    theirs.dispose()
    in_words(main, capsys, "open", "AI-101", "--rows", "14")
    ended, words = in_words(main, capsys, *arguments)
    assert ended == code, words
    assert told in words
    assert "Traceback" not in words


@pytest.mark.parametrize("db", ENGINES)
def test_the_twin_is_wrong_without_acidity(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    with empty_database(db) as url:
        has = script("booking/shown/looked_first")(url)
    words = capsys.readouterr().out
    assert has == "Rahul"
    assert words.count("is told: 14A is yours") == 2
    assert words.splitlines()[-1].startswith("this is wrong because both were told yes")
    assert words in README.read_text(encoding="utf-8")


@pytest.mark.dear
def test_the_lanes_show_who_was_written_over() -> None:
    """Set ACIDITY_UPDATE_DOCS=1 to write them into the README anew."""
    report = prove.explore(looked_first)
    told = [line.replace("lanes", "     ", 1) for line in str(report).splitlines() if "│" in line]
    lanes = f"{dedent(chr(10).join(told))}\n"
    assert lanes.index("passenger None → Priya") < lanes.index("passenger Priya → Rahul")
    title = "B answered '14A'; after A then B it fails with SeatTakenError: seat not available"
    assert [finding.title for finding in report.findings] == [title]
    readme = README.read_text(encoding="utf-8")
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        start, end = next((found.start("lanes"), found.end("lanes")) for found in LANES.finditer(readme))
        readme = readme[:start] + lanes + readme[end:]
        README.write_text(readme, encoding="utf-8")
    assert [found["lanes"] for found in LANES.finditer(readme)] == [lanes]


@pytest.mark.slow
def test_it_is_a_program(there: Path) -> None:
    command = [sys.executable, "-m", "examples.booking", "open", "AI-101", "--rows", "1"]
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "AI-101: 0 of 6 seats are taken\n", "")

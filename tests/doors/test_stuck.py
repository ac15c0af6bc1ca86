"""The process has to end for the sake of a run that nothing ends: the answers that are there are written before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
POND = """
import time
from pathlib import Path
from acidity.core.parting import part
from acidity.prove import Operation, Scenario

def schema(connection):
    connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    connection.exec_driver_sql("INSERT INTO t VALUES (1, 1)")

def adds(connection):
    n = connection.exec_driver_sql("SELECT n FROM t").scalar()
    connection.exec_driver_sql(f"UPDATE t SET n = {n + 1}")
    connection.commit()

def parts(connection):
    code = part("parts did not end", 3)
    Path("seen").write_text(f"{code} {Path('out').read_text()}")

def stuck(connection):
    connection.exec_driver_sql("SELECT n FROM t")
    while True:
        try: time.sleep(1)
        except BaseException: pass

wrong = Scenario(Operation(adds), schema=schema)
sticks = Scenario(Operation(parts), schema=schema)
hangs = Scenario(Operation(stuck), schema=schema)
"""


@pytest.mark.parametrize(
    ("words", "code", "verdicts"),
    [
        (("explore", "pond:wrong", "pond:sticks"), 1, ["fail", "unknown"]),
        (("explore", "pond:sticks"), 3, ["unknown"]),
        (("explore", "pond:sticks", "--all-levels"), 3, ["unknown"]),
        (("check", "pond:sticks", "--letters", "AI"), 3, ["unknown"]),
        (("explore", "pond:wrong", "pond:sticks", "--exit-zero"), 3, ["fail", "unknown"]),
    ],
)
def test_the_answers_are_written_before_the_end(
    acidity: Any, write: Any, folder: Path, words: tuple[str, ...], code: int, verdicts: list[str]
) -> None:
    write("pond.py", POND)
    left = acidity(*words, "--output-format", "json", "--output-file", "out")
    written, _, text = (folder / "seen").read_text(encoding="utf-8").partition(" ")
    found = json.loads(text)
    assert int(written) == code, left.err
    assert [each["verdict"] for each in found.get("items", [found])] == verdicts
    assert "parts did not end" in text


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_nothing_ends_takes_no_other_answer_along(write: Any, folder: Path, jobs: str) -> None:
    write("pond.py", POND)
    path = os.pathsep.join([*sys.path, str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "acidity", "explore", "pond:wrong", "pond:hangs", "-q", f"--jobs={jobs}"],
        cwd=folder, env=os.environ | {"PYTHONPATH": path, "ACIDITY_RUN_TIMEOUT": "1s"},
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 1, done
    assert "acidity: unknown: stuck did not end, and cannot be ended; it stands at pond.py:" in done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["pond:wrong", "FAIL"],
        ["pond:hangs", "unknown"],
    ]

"""Killed politely, or with nobody reading: the command cleans up and says nothing odd."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import acidity as package
from acidity.cli.delivery import _ASCII

SOURCES = Path(package.__file__).parent
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

WAITING = """
import sys, signal
import acidity.cli.main as door

def wait(*arguments, **options):
    try:
        print("ready", flush=True)
        while True:
            signal.pause()
    finally:
        print("cleaned", flush=True)

door.group.main = wait
door.main(["demo"])
"""
SWALLOWING = """
import os, signal
import acidity.cli.main as door
from acidity.cli.progress import progress_bar

def swallow(*arguments, **options):
    with progress_bar("drill") as progress:
        for run in range(3):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.sigtimedwait([], 0)
            except BaseException:
                pass
            print(run, flush=True)
            progress(run, 3, "")

door.group.main = swallow
door.main(["demo"])
"""
TALKING = """
from acidity.cli.delivery import say
import acidity.cli.main as door

def talk(*arguments, **options):
    say("a line of a report\\n" * 100_000)
    return 3

door.group.main = talk
door.main(["demo"])
"""


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="no polite kill on this system")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_kill_cleans_up(number):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (128 + number, "cleaned\n", "")


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="no polite kill on this system")
def test_a_polite_kill_that_the_function_swallows_still_ends_the_check():
    done = subprocess.run([sys.executable, "-c", SWALLOWING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "0\n", "")


def test_ctrl_c_is_one_line():
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "cleaned\n", "acidity: interrupted\n")


def test_a_reader_that_leaves_is_no_trouble():
    with subprocess.Popen(
        [sys.executable, "-c", TALKING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "a line of a report\n"
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)
    assert (process.returncode, err) == (3, "")


def test_a_terminal_without_unicode_gets_every_word():
    script = "from acidity.cli.delivery import say; say('balance 100 → 50 · 9 × 7 ₹5')"
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.stdout == b"balance 100 -> 50 | 9 x 7 \\u20b95\n"


@pytest.mark.parametrize(
    ("name", "code", "makes"),
    [
        ("SIGTERM", 143, "raise"),
        ("SIGTERM", 143, "raise ValueError"),
        ("SIGTERM", 143, "pass"),
        ("SIGINT", 130, "raise"),
    ],
)
def test_a_signal_while_the_target_is_imported_ends_it(acidity, write, name, code, makes):
    write(
        "imported.py",
        "import os, signal, time\n"
        "from acidity.prove import Scenario\n"
        f"try:\n    os.kill(os.getpid(), signal.{name})\n    time.sleep(0)\nexcept BaseException:\n    {makes}\n"
        "s = Scenario(print, schema=print)\n",
    )
    assert acidity("check", "imported:s").code == code


IN_A_DESTRUCTOR = """
import sqlite3
from acidity.prove import Operation, Scenario

class Sale:
    def __init__(self, dsn):
        self.connection = sqlite3.connect(dsn)
        self.connection.execute("INSERT INTO sold VALUES (1)")

    def {name}(self):
        self.connection.commit()
        self.connection.close()

def sell(dsn):
    sale = Sale(dsn)
    {end}

s = Scenario(Operation(sell), schema="schema.sql")
"""


@pytest.mark.dear
@pytest.mark.parametrize(("name", "end", "code"), [("__del__", "del sale", 1), ("close", "sale.close()", 0)])
def test_a_ctrl_c_of_a_run_that_is_lost_in_a_destructor_ends_no_check(write, name, end, code):
    write("schema.sql", "CREATE TABLE sold (id INT PRIMARY KEY);")
    place = write("sale.py", IN_A_DESTRUCTOR.format(name=name, end=end))
    done = subprocess.run(  # pytest has errors of its own where one is lost
        [sys.executable, "-m", "acidity", "drill", "sale:s"],
        cwd=place.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "interrupted" not in done.stdout + done.stderr
    assert ("false success" in done.stdout) is bool(code)


def test_the_user_s_own_ctrl_c_that_is_lost_in_a_destructor_ends_the_check(acidity, write):
    text = IN_A_DESTRUCTOR.format(name="__del__", end="del sale")
    presses = "import os, signal\n" + text.replace(
        "self.connection.commit()", "self.connection.commit(); os.kill(os.getpid(), signal.SIGINT)"
    )
    write("schema.sql", "CREATE TABLE sold (id INT PRIMARY KEY);")
    write("pressed.py", presses)
    assert acidity("drill", "pressed:s").code == 130


TWICE = """
import os, signal
import acidity.cli.main as door

def ends(*arguments, **options):
    raise KeyboardInterrupt

echo = door.click.echo
def once(*arguments, **options):
    door.click.echo = echo
    os.kill(os.getpid(), signal.SIGINT)
    signal.sigtimedwait([], 0)

door.click.echo = once
door.group.main = ends
door.main(["demo"])
"""
IMPORTED = """
import runpy, sys

class Pressed:
    def find_spec(self, name, *_):
        if name == "acidity.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Pressed())
runpy.run_module("acidity", run_name="__main__")
"""


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="no polite kill on this system")
@pytest.mark.parametrize("script", [TWICE, IMPORTED])
def test_ctrl_c_twice_or_before_all_is_imported_is_one_line(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "acidity: interrupted\n")


def test_every_sign_of_an_output_has_one_for_a_terminal_without_unicode():
    """Those that a report keeps out, or asks after, stand in the files that are left out."""
    signs = {
        sign
        for file in SOURCES.rglob("*.py")
        if file.name not in {"secret.py", "marker.py"}
        for text in _texts(ast.parse(file.read_text(encoding="utf-8")))
        for sign in text
    }
    assert {sign for sign in signs if not sign.isascii() and sign not in map(chr, _ASCII)} == set()


def _texts(tree):
    """All but docstrings."""
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, DOCUMENTED))
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value

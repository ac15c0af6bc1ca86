"""``--help`` lists the verbs without importing what they need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from acidity.cli.main import VERBS

HEAVY = ("sqlalchemy", "rich", "sqlglot", "acidity.prove", "acidity.report", "acidity.engines", "importlib.metadata")
IMPORTED = """
import json, sys
from acidity.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    assert left.code == 0, left.code
print("\\n" + json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_nothing_heavy_is_imported(argument):
    done = subprocess.run([sys.executable, "-c", IMPORTED, argument], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in modules if name in HEAVY or name.startswith("acidity.cli.check")] == []


@pytest.mark.dear
@pytest.mark.one_in(6)
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_of_a_verb_runs_nothing(verb):
    done = subprocess.run([sys.executable, "-c", IMPORTED, verb, "--help"], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "sqlalchemy" not in modules
    assert done.stdout.startswith(f"Usage: acidity {verb}")
    assert not any("\b" in line for line in done.stdout.splitlines())


def test_the_list_of_verbs_comes_from_the_table(acidity):
    left = acidity("--help")
    assert left.code == 0
    for verb, (_, text) in VERBS.items():
        assert f"  {verb} " in left.out
        assert text.split(".")[0].split()[0] in left.out
    assert "Exit codes" in left.out


def test_without_a_verb_the_help_is_shown_and_nothing_passes(acidity):
    left = acidity()
    assert left.code == 2
    assert "Usage: acidity" in left.err + left.out


def test_an_unknown_verb_is_wrong_usage(acidity):
    left = acidity("prove")
    assert left.code == 2
    assert "No such command 'prove'" in left.err

"""``acidity explain``: every code by its name or its word, and what is near where there is none."""

from __future__ import annotations

import json

import pytest

from acidity.cli.explain import codes_called
from acidity.core.codes import CODES
from acidity.explained import EXPLANATIONS


@pytest.mark.parametrize("name", CODES)
@pytest.mark.one_in(2)
def test_every_code_is_explained(acidity, name):
    left = acidity("explain", name)
    assert (left.code, left.err) == (0, "")
    page = EXPLANATIONS[name]
    assert left.out.startswith(f"{name}  {page.code.word}")
    assert page.command in left.out
    for near in page.near:
        assert near.name in left.out
    said = " ".join(left.out.split())
    for text in (page.meaning, page.source, page.production, page.fix, page.mended_source):
        assert " ".join(text.split()) in said


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_every_word_that_is_printed_is_explained(code):
    for word in (code.word, *code.also):
        assert code in codes_called(word)


def test_without_a_code_all_are_listed(acidity):
    left = acidity("explain")
    assert left.code == 0
    for code in CODES.values():
        assert code.name in left.out
        assert code.word in left.out


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("aci201", ["ACI201"]),
        ("torn", ["ACI201"]),
        ("false failure", ["ACI204", "ACI207"]),
        ("False-Success", ["ACI203"]),
        ("torn by a kill", ["ACI403"]),
        ("inconsistent", ["ACI251", "ACI252"]),
    ],
)
def test_a_code_by_other_names(acidity, typed, names):
    left = acidity("explain", typed, "--output-format", "json")
    whole = json.loads(left.out)
    assert (left.code, whole["schema"]) == (0, "acidity.explain/1")
    assert [item["code"] for item in whole["items"]] == names
    assert all(item["near"] and item["program"] and item["fix"] for item in whole["items"])


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("ACI200", "ACI20"),
        ("ACI2O1", "ACI251 (inconsistent)"),
        ("tron", "ACI201 (torn)"),
        ("false sucess", "ACI203 (false success)"),
        ("zebra", "acidity explain lists all codes"),
    ],
)
def test_an_unknown_code_is_wrong_usage_and_names_what_is_near(acidity, typed, near):
    left = acidity("explain", typed)
    assert (left.code, left.out) == (2, "")
    assert f"there is no code {typed!r}" in left.err
    assert near in left.err
    assert left.err.count("\n") == 1


def test_a_page_into_a_file(acidity, folder):
    left = acidity("explain", "torn", "--output-file", "torn.txt")
    assert (left.code, left.out) == (0, "")
    assert (folder / "torn.txt").read_text(encoding="utf-8").startswith("ACI201  torn")

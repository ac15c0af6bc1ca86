"""What texts mean: the speech of each engine, held to the table of texts, to sqlglot, and to itself under comments."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from acidity.core.call import Kind, Writes
from acidity.core.prepared import commits_prepared, without_names
from acidity.engines.codes import DUPLICATE, LOCK_TIMEOUT, RETRYABLE
from acidity.engines.speech import SPEECHES, ErrorClass, speech_of
from tests.engines.spoken import MEANINGS, TEXTS, cases

ENGINES = list(TEXTS)
DIALECTS = {"sqlite": "sqlite", "postgresql": "postgres", "mariadb": "mysql"}
_DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_table_of_texts(engine: str) -> None:
    speech = speech_of(engine)
    wrong = [
        (group, text, speech.meaning(text)) for group, text in cases(engine) if speech.meaning(text) != MEANINGS[group]
    ]
    assert not wrong
    assert len(cases(engine)) >= 60


def test_every_engine_has_a_speech() -> None:
    assert list(SPEECHES)[:3] == ENGINES
    assert speech_of("mysql") is speech_of("mariadb")


@pytest.mark.parametrize("engine", ENGINES)
def test_sqlglot_finds_the_same_statements_and_writes(engine: str) -> None:
    """Where sqlglot reads a text, it sees as many statements, and every change of rows that it sees is a write."""
    speech, read = speech_of(engine), 0
    for group, text in cases(engine):
        try:
            trees = [
                tree
                for tree in sqlglot.parse(text, read=DIALECTS[engine], error_level=sqlglot.ErrorLevel.RAISE)
                if tree
            ]
        except sqlglot.errors.SqlglotError:
            continue
        if not trees or any(isinstance(tree, exp.Command) for tree in trees) or "/*!" in text or "/*M!" in text:
            continue
        read += 1
        assert len(speech.statements(text)) == len(trees), text
        changes = any(isinstance(node, _DML) for tree in trees for node in tree.walk())
        if changes and not group.startswith("reads"):
            assert speech.meaning(text).writes is Writes.YES, text
        if isinstance(trees[0], exp.Commit | exp.Query | exp.DML):  # it takes END for a column
            assert (speech.meaning(text).kind is Kind.COMMIT) is isinstance(trees[0], exp.Commit), text
    assert read > 35


@pytest.mark.parametrize(
    ("text", "kind", "opaque"),
    [
        ("BEGIN; UPDATE t SET v = 1; COMMIT", Kind.STATEMENT, False),
        ("BEGIN; UPDATE t SET v = 1; UPDATE t SET v = 2; COMMIT; SELECT 1", Kind.STATEMENT, False),
        ("BEGIN; UPDATE t SET v = 1; COMMIT; BEGIN; UPDATE t SET v = 2; COMMIT", Kind.STATEMENT, True),
        ("UPDATE t SET v = 1; COMMIT; UPDATE t SET v = 2", Kind.STATEMENT, True),
        ("COMMIT; BEGIN", Kind.COMMIT, False),
        ("BEGIN; COMMIT", Kind.COMMIT, False),
        ("ROLLBACK; BEGIN", Kind.ROLLBACK, False),
        ("UPDATE t SET v = 1; ROLLBACK; UPDATE t SET v = 2", Kind.STATEMENT, False),
        (";; COMMIT ;", Kind.COMMIT, False),
        ("/* only */ -- comments", Kind.STATEMENT, False),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_text_of_several_statements(engine: str, text: str, kind: Kind, *, opaque: bool) -> None:
    meaning = speech_of(engine).meaning(text)
    assert (meaning.kind, meaning.opaque) == (kind, opaque)
    assert meaning.commits is ("COMMIT" in text)
    assert bool(meaning.writes) is ("UPDATE" in text)


def test_two_writes_in_one_text_are_one_transaction_only_on_postgresql() -> None:
    text = "UPDATE t SET v = 1; UPDATE t SET v = 2"
    assert [speech_of(engine).meaning(text).opaque for engine in ENGINES] == [True, False, True]


@pytest.mark.parametrize("text", ["XA START 'x'", "XA COMMIT 'x'", "XA ROLLBACK 'x'", "XA PREPARE 'x'"])
def test_xa_is_control_on_mariadb(text: str) -> None:
    kinds = {"START": Kind.BEGIN, "COMMIT": Kind.COMMIT, "ROLLBACK": Kind.ROLLBACK, "PREPARE": Kind.PREPARE}
    assert speech_of("mariadb").meaning(text).kind is kinds[text.split()[1]]


def test_prepared_transactions_are_control_on_postgresql() -> None:
    kinds = [speech_of("postgresql").meaning(f"{word} 'x'").kind for word in ("PREPARE TRANSACTION", "COMMIT PREPARED")]
    assert kinds == [Kind.PREPARE, Kind.COMMIT]
    assert speech_of("postgresql").meaning("PREPARE plan AS SELECT 1").kind is Kind.STATEMENT


@pytest.mark.parametrize(
    "text", ["beginning", "committed", "endpoint", "INSERT INTO commits VALUES (1)", "-- COMMIT", ""]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_words_that_only_look_like_control(engine: str, text: str) -> None:
    assert speech_of(engine).meaning(text).kind is Kind.STATEMENT


# Comments and quotes around a statement never change its meaning.

_BLANKS = st.sampled_from([" ", "\n", "\t", "\r\n  "])
_INNER = st.text(st.sampled_from("ab ;'\"`$#-!COMMITBEGIN\\"), max_size=12)


def _comments(engine: str) -> st.SearchStrategy[str]:
    inner = _INNER.map(lambda text: text.removeprefix("!").removeprefix("M!"))
    block = inner.map(lambda text: f"/* {text} */")
    kinds = [block, inner.map(lambda text: f"-- {text}\n")]
    if engine == "postgresql":
        kinds.append(st.recursive(block, lambda nested: nested.map(lambda text: f"/* a {text} b */"), max_leaves=3))
    if engine == "mariadb":
        kinds.append(inner.map(lambda text: f"#{text}\n"))
    return st.lists(st.one_of(_BLANKS, *kinds), max_size=3).map("".join)


def _string(engine: str, content: str) -> str:
    if engine == "mariadb":
        content = content.replace("\\", "\\\\")
    return "'" + content.replace("'", "''") + "'"


@pytest.mark.parametrize("engine", ENGINES)
def test_comments_and_strings_change_no_meaning(engine: str) -> None:
    speech = speech_of(engine)

    @settings(max_examples=150, derandomize=True, deadline=None, database=None)
    @given(case=st.sampled_from(cases(engine)), before=_comments(engine), after=_comments(engine), hidden=_INNER)
    def check(case: tuple[str, str], before: str, after: str, hidden: str) -> None:
        group, text = case
        assert speech.meaning(f"{before}{text}\n{after}") == MEANINGS[group]
        select = f"{before}SELECT {after} {_string(engine, hidden)} {before}, 1{after}"
        assert speech.meaning(select) == MEANINGS["reads"]
        update = f"UPDATE t SET v = {_string(engine, hidden)}{before} WHERE id = 1{after}"
        assert speech.meaning(update) == MEANINGS["writes"]

    check()


# Errors, and names of prepared transactions


def test_what_errors_mean() -> None:
    assert speech_of("postgresql").errors["40001"] is ErrorClass.SERIALIZATION
    assert speech_of("mariadb").errors["1213"] is ErrorClass.DEADLOCK
    assert speech_of("mysql").errors["1205"] is ErrorClass.LOCK_TIMEOUT
    assert speech_of("sqlite").errors["SQLITE_CONSTRAINT_CHECK"] is ErrorClass.CONSTRAINT
    assert {"40001", "40P01", "1020", "1213", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"} <= RETRYABLE
    assert {"55P03", "1205"} == LOCK_TIMEOUT
    assert {"23505", "1062", "1586", "SQLITE_CONSTRAINT_UNIQUE"} <= DUPLICATE


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("XA PREPARE 'f00','b',1", "XA PREPARE"),
        ("XA END 'f00'", "XA END"),
        ("/* why */ PREPARE TRANSACTION 'f00'", "PREPARE TRANSACTION"),
        ("COMMIT PREPARED 'f00'", "COMMIT PREPARED"),
        ("rollback prepared 'f00'", "rollback prepared"),
        ("prepare _sa_0123456789abcdef", "prepare"),
        ("prepare acidity-0123456789ab-0123-1", "prepare"),
        ("COMMIT", "COMMIT"),
        ("COMMIT AND CHAIN", "COMMIT AND CHAIN"),
        ("SELECT 'XA PREPARE'", "SELECT 'XA PREPARE'"),
    ],
)
def test_names_of_prepared_transactions_are_left_out(sql: str, words: str) -> None:
    assert without_names(sql) == words


def test_what_was_prepared_is_committed() -> None:
    assert all(map(commits_prepared, ["XA COMMIT 'x'", "COMMIT PREPARED 'x'", "commit _sa_0123456789abcdef"]))
    assert not any(map(commits_prepared, ["COMMIT", "XA COMMIT 'x' ONE PHASE", "XA PREPARE 'x'", "XA ROLLBACK 'x'"]))

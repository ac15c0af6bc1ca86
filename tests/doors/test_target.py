"""What a TARGET stands for, and the one line that says why it stands for nothing."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal

import pytest

from acidity.cli.arguments import arguments
from acidity.cli.function import FunctionOptions
from acidity.cli.target import resolve, resolve_all
from acidity.errors import UsageError

BANK = """
from sqlalchemy import MetaData
from acidity.core.scenario import Operation, Scenario

class Base:
    metadata = MetaData()

def transfer(session, payer=1, payee=2, amount=0): ...
def seed(session): ...
def worked(answer): return True
def holds(session): ...

pay = Scenario(transfer, metadata=Base.metadata)
again = Scenario(transfer, metadata=Base.metadata)
alias = pay
_hidden = Scenario(transfer, metadata=Base.metadata)

def annotated() -> Scenario:
    return pay

def unannotated():
    return Scenario(transfer, metadata=Base.metadata)

def broken() -> Scenario:
    raise RuntimeError("no rows")

def wrong() -> Scenario:
    return 3

def of_amount(amount) -> Scenario: ...

called = []
def wipe_everything():
    called.append(1)

answer = 42
"""


MONEY = """
from dataclasses import dataclass
from enum import Enum

class State(Enum):
    PAID = "paid"

@dataclass(frozen=True)
class Money:
    amount: int
    currency: str = "EUR"
    def __post_init__(self):
        if self.amount == "x":
            raise KeyError(self.amount)

class Order:
    class Line:
        def __init__(self, *pieces, money=None):
            self.pieces, self.money = pieces, money

LIMIT = 7
"""


@pytest.fixture(autouse=True)
def bank(write):
    write("pond/__init__.py", "")
    write("pond/bank.py", BANK)
    write("pond/money.py", MONEY)


def names(text):
    return [target.name for target in resolve(text)]


def test_a_scenario_by_name():
    assert names("pond.bank:pay") == ["pond.bank:pay"]


def test_a_module_stands_for_its_public_scenarios_in_order_each_once():
    assert names("pond.bank") == ["pond.bank:pay", "pond.bank:again"]


def test_a_submodule_behind_the_colon():
    assert names("pond:bank.again") == ["pond:bank.again"]
    assert names("pond:bank") == ["pond:bank.pay", "pond:bank.again"]


@pytest.mark.parametrize("text", ["pond/bank.py:pay", "./pond/bank.py:pay"])
def test_a_path_is_printed_with_dots(text):
    assert names(text) == ["pond.bank:pay"]


def test_an_absolute_path(folder):
    assert names(f"{folder}/pond/bank.py:pay") == ["pond.bank:pay"]


@pytest.mark.parametrize("name", ["annotated", "unannotated"])
def test_a_function_that_makes_a_scenario_is_called(name):
    assert names(f"pond.bank:{name}") == [f"pond.bank:{name}"]


def test_targets_named_twice_run_once():
    assert len(resolve_all(["pond.bank", "pond.bank:pay"], FunctionOptions())) == 2


def test_a_plain_function_is_never_called_outside_a_sandbox():
    with pytest.raises(UsageError, match="plain function"):
        resolve("pond.bank:wipe_everything")
    import pond.bank

    assert pond.bank.called == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lake", "no module 'lake'"),
        ("lake.bank:pay", r"no module 'lake' \(looking for 'lake.bank'\)"),
        ("pond.bnk:pay", "no module 'pond.bnk'"),
        ("pond.bank:pat", "no attribute 'pat'; did you mean pay"),
        ("pond.bank:pay.more", "'pond.bank:pay' has no attribute 'more'"),
        ("pond.bank:answer", "is an int, neither a Scenario nor a function"),
        ("pond.bank:broken", "raised RuntimeError: no rows"),
        ("pond.bank:wrong", "returned int, not a Scenario"),
        ("pond.bank:of_amount", "needs arguments"),
        ("pond.bank:transfer", "plain function"),
        ("pond", "without a public Scenario"),
        ("../bank.py:pay", "cannot be imported from the current directory"),
        ("a-b:pay", "not the name of a module"),
        ("", "not the name of a module"),
    ],
)
def test_wrong_targets(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        resolve(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere_to_be_found", r"needs the module 'nowhere_to_be_found', which is not installed \(sick.py:1\)"),
        ("\n1 / 0", r"importing 'sick' raised ZeroDivisionError: division by zero \(sick.py:2\)"),
        ("raise SystemExit('usage: sick')", "raised SystemExit: usage: sick"),
        ("def f(:", r"not valid Python: .* \(sick.py:1\)"),
        ("raise ValueError('one\\ntwo')", r"ValueError: one \(sick.py:1\)"),
        ("import json; json.loads('{')", r"JSONDecodeError: .* \(sick.py:1\)"),
        ("from acidity.prove import Scenario\nScenario()", r"raised UsageError: a Scenario needs .*\(sick.py:2\)"),
        ("from pond.bank import nothing", r"raised ImportError: cannot import name 'nothing' .*\(sick.py:1\)"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(write, source, message):
    write("sick.py", source)
    with pytest.raises(UsageError, match=message) as caught:
        resolve("sick:pay")
    assert "\n" not in str(caught.value)


def test_a_submodule_with_a_missing_dependency_is_not_called_missing(write):
    write("pond/sick.py", "import nowhere_to_be_found")
    with pytest.raises(UsageError, match="needs the module 'nowhere_to_be_found'"):
        resolve("pond:sick.pay")


def test_what_a_module_prints_does_not_reach_the_report(write, capsys):
    write("loud.py", "print('hello')\nfrom pond.bank import pay")
    resolve("loud:pay")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


OPTIONS = FunctionOptions(
    args=("1, 2, Decimal('50.00')", "2, 1, amount=7"),
    setup="pond.bank:seed",
    metadata="pond.bank:Base",
    succeeded="pond.bank:worked",
    inject="session",
    bind=("pond.bank:engine",),
    invariant=("pond.bank:holds",),
)


def test_a_plain_function_described_by_options():
    (target,) = resolve("pond.bank:transfer", OPTIONS)
    scenario = target.scenario
    assert target.name == "pond.bank:transfer"
    assert [operation.arguments for operation in scenario.operations] == [(1, 2, Decimal("50.00")), (2, 1)]
    assert scenario.operations[1].keywords == {"amount": 7}
    assert scenario.operations[0].inject == "session"
    assert scenario.operations[0].succeeded.__name__ == "worked"
    assert scenario.setup.__name__ == "seed"
    assert [check.__name__ for check in scenario.invariants] == ["holds"]
    assert scenario.bind == ("pond.bank:engine",)
    assert scenario.metadata is __import__("pond.bank").bank.Base.metadata


def test_the_options_can_be_pasted_back():
    assert FunctionOptions(args=("1, 'x'",), metadata="a:B").as_typed == "--args '1, '\"'\"'x'\"'\"'' --metadata a:B"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (FunctionOptions(args=("1",)), "give its tables"),
        (FunctionOptions(metadata="pond.bank:Base", schema="schema.sql"), "give its tables with one of"),
        (FunctionOptions(schema="schema.sql"), "there is no file 'schema.sql'"),
        (FunctionOptions(schema="pond.bank:answer"), "--schema 'pond.bank:answer' is an int, not a function"),
        (FunctionOptions(metadata="pond.bank:answer"), "declarative base or a MetaData"),
        (FunctionOptions(metadata="pond.bank"), "names no object"),
        (FunctionOptions(metadata="pond.bank:Bas"), "--metadata: .* did you mean Base"),
        (FunctionOptions(metadata="pond.bank:Base", setup="pond.bank:nobody"), "--setup: "),
        (FunctionOptions(metadata="pond.bank:Base", args=("1,,2",)), "cannot be read"),
        (FunctionOptions(metadata="pond.bank:Base", args=("1(",)), r"cannot be read \((unexpected )?EOF"),
        (FunctionOptions(metadata="pond.bank:Base", args=("pond.bank:nobody",)), "--args: .*no attribute 'nobody'"),
        (FunctionOptions(metadata="pond.bank:Base", args=("pond.money:Money('x')",)), "raised KeyError"),
    ],
)
def test_wrong_options_of_a_plain_function(options, message):
    with pytest.raises(UsageError, match=message):
        resolve("pond.bank:transfer", options)


@pytest.mark.parametrize("options", [FunctionOptions(), FunctionOptions(args=("1",))], ids=["alone", "described"])
def test_a_class_is_no_function(options):
    with pytest.raises(UsageError, match=r"'pond\.bank:Base' is a class"):
        resolve("pond.bank:Base", options)


@pytest.mark.parametrize("text", ["pond.bank:pay", "pond.bank"])
def test_options_of_a_function_do_not_fit_a_scenario(text):
    with pytest.raises(UsageError, match="--args describes a plain function"):
        resolve(text, FunctionOptions(args=("1",)))


@pytest.mark.parametrize(
    "text",
    [
        "pond.bank:seed(1)",
        "pond.bank.seed(1)",
        "print(1)",
        "__import__('os')",
        "1)(2",
        "*[1]",
        "**{'a': 1}",
        "x",
        "Decimal('x')",
    ],
)
def test_args_are_values_and_nothing_else(text):
    with pytest.raises(UsageError, match="cannot be read"):
        arguments(text)


@pytest.mark.parametrize("colon", [":", "."])
def test_args_take_classes_and_values_by_import_path(colon):
    path = f"pond.money{colon}"
    text = (
        f"{path}Money(5), {path}State.PAID, {path}Order.Line(1, {path}LIMIT, money={path}Money(2, currency='CHF')), "
        f"('pond.money:LIMIT', date(2026, 11, 27)), limit={path}LIMIT, more={{'a:B': 1}}"
    )
    (money, state, line, values), keywords = arguments(text)
    own = sys.modules["pond.money"]
    assert money == own.Money(5)
    assert state is own.State.PAID
    assert (line.pieces, line.money) == ((1, 7), own.Money(2, "CHF"))
    assert values == ("pond.money:LIMIT", date(2026, 11, 27))
    assert keywords == {"limit": 7, "more": {"a:B": 1}}


def test_in_a_dict_a_colon_is_one_of_the_dict():
    assert arguments("{'a': pond.money.LIMIT, 'b': [pond.money.State.PAID.value]}") == (({"a": 7, "b": ["paid"]},), {})


def test_keywords_that_are_called_as_options_of_an_operation():
    """They are the function's."""
    options = FunctionOptions(metadata="pond.bank:Base", args=("name='ann', inject=1, timeout=3, raises='x'",))
    (target,) = resolve("pond.bank:transfer", options)
    (operation,) = target.scenario.operations
    assert operation.keywords == {"name": "ann", "inject": 1, "timeout": 3, "raises": "x"}
    assert (operation.inject, operation.name, operation.timeout) == ("as named", "transfer", None)


def test_nothing_is_injected_where_that_is_asked_for():
    (target,) = resolve("pond.bank:transfer", FunctionOptions(metadata="pond.bank:Base", inject="nothing"))
    assert target.scenario.operations[0].inject is None


def test_no_args_are_no_arguments():
    assert arguments("") == ((), {})


@pytest.mark.parametrize("text", ["shop:", "shop.py:", "shop"])
def test_with_nothing_behind_the_colon_the_module_is_meant(write, text):
    write("shop.py", "from acidity.prove import Scenario\none = Scenario(print, schema=print)\n")
    (target,) = resolve(text)
    assert target.name == "shop:one"
    assert resolve(target.name)[0].scenario is target.scenario

"""Context variables that never leave the context in which they were made."""

from __future__ import annotations

from contextvars import copy_context

from acidity.core.variable import context_variable
from acidity.engines.own_calls import OWN, own_calls


def test_it_has_its_value_from_the_beginning() -> None:
    variable = context_variable("tested", 7)
    assert copy_context()[variable] == 7
    variable.reset(variable.set(8))
    assert copy_context()[variable] == 7


def test_whose_calls_are_made_is_never_taken_out_of_the_context() -> None:
    """CPython may go on with memory that it has freed there."""
    assert OWN in copy_context()
    with own_calls():
        assert OWN.get()
    assert OWN in copy_context()

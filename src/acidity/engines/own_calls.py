"""Whose a driver's call is: acidity's own, or the program's.

Inside `own_calls` nothing that a driver is asked is a Call: acidity itself asks (a look, a fault), or a Call that has
passed the seam is being carried out. The answer belongs to the context, a thread or a task, so that what one actor is
doing hides nothing of another. Never leave it open around code of the program; `judging_calls` is for code of the
program that only looks, such as an invariant: it makes no Calls, and it may use nothing but what it was given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from acidity.core.variable import context_variable

OWN: ContextVar[bool] = context_variable("acidity_own_calls", False)  # read for every Call, so without a function
JUDGES: ContextVar[Collection[int] | None] = context_variable("acidity_judges", None)
"""The ids of the dialects that a judge was given; None where nobody judges."""


@contextmanager
def own_calls() -> Iterator[None]:
    """What drivers are asked in this context is no Call of the program."""
    token = OWN.set(True)
    try:
        yield
    finally:
        OWN.reset(token)


@contextmanager
def program_calls() -> Iterator[None]:
    """What drivers are asked in this context is the program's, although acidity's own calls were where it came from.

    So is a task that a pool of the program starts when acidity closes a connection of it.
    """
    token = OWN.set(False)
    try:
        yield
    finally:
        OWN.reset(token)


@contextmanager
def judging_calls(dialects: Collection[int]) -> Iterator[None]:
    """The program's own code looks at rows in this context, through these dialects and no other way."""
    token = JUDGES.set(dialects)
    try:
        with own_calls():
            yield
    finally:
        JUDGES.reset(token)

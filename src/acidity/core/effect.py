"""An `Effect`: a function outside the database, and how its calls are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from acidity.errors import UsageError


@dataclass(frozen=True, slots=True)
class Effect:
    """A function outside the database that is made to fail, and whose calls have to fit the rows.

    A bare function in ``Scenario(effects=…)`` is an Effect without options: each call counts.

    Args:
        function: the function, a bound method, or ``"module:function"``, written in Python. It is observed by whatever
            reference it is called; a bound method, only on its object.
        key: called with what the function is called with, gives its idempotency key: twice under one key is once. A
            call whose key is None counts each time.
        counted: False for a function that can fail but changes nothing (a lookup, a price).

    Raises:
        UsageError: this is no function, or the options contradict each other.

    Example:
        >>> Effect(gateway.charge, key=lambda order_id, *_: order_id)      # doctest: +SKIP
    """

    function: Callable[..., Any] | str
    key: Callable[..., Any] | None = None
    counted: bool = True

    def __post_init__(self) -> None:
        if not callable(self.function) and not isinstance(self.function, str):
            raise UsageError(f"an Effect takes a function or 'module:function', not {self.function!r}")
        if self.key is not None and not callable(self.key):
            raise UsageError(
                f"Effect(key=…) takes a function of what {_name(self.function)} is called with, as in "
                f"key=lambda order_id, *_: order_id, not {self.key!r}"
            )
        if not isinstance(self.counted, bool):
            raise UsageError(f"Effect(counted=…) is True or False, not {self.counted!r}")
        if self.key is not None and not self.counted:
            raise UsageError(
                f"Effect({_name(self.function)}, key=…, counted=False): what is not counted needs no key; leave one out"
            )


def _name(function: Callable[..., Any] | str) -> str:
    return function if isinstance(function, str) else getattr(function, "__qualname__", repr(function))

"""Names in the user's modules that are bound to a function of another module: ``from time import sleep``.

Whoever puts something else in the place of ``time.sleep`` does not reach them. They are found by what they are bound
to, in the user's own modules alone: a package of others does as it always does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from acidity.adapters.site import is_user_code


@contextmanager
def rebound(pairs: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    """In this context, names of the user's modules that are bound to the first of a pair are bound to the second.

    Afterwards they are as before, those of modules that were imported meanwhile, too.
    """
    _rebind(pairs)
    try:
        yield
    finally:
        _rebind([(there, before) for before, there in pairs])


def _rebind(pairs: Sequence[tuple[Any, Any]]) -> None:
    new = {id(before): there for before, there in pairs}
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType) or not _is_the_users(module):
            continue
        names = vars(module)
        for name, value in list(names.items()):
            if id(value) in new:
                names[name] = new[id(value)]


def _is_the_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)  # built-in modules have none
    return module.__name__ == "__main__" or (bool(file) and is_user_code(str(file)))

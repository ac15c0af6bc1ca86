"""Replace functions and classes wherever modules have them: ``from sqlite3 import connect`` makes one of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from acidity.adapters.site import counted_elsewhere, is_user_code

Replacement = tuple[Any, Any]  # what is there, and what is put in its place

# Modules that had none of the names when they were looked at, and how many names they had then.
_without: dict[str, tuple[int, int]] = {}
_asked: list[object] = []  # for which names that holds


def replace_everywhere(replacements: Sequence[Replacement]) -> None:
    """Make all replacements in all modules: under any name in the user's, under the old one's own name in all others.

    A check does this twice, in processes with thousands of modules. So all is done in one go, and a module that is not
    the user's and had none of the names is passed over until it has more names, or fewer.
    """
    if not replacements:
        return
    standing_for = {id(old): new for old, new in replacements}
    own_names = frozenset(old.__name__ for old, _ in replacements)
    asked = [own_names, counted_elsewhere()]
    if asked != _asked:
        _asked[:] = asked
        _without.clear()
    for called, module in list(sys.modules.items()):
        namespace: dict[str, Any] = getattr(module, "__dict__", {})
        as_it_is = id(namespace), len(namespace)
        if _without.get(called) == as_it_is:
            continue
        if is_user_code(namespace.get("__file__") or "<built-in>"):
            names = [] if standing_for.keys().isdisjoint(map(id, namespace.values())) else list(namespace)
        elif namespace.keys().isdisjoint(own_names):
            _without[called] = as_it_is
            continue
        else:
            names = list(own_names)
        for name in names:
            new = standing_for.get(id(namespace.get(name)))
            if new is not None:
                setattr(module, name, new)

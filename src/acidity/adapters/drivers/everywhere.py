"""Replace functions and classes wherever modules have them: ``from sqlite3 import connect`` makes one of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from acidity.adapters.site import is_user_code

Replacement = tuple[Any, Any]  # what is there, and what is put in its place


def replace_everywhere(replacements: Sequence[Replacement]) -> None:
    """Make all replacements in all modules: under any name in the user's, under the old one's own name in all others.

    A check does this twice, in processes with thousands of modules. So all is done in one go, and a module that has
    nothing to replace is passed over as a whole.
    """
    if not replacements:
        return
    standing_for = {id(old): new for old, new in replacements}
    own_names = {old.__name__ for old, _ in replacements}
    for module in list(sys.modules.values()):
        namespace: dict[str, Any] = getattr(module, "__dict__", {})
        if is_user_code(namespace.get("__file__") or "<built-in>"):
            names = [] if standing_for.keys().isdisjoint(map(id, namespace.values())) else list(namespace)
        else:
            names = [] if namespace.keys().isdisjoint(own_names) else list(own_names)
        for name in names:
            new = standing_for.get(id(namespace.get(name)))
            if new is not None:
                setattr(module, name, new)

"""A `Registry`: the names of parts and where each lives, as dotted strings, loaded on first use.

Strings keep ``import acidity`` cheap. Third parties add their own through the entry point group ``acidity.<kind>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from acidity.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Parts of one kind by name.

    Args:
        kind: what is registered, in the plural (``faults``); also the last word of the entry point group.
        parts: name → ``"module:attribute"``, in the order in which they are tried and shown.
    """

    def __init__(self, kind: str, parts: Mapping[str, str]) -> None:
        self.kind = kind
        self._parts = dict(parts)
        self._loaded: dict[str, T] = {}
        self._extended = False

    def __iter__(self) -> Iterator[str]:
        self._extend()
        return iter(self._parts)

    def __contains__(self, name: object) -> bool:
        self._extend()
        return name in self._parts

    def __getitem__(self, name: str) -> T:
        """The part of that name.

        Raises:
            UsageError: there is none.
        """
        if name not in self._loaded:
            if name not in self._parts:
                self._extend()
            if name not in self._parts:
                raise UsageError(f"no {_singular(self.kind)} is called {name!r}; there are: {', '.join(self._parts)}")
            module, _, attribute = self._parts[name].partition(":")
            self._loaded[name] = cast("T", getattr(import_module(module), attribute))
        return self._loaded[name]

    def _extend(self) -> None:
        if not self._extended:
            self._extended = True
            for entry in entry_points(group=f"acidity.{self.kind}"):
                self._parts.setdefault(entry.name, entry.value)


def _singular(plural: str) -> str:
    """One of them.

    >>> _singular("faults"), _singular("remedies"), _singular("speeches")
    ('fault', 'remedy', 'speech')
    """
    for ending, one in (("ies", "y"), ("ches", "ch"), ("s", "")):
        if plural.endswith(ending):
            return plural.removesuffix(ending) + one
    return plural

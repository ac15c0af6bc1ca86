"""Declared constraints that a session may write past on a server, looked at anew in the rows as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acidity.core.outcome import Rule, Violation
from acidity.engines.hosted_database import Shape

Ask = Callable[[str], list[tuple[Any, ...]]]


def broken_rules(ask: Ask, quoted: Callable[[str], str], shapes: Mapping[str, Shape]) -> Iterator[Violation]:
    """What does not hold: foreign keys, and CHECKs that are not enforced. The others cannot be switched off.

    Args:
        ask: sends a query as the administrator.
        quoted: an identifier, quoted.
        shapes: the tables as they are now.
    """
    for name, shape in shapes.items():
        for column, (parent, target) in sorted(shape.references.items()):
            if parent not in shapes:  # an extension's, which nobody compares
                continue
            child, key = quoted(column), quoted(target)
            joined = f"{shape.rows} c LEFT JOIN {shapes[parent].place} p ON c.{child} = p.{key}"
            ((count,),) = ask(f"SELECT count(*) FROM {joined} WHERE c.{child} IS NOT NULL AND p.{key} IS NULL")
            if count:
                yield Violation(Rule.FOREIGN_KEY, f"{name}: {column} points at no row of {parent} in {_rows(count)}")
        for check, condition in sorted(shape.checks.items()):
            ((count,),) = ask(f"SELECT count(*) FROM {shape.rows} WHERE NOT ({condition})")
            if count:
                yield Violation(Rule.CHECK, f"{name}: {check} does not hold in {_rows(count)}: {condition}")


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"

"""What ``"module:name"`` in a Scenario stands for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from acidity.errors import UsageError


def named(text: str, where: str) -> Any:
    """The object that a text names.

    Args:
        text: ``"module:name"``; the name may have dots.
        where: the text with what it was given for, as the message shows it: ``bind='app.db:engine'``.

    Raises:
        UsageError: it has another form, or there is no such object.
    """
    module, _, path = text.partition(":")
    if not module or not path:
        raise UsageError(f"{where} is not of the form 'module:name'")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{where} cannot be found: {error}") from None
    return found

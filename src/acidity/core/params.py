"""Parameters of a Call as text that is the same in every run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=>)", re.IGNORECASE)


def text_of(value: Any) -> str:
    """A parameter, or several in a tuple, list or mapping: without addresses, and buffers by what is in them.

    >>> text_of((1, memoryview(b"ab"), {"at": object()}))
    "(1, b'ab', {'at': <object object>})"
    """
    if isinstance(value, memoryview):
        return repr(bytes(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {text_of(each)}' for name, each in value.items())}}}"
    if type(value) is list:
        return f"[{', '.join(map(text_of, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(text_of, value))}{',' if len(value) == 1 else ''})"
    return _ADDRESS.sub("", repr(value))

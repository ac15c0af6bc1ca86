"""A `Line` between the controller and a caller in a process of its own: messages over a pipe in each direction."""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


class Line:
    """One end of it.

    Args:
        reader: the descriptor that messages come from.
        writer: the descriptor that messages go to.
    """

    def __init__(self, reader: int, writer: int) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    def pair(cls) -> tuple[Line, Line]:
        """Both ends of a new one."""
        (one, its), (other, their) = os.pipe(), os.pipe()
        return cls(one, their), cls(other, its)

    def tell(self, *message: Any) -> None:
        """Send a message.

        Raises:
            BrokenPipeError: nobody is at the other end any more.
        """
        content = pickle.dumps(message)
        left = memoryview(_LENGTH.pack(len(content)) + content)
        while left:
            left = left[os.write(self._writer, left) :]

    def hear(self) -> tuple[Any, ...]:
        """Wait for the next message.

        Raises:
            EOFError: nobody is at the other end any more.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        message: tuple[Any, ...] = pickle.loads(self._read(length))  # noqa: S301 - of a process that this one has forked
        return message

    def close(self) -> None:
        """Leave it."""
        os.close(self.reader)
        os.close(self._writer)

    def _read(self, length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = os.read(self.reader, length - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts

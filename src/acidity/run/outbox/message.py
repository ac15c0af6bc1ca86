"""A message: what is written with the change it tells of, handed to the publisher, and read by the consumer."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

from acidity.errors import UsageError


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the outbox.

    Attributes:
        id: the same at every delivery; consumers recognise a repeat by it.
        topic: where it is to be published.
        payload: plain JSON.
        key: messages with the same key are published in the order of their COMMITs; None for no order.
        created_at: when it was emitted, in UTC without a zone.
        attempts: how often publishing it has failed.
        last_error: the error of the last time, for messages that `parked` lists.
    """

    id: str
    topic: str
    payload: Any
    key: str | None = None
    created_at: dt.datetime | None = None
    attempts: int = 0
    last_error: str | None = None

    @property
    def body(self) -> str:
        """Key and payload as JSON in ASCII.

        Raises:
            UsageError: the payload would not come back as it is.
        """
        try:
            text = json.dumps({"key": self.key, "payload": self.payload}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the payload of a message must be plain JSON: {error}") from error
        if json.loads(text)["payload"] != self.payload:
            raise UsageError("the payload of a message must be plain JSON: lists, no tuples; texts as keys")
        return text

    @classmethod
    def of(cls, id: str, topic: str, body: str, created_at: dt.datetime | None, **more: Any) -> Self:  # noqa: A002  # its name
        """Read it back."""
        content = json.loads(body)
        return cls(id, topic, content["payload"], content["key"], created_at, **more)

    def to_json(self) -> str:
        """The message as one text, for a broker.

        Example:
            >>> Message.from_json(Message("1", "paid", [7], "alice").to_json())
            Message(id='1', topic='paid', payload=[7], key='alice', created_at=None, attempts=0, last_error=None)
        """
        created = None if self.created_at is None else self.created_at.isoformat()
        return json.dumps({"id": self.id, "topic": self.topic, "created_at": created, "body": self.body})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The message that `to_json` wrote.

        Raises:
            UsageError: it is none.
        """
        try:
            content = json.loads(text)
            created = content["created_at"] and dt.datetime.fromisoformat(content["created_at"])
            return cls.of(content["id"], content["topic"], content["body"], created)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"this is no message of the outbox: {text[:60]!r}") from error


def hash_of(key: str) -> str:
    """The key in a form that no collation and no length can confuse with another."""
    return hashlib.sha256(key.encode()).hexdigest()

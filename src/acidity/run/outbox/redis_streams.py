"""A publisher for Redis and Valkey: every topic is a stream, and the reply to XADD is the acknowledgement.

A stream keeps the order in which entries were added, and a consumer group reads them at least once. The reply means as
much as the server's own durability: with ``appendonly yes`` and ``appendfsync always`` the entry is on disk before it
is sent; with the default of Redis, the last second may be lost in a crash of the machine
(redis.io/docs/latest/operate/oss_and_stack/management/persistence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from acidity.errors import UsageError
from acidity.run.outbox.message import Message

FIELD = "message"


def topic_of(message: Message) -> str:
    """The stream of a message: its topic."""
    return message.topic


class RedisStreams:
    """Publishes to Redis streams; plain and async by the client that it is given.

    After a failure a message may be in the stream twice; the consumer recognises it by its id, see `consume`.

    Args:
        client: a ``redis.Redis`` or ``redis.asyncio.Redis`` (also those of Valkey).
        stream: the name of the stream for a message; by default its topic.
        maxlen: drop the oldest entries beyond about so many; None for never.

    Raises:
        UsageError: the client has no ``xadd``.

    Example:
        >>> relay = Relay(engine, RedisStreams(redis.Redis()))                              # doctest: +SKIP
        >>> for entry, fields in client.xrange("orders.paid"):                              # doctest: +SKIP
        ...     consume(engine, RedisStreams.read(fields), book)

    Source: redis.io/docs/latest/commands/xadd.
    """

    def __init__(self, client: Any, *, stream: Callable[[Message], str] = topic_of, maxlen: int | None = None) -> None:
        if not callable(getattr(client, "xadd", None)):
            raise UsageError(f"RedisStreams() takes a client of redis, not {client!r}")
        self.client = client
        self.stream = stream
        self.maxlen = maxlen

    def __call__(self, message: Message) -> Any:
        """Add the message to its stream; returns when the server has replied, with an async client when awaited."""
        return self.client.xadd(self.stream(message), {FIELD: message.to_json()}, maxlen=self.maxlen)

    @staticmethod
    def read(fields: Mapping[Any, Any]) -> Message:
        """The message in an entry of a stream, as the client returns its fields: as texts or as bytes.

        Raises:
            UsageError: no message is in it.
        """
        text = fields.get(FIELD, fields.get(FIELD.encode()))
        if text is None:
            raise UsageError(f"this entry was not written by the outbox: it has no field {FIELD!r}")
        return Message.from_json(text)

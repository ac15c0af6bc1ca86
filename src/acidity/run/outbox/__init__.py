"""The outbox: messages that are sent if, and only if, the change they tell of is committed.

`emit` writes a message in the unit's own transaction, a `Relay` publishes it at least once, `consume` handles it once.
"""

from __future__ import annotations

from acidity.run.outbox.consume import consume, consumer
from acidity.run.outbox.emit import emit
from acidity.run.outbox.message import Message
from acidity.run.outbox.redis_streams import RedisStreams
from acidity.run.outbox.relay import Relay
from acidity.run.outbox.upkeep import discard, parked, prune_outbox, requeue

__all__ = [
    "Message",
    "RedisStreams",
    "Relay",
    "consume",
    "consumer",
    "discard",
    "emit",
    "parked",
    "prune_outbox",
    "requeue",
]

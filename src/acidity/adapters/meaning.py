"""What a Call means on the connection that it goes over: the speech of its engine, and how that connection stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from acidity.adapters.drivers.base import DriverCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind, Writes, sets_of
from acidity.engines.own_calls import own_calls
from acidity.engines.speech import speech_of


class Meant(NamedTuple):
    """What `Call` says under the same names."""

    kind: Kind
    writes: Writes = Writes.NO
    autocommit: bool = False
    opaque: bool = False
    schema: bool = False


def asked(wire: LiveConnection, said: DriverCall, *, alone: Callable[[], bool]) -> Meant:
    """What is asked of the database.

    Args:
        wire: the connection that it goes over.
        said: the text, or the kind that a method of the driver has.
        alone: whether no transaction is open and none will be begun, so that a write is committed by itself.
    """
    speech = speech_of(wire.engine)
    if said.kind is not None and said.kind is not Kind.STATEMENT:
        return _begun(wire) if said.kind is Kind.BEGIN else Meant(said.kind)
    meaning = speech.meaning(said.sql)
    if meaning.switches and not wire.sandbox.commits_by_itself(wire.connection):
        with own_calls():  # the server may have to be asked
            if wire.sandbox.in_transaction(wire.connection):
                return Meant(Kind.COMMIT)
    if speech.savepoint_begins and meaning.kind is not Kind.STATEMENT:
        is_open = bool(wire.sandbox.in_transaction(wire.connection))
        return Meant(wire.savepoints.kind_of(meaning.kind, speech.bare(said.sql), is_open=is_open))
    if meaning.kind is Kind.BEGIN and not meaning.opaque:
        return _begun(wire)
    if meaning.kind is not Kind.STATEMENT:
        return Meant(meaning.kind, opaque=meaning.opaque)
    schema = bool(meaning.writes) and speech.changes_schema(said.sql)
    stands_alone = bool(meaning.writes) and alone()
    repeated = stands_alone and said.many and sets_of(said.params) != 1
    commits, opaque = meaning.commits or stands_alone, meaning.opaque or repeated
    return Meant(meaning.kind, meaning.writes, commits, opaque, schema)


def _begun(wire: LiveConnection) -> Meant:
    """A BEGIN, which MariaDB lets commit what is open; PostgreSQL warns, and SQLite refuses."""
    speech = speech_of(wire.engine)
    if not speech.begins_by_committing or speech.savepoint_begins:
        return Meant(Kind.BEGIN)
    with own_calls():  # the server may have to be asked
        return Meant(Kind.BEGIN, autocommit=bool(wire.sandbox.in_transaction(wire.connection)))

"""One power cut in words: what was written and synced, what was answered, what is not there, what comes of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from acidity.core.call import Event
from acidity.core.lane import Move
from acidity.core.life import LifeState, lived
from acidity.prove.crash.judge import Judged, Word, calls_until
from acidity.prove.crash.log import Entry, Kind, Log
from acidity.prove.telling.shorten import shorten

_DISK = "disk"
_WITHOUT_JOURNAL = "no journal is on the disk (journal_mode=MEMORY or OFF), so that nothing takes back a half change"
_DONE = {Kind.SYNC: "synced", Kind.CREATE: "created", Kind.DELETE: "deleted", Kind.TRUNCATE: "cut"}


def file_in_words(name: str) -> str:
    """What a file of the database is."""
    if name.endswith("-journal"):
        return "journal"
    return "write-ahead log" if name.endswith("-wal") else "database file"


def life_at(history: Sequence[Event], log: Log, op: int) -> LifeState:
    """In which state of its life the transaction was when the power went off before this entry."""
    call = calls_until(log.entries, op)
    answered = any(entry.kind is Kind.ANSWER and entry.call == call for entry in log.entries[:op])
    for step in lived(history):
        if step.event.call.index == call and step.state is not None:
            if step.state is LifeState.COMMITTED and not answered:
                return LifeState.PARTIALLY_COMMITTED
            return step.state
    return LifeState.ACTIVE


def missing(judged: Judged) -> list[str]:
    """What was asked for and is not on the disk, or not whole: one sentence for each kind and file."""
    loss = judged.loss
    gone = [item for place, item in enumerate(loss.cut.pending) if not loss.survivors.keeps(place)]
    found = []
    for (file, kind), items in groupby(gone, key=lambda item: (item.entry.file, item.entry.kind)):
        found.append(_missing(kind, file_in_words(file), len(list(items))))
    damage = loss.survivors.damage
    if damage is not None:
        what = file_in_words(loss.cut.pending[damage.item].entry.file)
        found.append(
            {
                "h": f"of a write to the {what} only the beginning is on the disk",
                "t": f"of a write to the {what} only the end is on the disk",
                "z": f"the {what} has grown, and zeros are where the bytes should be",
                "j": f"the {what} has grown, and junk is where the bytes should be",
            }[damage.how]
        )
    return list(dict.fromkeys(found)) or ["everything that was asked for is on the disk"]


def _missing(kind: Kind, what: str, count: int) -> str:
    if kind is Kind.DELETE:
        return f"the {what} was deleted, and its deletion is not on the disk"
    if kind is Kind.CREATE:
        return f"the {what} was created, and its name is not on the disk"
    if kind is Kind.TRUNCATE:
        return f"the {what} was cut, and that is not on the disk"
    one = count == 1
    return f"{count} write{'' if one else 's'} to the {what} {'is' if one else 'are'} not on the disk"


def outcome(judged: Judged) -> str:
    """What SQLite makes of it when it opens the database again."""
    if judged.word is Word.DAMAGED:
        return f"at the next open SQLite finds the database damaged ({judged.recovered.trouble})"
    if judged.word is Word.LOST:
        back = any(name.endswith("-journal") for name in judged.loss.files)
        how = (
            "the journal is still there, and SQLite rolls the transaction back"
            if back
            else "the transaction is not there"
        )
        return f"at the next open {how}"
    if judged.word is Word.HALF:
        return "at the next open a part of the transaction is there"
    return "at the next open one transaction of the operation is there, and the other one never comes"


def reason(judged: Judged, log: Log) -> str:
    """Why such a state can be, in one sentence without a full stop."""
    if judged.word is Word.TORN:
        return "the operation commits its change in several transactions, and the power can go off between two of them"
    loss = judged.loss
    until = log.entries[: loss.cut.op]
    if not any(entry.kind is Kind.SYNC for entry in until):
        return _never_synced(until) if _is_never_synced(log) else _WITHOUT_JOURNAL
    if judged.word is not Word.LOST and not any(_is_of_journal(entry) for entry in log.entries):
        return _WITHOUT_JOURNAL
    gone = [item.entry for place, item in enumerate(loss.cut.pending) if not loss.survivors.keeps(place)]
    if judged.word is Word.LOST and any(_deletes_journal(entry) for entry in gone):
        return (
            "COMMIT is the deletion of the journal, and with synchronous below EXTRA nothing makes a deletion durable"
        )
    if judged.word is Word.LOST:
        files = dict.fromkeys(file_in_words(entry.file) for entry in gone)
        return f"nothing has synced the {' and the '.join(files)} when COMMIT returns"
    return "nothing has synced what would take the change back before the change itself is written"


def _never_synced(entries: Sequence[Entry]) -> str:
    """With synchronous=OFF everything waits until the system writes it, in any order."""
    found = "nothing is synced (synchronous=OFF), so that what was written reaches the disk in any order, or not at all"
    if any(entry.kind is Kind.DELETE and entry.file.endswith("-wal") for entry in entries):
        return f"{found}; the write-ahead log was copied into the database file and deleted all the same"
    return found


def _is_never_synced(log: Log) -> bool:
    return not any(entry.kind is Kind.SYNC for entry in log.entries)


def _is_of_journal(entry: Entry) -> bool:
    return entry.kind is Kind.WRITE and entry.file.endswith(("-journal", "-wal"))


def _deletes_journal(entry: Entry) -> bool:
    return entry.kind is Kind.DELETE and entry.file.endswith("-journal")


def explained(judged: Judged, history: Sequence[Event], log: Log) -> Iterator[str]:
    """The steps to it, one sentence each."""
    op = judged.loss.cut.op
    calls = {event.call.index: event.call for event in history}
    for number, entries in groupby(log.entries[:op], key=lambda entry: entry.call):
        call = calls.get(number)
        head = f"{call.actor}{call.index} {shorten(call.label)}" if call is not None else "before the first call"
        steps = [
            f"{file_in_words(file)} {', '.join(_done(list(some)))}" if file else "answered"
            for file, some in groupby(entries, key=lambda entry: entry.file)
        ]
        yield f"{head}: {'; '.join(steps)}"
    state = life_at(history, log, op)
    yield f"the power goes off; the transaction is {state}"
    yield "; ".join(missing(judged))
    yield outcome(judged)


def moves(judged: Judged, history: Sequence[Event], log: Log) -> tuple[Move, ...]:
    """The same as a picture of the program and the disk, for the last Call that wrote."""
    op = judged.loss.cut.op
    number = calls_until(log.entries, op)
    call = next((event.call for event in history if event.call.index == number), None)
    found: list[Move] = []
    if call is not None:
        found.append(Move(call.actor, shorten(call.label, 50), call.site, "sent"))
    entries = [entry for entry in log.entries[:op] if entry.call == number]
    for (answer, file), some in groupby(entries, key=lambda entry: (entry.kind is Kind.ANSWER, entry.file)):
        if answer and call is not None:
            found.append(Move(call.actor, shorten(call.label, 50), call.site, "acknowledged"))
        elif not answer:
            found.append(Move(_DISK, file_in_words(file), None, ", ".join(_done(list(some)))))
    lost = "; ".join(missing(judged))
    return (*found, Move(_DISK, f"power off ({life_at(history, log, op)})", None, lost))


def _done(entries: Sequence[Entry]) -> list[str]:
    """What was done to one file, writes in a row as one."""
    found = []
    for (kind, directory), some in groupby(entries, key=lambda entry: (entry.kind, entry.directory)):
        several = list(some)
        if kind is Kind.WRITE:
            size = sum(len(entry.data) for entry in several)
            found.append(f"{len(several)} write{'' if len(several) == 1 else 's'} ({size:,} bytes)")
        elif kind is Kind.ANSWER:
            found.append("answered")
        else:
            found.append(f"{_DONE[kind]}{' with its directory' if directory else ''}")
    return found

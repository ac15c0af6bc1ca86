"""Read a saved JSON report back, as data: it says which runs to repeat, and nothing in it is ever imported or run.

A report may come from anybody. What is taken from one is a Schedule, an operation, an engine *by name*, a seed, where
callers are, and settings that concern isolation and durability; each is checked here, and everything else is only
named. The target and all that describes it come from the command line.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from acidity.core.options import SEEDS, Actors
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.report.json import CARD, LEVELS, REPORT, SET
from acidity.report.secret import masked

LARGEST = 64 * 1024 * 1024  # bytes of a file
DEEPEST = 64  # levels of lists and objects
LONGEST = 4096  # characters of a value that is used
MOST = 10_000  # findings of a file
_DIGITS = 30  # of any number; what we write has fewer

HARMLESS = frozenset(
    {
        "acidity.server",
        # SQLite
        "busy_timeout",
        "foreign_keys",
        "journal_mode",
        "locking_mode",
        "read_uncommitted",
        "synchronous",
        "wal_autocheckpoint",
        # PostgreSQL
        "commit_delay",
        "commit_siblings",
        "deadlock_timeout",
        "default_transaction_deferrable",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "fsync",
        "full_page_writes",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "max_prepared_transactions",
        "statement_timeout",
        "synchronous_commit",
        "wal_level",
        "wal_sync_method",
        # MariaDB
        "autocommit",
        "completion_type",
        "innodb_deadlock_detect",
        "innodb_doublewrite",
        "innodb_flush_log_at_trx_commit",
        "innodb_lock_wait_timeout",
        "innodb_rollback_on_timeout",
        "innodb_snapshot_isolation",
        "sync_binlog",
        "transaction_isolation",
        "transaction_read_only",
        "tx_isolation",
        "tx_read_only",
    }
)
"""The settings that a file may choose: they concern isolation and durability, and none of them names a file, a program
or a library."""

_ENGINE = re.compile(r"[a-z][a-z0-9_]{0,39}(\+[a-z][a-z0-9_]{0,39})?", re.ASCII)
_VALUE = re.compile(r"[\w .:+-]{0,64}", re.ASCII)
_LEVEL = re.compile(r"READ (UN)?COMMITTED|REPEATABLE READ|SERIALIZABLE|AUTOCOMMIT")
_COMMAND = ["acidity", "replay"]


@dataclass(frozen=True, slots=True)
class SavedFinding:
    """What a report says about one finding; every value of it was checked.

    Attributes:
        target: how the user named the scenario.
        db: the engine's name.
        operation: the name of the operation, or its number from 1; of several callers their numbers, as in 1,2, or
            empty where they are the first ones.
        schedule: the run that shows it.
        word: how that run ended.
        seed: of every random choice.
        isolation_level: of every transaction; None leaves the engine's default.
        actors: where callers at once are; None leaves the default.
        settings: of the database, as far as a file may choose them, as names and values.
        ignored: what a file may not choose: the names of other settings, and of other options.
    """

    target: str
    db: str
    operation: str
    schedule: str
    word: str
    seed: int
    isolation_level: str | None = None
    actors: Actors | None = None
    settings: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


def read(path: Path) -> str:
    """The text of a saved file.

    Raises:
        UsageError: it cannot be read, or is larger than any report.
    """
    try:
        with path.open("rb") as file:
            whole = file.read(LARGEST + 1)
        if len(whole) > LARGEST:
            raise UsageError(f"cannot read {path}: it is larger than {LARGEST >> 20} MiB, which no report is")
        return whole.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None


def load(text: str) -> list[dict[str, Any]]:
    """Every report of a saved file, a card's letters included, as plain dictionaries.

    Raises:
        UsageError: the text is not one of our reports.
    """
    try:
        whole = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_number)
    except RecursionError:
        raise UsageError("not a saved report: it is nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"not a saved report: it is not JSON ({error})") from None
    if _is_deep(whole):
        raise UsageError("not a saved report: it is nested too deeply")
    try:
        return list(_reports(whole))
    except (TypeError, AttributeError) as error:
        raise UsageError(f"not a whole saved report: {type(error).__name__} {error}") from None


def findings(text: str) -> list[SavedFinding]:
    """Every finding of a saved file, each once, in its order.

    Raises:
        UsageError: the text is not one of our reports, or a value in it is none that we write.
    """
    try:
        found = [_finding(report, finding) for report in load(text) for finding in report["findings"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"not a whole saved report: {type(error).__name__} {error} while reading its findings"
        ) from None
    if len(found) > MOST:
        raise UsageError(f"not a saved report: it holds {len(found)} findings, more than {MOST}")
    return list(dict.fromkeys(found))


def _finding(report: dict[str, Any], finding: dict[str, Any]) -> SavedFinding:
    """One finding; its printed command describes the run more closely than its fields do."""
    printed = _Printed.of(_text(finding, "replay")) if finding.get("replay") else _Printed()
    target, schedule = _text(report, "target"), printed.schedule or _text(finding, "schedule")
    if printed.target not in {"", target}:
        raise ValueError(f"the command is for {printed.target!r} and the report for {target!r}")
    several = len({choice.actor for choice in Schedule.parse(schedule).choices}) > 1
    saved = SavedFinding(
        target=target,
        db=_text(report["engine"], "name"),
        # Of several callers it names all, in words; which of them are not the first few, only the command says.
        operation="" if several else _text(finding, "operation"),
        schedule=schedule,
        word=_text(finding, "word"),
        seed=_whole(report["seed"]),
    )
    return printed.completing(saved)


@dataclass(slots=True)
class _Printed:
    """The words of a printed command; they are read as data, never by the command line."""

    target: str = ""
    schedule: str = ""
    options: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> _Printed:
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if words[:2] != _COMMAND:
            raise UsageError(f"the report's command {text!r} cannot be read")
        printed, given = cls(), []
        rest = iter(words[2:])
        for word in rest:
            if not word.startswith("-"):
                given.append(word)
                continue
            name, equals, value = word.partition("=")
            printed.options.setdefault(name, []).append(value if equals else next(rest, ""))
        if len(given) != 2:
            raise UsageError(f"the report's command {text!r} names no target with one schedule")
        printed.target, printed.schedule = given
        return printed

    def completing(self, saved: SavedFinding) -> SavedFinding:
        """The finding with what the command says of its run."""
        last = {name: values[-1] for name, values in self.options.items()}
        level = last.get("--isolation-level", "").replace("_", " ").replace("-", " ").upper()
        pairs = [value.partition("=")[::2] for value in self.options.get("--setting", ())]
        taken = {name: value for name, value in pairs if name in HARMLESS}
        others = [f"--setting {name}" for name, _ in pairs if name not in HARMLESS]
        others += sorted(self.options.keys() - _TAKEN)
        db = last.get("--db", "sqlite" if self.target else saved.db)
        if "://" in db:
            others, db = [*others, f"--db {masked(db)}"], saved.db
        for value, form, what in (
            (db, _ENGINE, "the name of an engine"),
            *((value, _VALUE, f"a value of {name}") for name, value in taken.items()),
            (level or "SERIALIZABLE", _LEVEL, "an isolation level"),
        ):
            if not form.fullmatch(value):
                raise ValueError(f"{value!r} is not {what}")
        return SavedFinding(
            target=saved.target,
            db=db,
            operation=last.get("--operation", saved.operation),
            schedule=saved.schedule,
            word=saved.word,
            seed=_whole(_integer(last["--seed"])) if "--seed" in last else saved.seed,
            isolation_level=level or None,
            settings=tuple(sorted(taken.items())),
            actors=_actors(last["--actors"]) if "--actors" in last else None,
            ignored=tuple(others),
        )


_TAKEN = {"--actors", "--db", "--isolation-level", "--setting", "--operation", "--seed"}


def _actors(text: str) -> Actors:
    known = next((each for each in get_args(Actors) if each == text), None)
    if known is None:
        raise ValueError(f"{text!r} is not where callers are, which is one of {', '.join(get_args(Actors))}")
    place: Actors = known
    return place


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _number(text: str) -> float:
    """A float of JSON, or one of the words that Python reads beside JSON."""
    number = float(text) if len(text) <= LONGEST else float("inf")
    if number - number != 0.0:
        raise ValueError(f"{text[:_DIGITS]} is not a number of JSON")
    return number


def _whole(value: object) -> int:
    if type(value) is not int or value not in SEEDS:
        raise ValueError(f"{value!r} is not a whole number of at most 64 bits")
    return value


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder[name]
    if not isinstance(value, str):
        raise TypeError(f"{name!r} is no text")
    if len(value) > LONGEST:
        raise ValueError(f"{name!r} has {len(value)} characters, more than {LONGEST}")
    return value


def _is_deep(whole: Any) -> bool:
    """Whether it is nested deeper than anything that we write; found without nesting calls as deep."""
    level = [whole]
    for _ in range(DEEPEST):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return False
    return True


def _parts(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict | list)]


def _reports(whole: Any) -> Iterator[dict[str, Any]]:
    schema = whole.get("schema") if isinstance(whole, dict) else None
    if schema == REPORT:
        yield whole
    elif schema == CARD:
        yield from (letter for letter in whole.get("letters", {}).values() if letter.get("schema") == REPORT)
    elif schema == LEVELS:
        for answer in whole.get("levels", {}).values():
            yield from _reports(answer)
    elif schema == SET:
        for item in whole.get("items", ()):
            yield from _reports(item)
    else:
        raise UsageError(
            f"not a saved report: its schema is {schema!r:.80}; this version reads {REPORT}, {CARD}, {LEVELS} and {SET}"
        )

"""Read a saved JSON report back: as many of its fields as replaying its findings needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from acidity.errors import UsageError
from acidity.report.json import CARD, REPORT, SET


@dataclass(frozen=True, slots=True)
class SavedFinding:
    """What a report says about one finding.

    Attributes:
        target: how the user named the scenario.
        db: the engine's name.
        operation: the name of the operation.
        schedule: the run that shows it.
        word: how that run ended.
        seed: of every random choice.
        replay: the command that replays it, when the report holds one.
    """

    target: str
    db: str
    operation: str
    schedule: str
    word: str
    seed: int
    replay: str


def load(text: str) -> list[dict[str, Any]]:
    """Every report of a saved file, a card's letters included, as plain dictionaries.

    Raises:
        UsageError: the text is not one of our reports.
    """
    try:
        whole = json.loads(text)
    except ValueError as error:
        raise UsageError(f"not a saved report: it is not JSON ({error})") from None
    except RecursionError:
        raise UsageError("not a saved report: it is nested too deeply") from None
    return list(_reports(whole))


def findings(text: str) -> list[SavedFinding]:
    """Every finding of a saved file, each once, in its order.

    Raises:
        UsageError: the text is not one of our reports.
    """
    try:
        found = [
            SavedFinding(
                target=str(report["target"]),
                db=str(report["engine"]["name"]),
                operation=str(finding["operation"]),
                schedule=str(finding["schedule"]),
                word=str(finding["word"]),
                seed=int(report["seed"]),
                replay=str(finding.get("replay", "")),
            )
            for report in load(text)
            for finding in report["findings"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(
            f"not a whole saved report: {type(error).__name__} {error} while reading its findings"
        ) from None
    return list(dict.fromkeys(found))


def _reports(whole: Any) -> Iterator[dict[str, Any]]:
    schema = whole.get("schema") if isinstance(whole, dict) else None
    if schema == REPORT:
        yield whole
    elif schema == CARD:
        yield from (letter for letter in whole.get("letters", {}).values() if letter.get("schema") == REPORT)
    elif schema == SET:
        for item in whole.get("items", ()):
            yield from _reports(item)
    else:
        raise UsageError(f"not a saved report: its schema is {schema!r}; this version reads {REPORT}, {CARD} and {SET}")

"""Settings that might keep what was lost, each tried by running the same check again with it.

They are tried for findings whose cause is that something is not on the disk, the weaker and cheaper ones first, up to
the first with which none of these is left. What a program sets by itself goes before them, so it is set back first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from acidity.core.cause import CauseKind
from acidity.core.finding import Finding, Remedy, Tried
from acidity.core.options import CheckOptions
from acidity.core.scenario import Scenario
from acidity.errors import EngineUnavailable, UsageError
from acidity.prove.crash.seen import Crashed
from acidity.prove.crash.seen import Tried as Seen

Again = Callable[[Scenario, CheckOptions, None, Mapping[str, str]], Crashed]
Settings = Mapping[str, str]
_OF_SERVERS: Mapping[str, Settings] = {
    "postgresql": {"synchronous_commit": "on"},
    "mariadb": {"innodb_flush_log_at_trx_commit": "1"},
}


def candidates(engine: str, settings: Settings) -> Iterator[tuple[str, Settings]]:
    """What to change, in words, and as settings; what is set so already is left out.

    Args:
        engine: its name.
        settings: in force now, by their names in lower case.
    """
    found: list[Settings] = []
    if engine == "sqlite":
        journal = settings.get("journal_mode", "delete").lower()
        if journal in {"delete", "truncate", "persist", "wal"}:
            found.append({"synchronous": "extra" if journal == "delete" else "full"})
        if journal != "wal":
            found.append({"journal_mode": "wal", "synchronous": "full"})
    elif engine in _OF_SERVERS:
        found.append(_OF_SERVERS[engine])
    for each in found:
        if any(settings.get(name, "").lower() != value for name, value in each.items()):
            yield _said(engine, each), each


def _said(engine: str, settings: Settings) -> str:
    if engine == "sqlite":
        return ", ".join(f"PRAGMA {name}={value.upper()}" for name, value in settings.items())
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def try_settings(crashed: Crashed, scenario: Scenario, asked: CheckOptions, again: Again) -> None:
    """Give each finding of lost or half changes what came of the settings that might end it.

    Args:
        crashed: what was seen; its findings get their Remedies.
        scenario: what was run.
        asked: the options.
        again: runs the check once more.
    """
    began = time.monotonic()
    before = [found for part in _parts(crashed) for found in part.findings if _is_meant(found)]
    if not before:
        return
    remedies: list[Remedy] = []
    now = {name.lower(): value for name, value in crashed.engine.settings.items()}
    for name, settings, insist in _changes(crashed, now):
        left = None if asked.budget is None else asked.budget - crashed.elapsed_s - (time.monotonic() - began)
        if left is not None and left <= 0:
            break
        options = replace(asked, settings={**asked.settings, **settings}, remedies=False, budget=left)
        try:
            seen = again(scenario, options, None, insist)
        except (UsageError, EngineUnavailable) as error:  # a trial never costs a finding
            remedies.append(Remedy(name, Tried.NOT_TRIED, 0, note=str(error)))
            continue
        if seen.stopped_by is not None:
            crashed.stop(seen.stopped_by)
            break
        remedy, ended = _judged(name, seen)
        remedies.append(remedy)
        if ended:
            break
    for part in _parts(crashed):
        part.findings = [
            replace(found, remedies=(*found.remedies, *remedies)) if _is_meant(found) else found
            for found in part.findings
        ]


def _changes(crashed: Crashed, now: Settings) -> Iterator[tuple[str, Settings, Settings]]:
    """What to change, in words, as settings, and what is set back where the program sets it."""
    own = crashed.own
    kept = {each.name: each.kept for each in own}
    left_out = " and ".join(each.left_out for each in own)
    if own:
        yield left_out, {}, kept
    for name, settings in candidates(crashed.engine.name, now):
        said = f"{name}, and {left_out}" if own else name
        yield said, settings, {**kept, **{each: settings[each] for each in kept if each in settings}}


def _is_meant(found: Finding) -> bool:
    return found.kind is CauseKind.NOT_DURABLE


def _parts(crashed: Crashed) -> Iterator[Seen]:
    for each in crashed.operations:
        yield from (part for part in (each, each.refusals, each.client) if part is not None)


def _judged(name: str, seen: Crashed) -> tuple[Remedy, bool]:
    """What came of a setting, and whether everything that it is for is gone."""
    runs = sum(part.tried for part in _parts(seen))
    unknowns = [*seen.unknowns, *(why for part in _parts(seen) for why in part.unknowns)]
    left = [found for part in _parts(seen) for found in part.findings if found.severity == "error"]
    if unknowns:
        return Remedy(name, Tried.NOT_TRIED, runs, note=unknowns[0]), False
    if any(map(_is_meant, left)):
        return Remedy(name, Tried.FAILED, runs), False
    if left:
        return Remedy(name, Tried.ENDS_THIS, runs, remain=tuple(sorted({found.code for found in left}))), True
    return Remedy(name, Tried.PASSED, runs), True

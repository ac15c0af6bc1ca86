"""The JSON format, versioned: `acidity.report.saved` reads it back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from acidity.core.call import Event
from acidity.core.finding import Finding, RowChange
from acidity.core.lane import Move
from acidity.core.report import Bound, Card, EngineInfo, LetterState, Report
from acidity.core.step import SeenStep
from acidity.report.rerun import Rerun
from acidity.report.values import described, json_ready

REPORT = "acidity.report/1"
CARD = "acidity.card/1"
REPLAY = "acidity.replay/1"
SET = "acidity.set/1"
Json = dict[str, object]


def render(answers: Sequence[object], *, color: bool = False, width: int = 0) -> str:  # noqa: ARG001 - for people only
    """One answer as itself, several as a set.

    ASCII on purpose: the same bytes whatever the encoding of the terminal, the pipe or the file.
    """
    items = [as_json(answer) for answer in answers]
    whole = items[0] if len(items) == 1 else {"schema": SET, "items": items}
    return json.dumps(json_ready(whole), indent=2, ensure_ascii=True, allow_nan=False)


def as_json(answer: object) -> Json:
    """One answer by its schema.

    Raises:
        TypeError: it is not an answer.
    """
    if isinstance(answer, Report):
        return report_json(answer, verdict=answer.verdict)
    if isinstance(answer, Card):
        return card_json(answer)
    if isinstance(answer, Rerun):
        return rerun_json(answer)
    raise TypeError(f"not an answer of a check: {answer!r}")


def card_json(card: Card) -> Json:
    """A card: every letter has a verdict, those that were checked are whole reports."""
    return {
        "schema": CARD,
        "target": card.target,
        "verdict": card.verdict,
        "engine": _engine(card.engine),
        "letters": {letter: _letter(row) for letter, row in card.letters.items()},
    }


def _letter(row: Report | LetterState) -> Json:
    return report_json(row, verdict=row.letter_state) if isinstance(row, Report) else {"verdict": row}


def report_json(report: Report, *, verdict: str) -> Json:
    """A report; `verdict` is *not stated* for a letter that had nothing to check."""
    return {
        "schema": REPORT,
        "check": report.check,
        "target": report.target,
        "verdict": verdict,
        "engine": _engine(report.engine),
        "runs": report.runs,
        "headline": report.headline,
        "classifier": report.classifier,
        "bounds": [_bound(bound) for bound in report.bounds],
        "unknowns": list(report.unknowns),
        "findings": [_finding(finding) for finding in report.findings],
        "notes": list(report.notes),
        "seed": report.seed,
        "versions": _sorted(report.versions),
        "elapsed_s": round(report.elapsed_s, 3),
    }


def rerun_json(rerun: Rerun) -> Json:
    """One replayed run: what was expected of it, every Call with its Reply, and the rows that differ."""
    run = rerun.run
    return {
        "schema": REPLAY,
        "target": run.target,
        "verdict": run.verdict,
        "engine": _engine(run.engine),
        "operation": run.operation,
        "schedule": str(run.schedule),
        "struck": run.struck,
        "word": run.word,
        "expected": list(rerun.expected),
        "reproduced": rerun.reproduced,
        "told": run.told,
        "rows": run.rows,
        "answer": None if run.ending.answer is None else described(run.ending.answer),
        "exception": run.ending.exception,
        "message": run.ending.message,
        "broken": list(run.broken),
        "unknowns": list(run.unknowns),
        "diff": [_change(change) for change in run.diff],
        "history": [_event(event) for event in run.history],
        "steps": [_step(seen) for seen in run.steps],
        "notes": list(run.notes),
    }


def _step(seen: SeenStep) -> Json:
    step = seen.step
    return {
        "role": step.role,
        "name": step.name,
        "again": seen.again,
        "rows": seen.rows,
        "effects": dict(sorted(step.effects.items())),
        "raised": step.raised,
        "history": [_event(event) for event in step.history],
    }


def _finding(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "anomaly": finding.anomaly,
        "word": finding.word,
        "operation": finding.operation,
        "schedule": str(finding.schedule),
        "sites": [str(site) for site in finding.sites],
        "diff": [_change(change) for change in finding.diff],
        "explanation": list(finding.explanation),
        "remedies": [
            {"name": remedy.name, "verdict": remedy.verdict, "runs": remedy.runs, "note": remedy.note}
            for remedy in finding.remedies
        ],
        "occurrences": finding.occurrences,
        "replay": finding.replay,
        "history": [_event(event) for event in finding.history],
        **({"lanes": [_move(move) for move in finding.lanes]} if finding.lanes else {}),
    }


def _move(move: Move) -> Json:
    return {
        "actor": move.actor,
        "does": move.does,
        "site": None if move.site is None else str(move.site),
        "result": move.result,
        "committed": list(move.committed),
        "blocked": list(move.blocked),
    }


def _change(change: RowChange) -> Json:
    return {
        "text": str(change),
        "table": change.table,
        "key": dict(change.key),
        "before": None if change.before is None else dict(change.before),
        "after": None if change.after is None else dict(change.after),
    }


def _event(event: Event) -> Json:
    call, reply = event.call, event.reply
    return {
        "actor": call.actor,
        "index": call.index,
        "kind": call.kind,
        "sql": call.sql,
        "params": call.params,
        "many": call.many,
        "connection": call.connection,
        "database": call.database,
        "site": None if call.site is None else str(call.site),
        "status": reply.status,
        "error": reply.error,
        "code": reply.code,
        "fault": event.fault,
    }


def _bound(bound: Bound) -> Json:
    return {"name": bound.name, "covered": bound.covered, "total": bound.total, "note": bound.note}


def _engine(engine: EngineInfo) -> Json:
    return {
        "name": engine.name,
        "version": engine.version,
        "driver": engine.driver,
        "settings": _sorted(engine.settings),
    }


def _sorted(mapping: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(mapping.items()))

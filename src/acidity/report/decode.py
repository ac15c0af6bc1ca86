"""Reports and Cards from the JSON that acidity wrote; a text that is anything else is refused."""

from __future__ import annotations

import json as standard
from collections.abc import Mapping
from typing import Any

import msgspec

from acidity.core.call import Call, Event, History, Reply, Site, Writes
from acidity.core.cause import AlsoBroken, Place, Rate, RowFate
from acidity.core.finding import Finding, Remedy, RowChange
from acidity.core.lane import Move
from acidity.core.report import Bound, Card, EngineInfo, ExitReason, LetterState, Levels, Report
from acidity.core.schedule import Schedule
from acidity.core.shown import CallerEnding, ShownRun
from acidity.errors import UsageError
from acidity.report import documents as json
from acidity.report.plain import typed

Cells = tuple[tuple[str, object], ...]


def from_json(text: str) -> list[Report | Card | Levels]:
    """The answers of a JSON text, as they were before they were written.

    Raises:
        UsageError: the text is none of acidity's, or an answer of another kind.
    """
    try:
        document = msgspec.convert(standard.loads(text), json.AnyDocument)
        items = document.items if isinstance(document, json.SetDocument) else (document,)
        return [_answer(item) for item in items]
    except (ValueError, RecursionError) as error:  # of msgspec, json and the types of values
        raise UsageError(f"not a report of acidity: {error}") from None


def _answer(
    item: json.ReportDocument | json.CardDocument | json.LevelsDocument | json.ReplayDocument,
) -> Report | Card | Levels:
    if isinstance(item, json.ReplayDocument):
        raise UsageError("a replayed run is no report; the run is described by its target and schedule")
    if isinstance(item, json.LevelsDocument):
        levels = {level: _report_or_card(each) for level, each in item.levels.items()}
        return Levels(item.target, _engine(item.engine), levels)
    return _report_or_card(item)


def _report_or_card(item: json.ReportDocument | json.CardDocument) -> Report | Card:
    if isinstance(item, json.ReportDocument):
        return _report(item)
    return Card(item.target, _engine(item.engine), {name: _letter(row) for name, row in item.letters.items()})


def _letter(row: json.ReportDocument | json.LetterDocument) -> Report | LetterState:
    return _report(row) if isinstance(row, json.ReportDocument) else row.verdict


def _report(document: json.ReportDocument) -> Report:
    ended = document.ended.upper()
    if ended not in ExitReason.__members__:
        raise ValueError(f"{document.ended!r} is no way to end")
    return Report(
        check=document.check,
        target=document.target,
        engine=_engine(document.engine),
        runs=document.runs,
        bounds=tuple(Bound(each.name, each.covered, each.total, each.note) for each in document.bounds),
        findings=tuple(map(_finding, document.findings)),
        unknowns=document.unknowns,
        headline=document.headline,
        classifier=document.classifier,
        counts=document.counts,
        notes=document.notes,
        not_covered=document.not_covered,
        ended=ExitReason[ended],
        own_levels=document.own_levels,
        shown=None if document.shown is None else _shown(document.shown),
        expected=document.expected,
        stated=document.stated,
        seed=document.seed,
        versions=document.versions,
        elapsed_s=document.elapsed_s,
    )


def _shown(document: json.ShownDocument) -> ShownRun:
    return ShownRun(
        schedule=Schedule.parse(document.schedule),
        lanes=tuple(map(_move, document.lanes)),
        endings=tuple(
            CallerEnding(each.actor, each.operation, each.answer, each.exception, each.message)
            for each in document.endings
        ),
        diff=tuple(map(_change, document.diff)),
        history=_history(document.history),
    )


def _engine(document: json.EngineDocument) -> EngineInfo:
    return EngineInfo(document.name, document.version, document.driver, document.settings)


def _finding(document: json.FindingDocument) -> Finding:
    return Finding(
        code=document.code,
        severity=document.severity,
        title=document.title,
        word=document.word,
        operation=document.operation,
        schedule=Schedule.parse(document.schedule),
        sites=tuple(map(_site, document.lines)),
        diff=tuple(map(_change, document.diff)),
        explanation=document.explanation,
        remedies=tuple(map(_remedy, document.remedies)),
        occurrences=document.occurrences,
        history=_history(document.history),
        anomaly=document.anomaly,
        replay=document.replay,
        kind=document.kind,
        cause=document.cause,
        also=tuple(AlsoBroken(also.code, also.name, also.severity) for also in document.also),
        permanent=_place(document.permanent),
        broke=_place(document.broke),
        rows=tuple(map(_fate, document.rows)),
        see=document.see,
        rate=None if document.rate is None else Rate(document.rate.runs, document.rate.of),
        mode=document.mode,
        lanes=tuple(map(_move, document.lanes)),
        wrong=document.wrong,
    )


def _move(document: json.MoveDocument) -> Move:
    site = None if document.site is None else _site(document.site)
    return Move(document.actor, document.does, site, document.result, document.committed, document.blocked)


def _remedy(document: json.RemedyDocument) -> Remedy:
    return Remedy(
        name=document.name,
        verdict=document.verdict,
        runs=document.runs,
        note=document.note,
        key=document.key,
        remain=document.remain,
        by_caller=document.by_caller,
    )


def _site(document: json.SiteDocument | json.PlaceDocument) -> Site:
    return Site(document.file, document.line, document.function, document.source)


def _place(document: json.PlaceDocument | None) -> Place | None:
    return None if document is None else Place(_site(document), tuple(map(_site, document.path)))


def _change(document: json.ChangeDocument) -> RowChange:
    types = document.types
    return RowChange(
        table=document.table,
        key=_cells(document.key, types, "/key") or (),
        before=_cells(document.before, types, "/before"),
        after=_cells(document.after, types, "/after"),
    )


def _fate(document: json.FateDocument) -> RowFate:
    types = document.types
    return RowFate(
        table=document.table,
        key=_cells(document.key, types, "/key") or (),
        before=_cells(document.before, types, "/before"),
        now=_cells(document.now, types, "/now"),
        should=tuple(_cells(cells, types, f"/should/{number}") for number, cells in enumerate(document.should)),
    )


def _cells(cells: dict[str, Any] | None, types: Mapping[str, str], path: str) -> Cells | None:
    return None if cells is None else tuple(typed(cells, types, path).items())


def _history(documents: tuple[json.EventDocument, ...]) -> History:
    return tuple(map(_event, documents))


def _event(document: json.EventDocument) -> Event:
    call = Call(
        actor=document.actor,
        index=document.index,
        kind=document.kind,
        sql=document.sql,
        params=typed(document.params, document.types, "/params"),
        site=None if document.line is None else _site(document.line),
        many=document.many,
        defaulted=frozenset(document.defaulted),
        connection=document.connection,
        autocommit=document.autocommit,
        database=document.database,
        writes=Writes(document.writes),
        opaque=document.opaque,
        path=tuple(map(_site, document.path)),
        decided=None if document.decided is None else _site(document.decided),
        schema=document.changes_schema,
    )
    rows = typed(document.rows, document.types, "/rows")
    reply = Reply(document.status, document.error, document.code, rows, document.rowcount)
    return Event(call, reply, document.fault)

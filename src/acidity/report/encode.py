"""Values of a Report as the documents of the JSON format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acidity.core.call import Event, History, Site
from acidity.core.cause import Place, RowFate
from acidity.core.finding import Finding, Remedy, RowChange
from acidity.core.lane import Move
from acidity.core.life import lived
from acidity.core.report import Bound, Card, EngineInfo, LetterState, Levels, Report
from acidity.core.shown import ShownRun
from acidity.core.step import SeenStep
from acidity.report import documents as json
from acidity.report.plain import Types, plain
from acidity.report.rerun import Rerun
from acidity.report.values import described

Cells = tuple[tuple[str, object], ...]


def document_of(
    answer: object,
) -> json.ReportDocument | json.CardDocument | json.LevelsDocument | json.ReplayDocument:
    """One answer.

    Raises:
        TypeError: it is not an answer.
    """
    if isinstance(answer, Report):
        return report_document(answer, verdict=answer.verdict)
    if isinstance(answer, Card):
        return _card(answer)
    if isinstance(answer, Levels):
        return _levels(answer)
    if isinstance(answer, Rerun):
        return _replay(answer)
    raise TypeError(f"not an answer of a check: {answer!r}")


def report_document(report: Report, *, verdict: Any) -> json.ReportDocument:
    """A report; `verdict` is *not stated* for a letter that had nothing to check."""
    return json.ReportDocument(
        check=report.check,
        target=report.target,
        verdict=verdict,
        engine=_engine(report.engine),
        runs=report.runs,
        headline=report.headline,
        classifier=report.classifier,
        counts=dict(report.counts),
        bounds=tuple(map(_bound, report.bounds)),
        unknowns=report.unknowns,
        findings=tuple(map(_finding, report.findings)),
        notes=report.notes,
        not_covered=report.not_covered,
        ended=report.ended.name.lower(),
        own_levels=report.own_levels,
        shown=None if report.shown is None else _shown(report.shown),
        expected=report.expected,
        reproduced=report.reproduced,
        stated=report.stated,
        seed=report.seed,
        versions=_sorted(report.versions),
        elapsed_s=round(report.elapsed_s, 3),
    )


def _shown(run: ShownRun) -> json.ShownDocument:
    return json.ShownDocument(
        schedule=str(run.schedule),
        lanes=tuple(map(_move, run.lanes)),
        endings=tuple(
            json.CallerDocument(
                actor=each.actor,
                operation=each.operation,
                answer=each.answer,
                exception=each.exception,
                message=each.message,
            )
            for each in run.endings
        ),
        diff=tuple(map(_change, run.diff)),
        history=_history(run.history),
    )


def _card(card: Card) -> json.CardDocument:
    return json.CardDocument(
        target=card.target,
        verdict=card.verdict,
        engine=_engine(card.engine),
        letters={letter: _letter(row) for letter, row in card.letters.items()},
    )


def _levels(levels: Levels) -> json.LevelsDocument:
    return json.LevelsDocument(
        target=levels.target,
        verdict=levels.verdict,
        engine=_engine(levels.engine),
        weakest=levels.weakest,
        levels={
            level: _card(answer) if isinstance(answer, Card) else report_document(answer, verdict=answer.verdict)
            for level, answer in levels.levels.items()
        },
    )


def _letter(row: Report | LetterState) -> json.ReportDocument | json.LetterDocument:
    if isinstance(row, Report):
        return report_document(row, verdict=row.letter_state)
    return json.LetterDocument(verdict=row)


def _replay(rerun: Rerun) -> json.ReplayDocument:
    run = rerun.run
    return json.ReplayDocument(
        target=run.target,
        verdict=run.verdict,
        engine=_engine(run.engine),
        operation=run.operation,
        schedule=str(run.schedule),
        struck=run.struck,
        word=run.word,
        expected=rerun.expected,
        reproduced=rerun.reproduced,
        told=run.told,
        rows=run.rows,
        answer=None if run.ending.answer is None else described(run.ending.answer),
        exception=run.ending.exception,
        message=run.ending.message,
        broken=run.broken,
        unknowns=run.unknowns,
        diff=tuple(map(_change, run.diff)),
        history=_history(run.history),
        steps=tuple(map(_step, run.steps)),
        notes=run.notes,
    )


def _step(seen: SeenStep) -> json.StepDocument:
    step = seen.step
    return json.StepDocument(
        role=step.role,
        name=step.name,
        again=seen.again,
        rows=seen.rows,
        effects=dict(sorted(step.effects.items())),
        raised=step.raised,
        history=_history(step.history),
    )


def _finding(finding: Finding) -> json.FindingDocument:
    return json.FindingDocument(
        code=finding.code,
        severity=finding.severity,
        title=finding.title,
        anomaly=finding.anomaly,
        word=finding.word,
        operation=finding.operation,
        schedule=str(finding.schedule),
        sites=tuple(map(str, finding.sites)),
        lines=_sites(finding.sites),
        diff=tuple(map(_change, finding.diff)),
        explanation=finding.explanation,
        remedies=tuple(map(_remedy, finding.remedies)),
        occurrences=finding.occurrences,
        replay=finding.replay,
        history=_history(finding.history),
        kind=finding.kind,
        cause=finding.cause,
        also=tuple(json.AlsoDocument(code=also.code, name=also.name, severity=also.severity) for also in finding.also),
        path=_sites(finding.path),
        permanent=_place(finding.permanent),
        broke=_place(finding.broke),
        rows=tuple(map(_fate, finding.rows)),
        see=finding.see,
        rate=None if finding.rate is None else json.RateDocument(runs=finding.rate.runs, of=finding.rate.of),
        mode=finding.mode,
        lanes=tuple(map(_move, finding.lanes)),
        wrong=finding.wrong,
    )


def _move(move: Move) -> json.MoveDocument:
    return json.MoveDocument(
        actor=move.actor,
        does=move.does,
        site=None if move.site is None else _site(move.site),
        result=move.result,
        committed=move.committed,
        blocked=move.blocked,
    )


def _remedy(remedy: Remedy) -> json.RemedyDocument:
    return json.RemedyDocument(
        name=remedy.name,
        verdict=remedy.verdict,
        runs=remedy.runs,
        note=remedy.note,
        key=remedy.key,
        result=remedy.result,
        remain=remedy.remain,
        by_caller=remedy.by_caller,
    )


def _site(site: Site) -> json.SiteDocument:
    return json.SiteDocument(file=site.file, line=site.line, function=site.function, source=site.source)


def _sites(sites: Iterable[Site]) -> tuple[json.SiteDocument, ...]:
    return tuple(map(_site, sites))


def _place(place: Place | None) -> json.PlaceDocument | None:
    if place is None:
        return None
    site = place.site
    return json.PlaceDocument(
        file=site.file, line=site.line, function=site.function, source=site.source, path=_sites(place.path)
    )


def _change(change: RowChange) -> json.ChangeDocument:
    types: Types = {}
    return json.ChangeDocument(
        text=str(change),
        table=change.table,
        key=_cells(change.key, types, "/key") or {},
        before=_cells(change.before, types, "/before"),
        after=_cells(change.after, types, "/after"),
        types=types,
    )


def _fate(fate: RowFate) -> json.FateDocument:
    types: Types = {}
    return json.FateDocument(
        table=fate.table,
        key=_cells(fate.key, types, "/key") or {},
        before=_cells(fate.before, types, "/before"),
        now=_cells(fate.now, types, "/now"),
        should=tuple(_cells(cells, types, f"/should/{number}") for number, cells in enumerate(fate.should)),
        types=types,
    )


def _cells(cells: Cells | None, types: Types, path: str) -> dict[str, Any] | None:
    if cells is None:
        return None
    whole: dict[str, Any] = plain(dict(cells), types, path)
    return whole


def _history(history: History) -> tuple[json.EventDocument, ...]:
    return tuple(_event(each.event, each.state) for each in lived(history))


def _event(event: Event, state: Any) -> json.EventDocument:
    call, reply = event.call, event.reply
    types: Types = {}
    return json.EventDocument(
        actor=call.actor,
        index=call.index,
        kind=call.kind,
        sql=call.sql,
        params=plain(call.params, types, "/params"),
        many=call.many,
        connection=call.connection,
        database=call.database,
        site=None if call.site is None else str(call.site),
        line=None if call.site is None else _site(call.site),
        path=_sites(call.path),
        decided=None if call.decided is None else _site(call.decided),
        defaulted=tuple(sorted(call.defaulted)),
        autocommit=call.autocommit,
        writes=int(call.writes),
        opaque=call.opaque,
        changes_schema=call.schema,
        status=reply.status,
        state=state,
        error=reply.error,
        code=reply.code,
        rows=_rows(reply.rows, types),
        rowcount=reply.rowcount,
        fault=event.fault,
        types=types,
    )


def _rows(rows: Sequence[Any] | None, types: Types) -> Any:
    return None if rows is None else plain(rows, types, "/rows")


def _bound(bound: Bound) -> json.BoundDocument:
    return json.BoundDocument(name=bound.name, covered=bound.covered, total=bound.total, note=bound.note)


def _engine(engine: EngineInfo) -> json.EngineDocument:
    return json.EngineDocument(
        name=engine.name, version=engine.version, driver=engine.driver, settings=_sorted(engine.settings)
    )


def _sorted(mapping: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(mapping.items()))

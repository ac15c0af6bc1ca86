"""The JSON documents, field by field: what is written is one of these, and the published JSON Schema is made of them.

A field that is said to be *derived* is there for readers; nothing is read back from it.
"""
# ruff: noqa: D101 - the fields are those of the values of the same name in core, where they are described

from __future__ import annotations

from typing import Any, Literal

import msgspec

from acidity.core.call import Kind
from acidity.core.cause import CauseKind
from acidity.core.finding import Tried
from acidity.core.life import LifeState

REPORT = "acidity.report/1"
CARD = "acidity.card/1"
LETTER = "acidity.letter/1"
LEVELS = "acidity.levels/1"
REPLAY = "acidity.replay/1"
SET = "acidity.set/1"

Verdict = Literal["pass", "fail", "unknown"]
State = Literal["not stated", "not asked", "not built"]
Cells = dict[str, Any]
Types = dict[str, str]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a JSON document."""


class EngineDocument(Document, frozen=True, kw_only=True):
    name: str
    version: str
    driver: str
    settings: dict[str, str]


class BoundDocument(Document, frozen=True, kw_only=True):
    name: str
    covered: int
    total: int | None
    note: str


class SiteDocument(Document, frozen=True, kw_only=True):
    file: str
    line: int
    function: str
    source: str


class PlaceDocument(Document, frozen=True, kw_only=True):
    """A line of user code and the way to it, the innermost first."""

    file: str
    line: int
    function: str
    source: str
    path: tuple[SiteDocument, ...]


class ChangeDocument(Document, frozen=True, kw_only=True):
    """A row that differs from the rows before; `text` is derived.

    `types` says which values are of a type that JSON lacks: a path such as ``/before/price`` → its name.
    """

    text: str
    table: str
    key: Cells
    before: Cells | None
    after: Cells | None
    types: Types


class FateDocument(Document, frozen=True, kw_only=True):
    """A row as it is beside what it should have been; the first of `should` fits what the caller was told."""

    table: str
    key: Cells
    before: Cells | None
    now: Cells | None
    should: tuple[Cells | None, ...]
    types: Types


class EventDocument(Document, frozen=True, kw_only=True):
    """A Call with its Reply; `site` and `state` are derived."""

    actor: str
    index: int
    kind: Kind
    sql: str
    params: Any
    many: bool
    connection: int
    database: str
    site: str | None
    line: SiteDocument | None
    path: tuple[SiteDocument, ...]
    decided: SiteDocument | None
    defaulted: tuple[str, ...]
    autocommit: bool
    writes: int
    opaque: bool
    changes_schema: bool
    status: Literal["ok", "error", "unknown"]
    state: LifeState | None
    error: str
    code: str
    rows: Any
    rowcount: int | None
    fault: str
    types: Types


class AlsoDocument(Document, frozen=True, kw_only=True):
    code: str
    name: str
    severity: Literal["error", "warning"]


class RateDocument(Document, frozen=True, kw_only=True):
    runs: int
    of: int


class RemedyDocument(Document, frozen=True, kw_only=True):
    """A change that was tried; `result` is derived."""

    name: str
    verdict: Tried
    runs: int
    note: str
    key: str
    result: str
    remain: tuple[str, ...]
    by_caller: bool


class MoveDocument(Document, frozen=True, kw_only=True):
    """What one of several callers did."""

    actor: str
    does: str
    site: SiteDocument | None
    result: str
    committed: tuple[str, ...]
    blocked: tuple[str, ...]


class FindingDocument(Document, frozen=True, kw_only=True):
    """One cause of something wrong; `sites` and `path` are derived, from `lines` and `permanent`."""

    code: str
    severity: Literal["error", "warning"]
    title: str
    anomaly: str
    word: str
    operation: str
    schedule: str
    sites: tuple[str, ...]
    lines: tuple[SiteDocument, ...]
    diff: tuple[ChangeDocument, ...]
    explanation: tuple[str, ...]
    remedies: tuple[RemedyDocument, ...]
    occurrences: int
    replay: str
    history: tuple[EventDocument, ...]
    kind: CauseKind
    cause: str
    also: tuple[AlsoDocument, ...]
    path: tuple[SiteDocument, ...]
    permanent: PlaceDocument | None
    broke: PlaceDocument | None
    rows: tuple[FateDocument, ...]
    see: tuple[str, ...]
    rate: RateDocument | None
    mode: Literal["real", "simulated"] | None
    lanes: tuple[MoveDocument, ...] = ()
    wrong: str = ""


class CallerDocument(Document, frozen=True, kw_only=True):
    """What one of several callers was told."""

    actor: str
    operation: str
    answer: str | None
    exception: str
    message: str


class ShownDocument(Document, frozen=True, kw_only=True):
    """A run of several callers, whatever it came to."""

    schedule: str
    lanes: tuple[MoveDocument, ...]
    endings: tuple[CallerDocument, ...]
    diff: tuple[ChangeDocument, ...]
    history: tuple[EventDocument, ...]


class ReportDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=REPORT):
    """One check on one target and engine; `verdict` and `reproduced` are derived.

    `shown`, `expected` and `reproduced` are there where one schedule was run again.
    """

    check: str
    target: str
    verdict: Verdict | State
    engine: EngineDocument
    runs: int
    headline: str
    classifier: str
    counts: dict[str, int]
    bounds: tuple[BoundDocument, ...]
    unknowns: tuple[str, ...]
    findings: tuple[FindingDocument, ...]
    notes: tuple[str, ...]
    not_covered: tuple[str, ...]
    ended: str
    own_levels: tuple[str, ...] = ()
    shown: ShownDocument | None = None
    expected: tuple[str, ...] = ()
    reproduced: bool | None = None
    stated: bool
    seed: int
    versions: dict[str, str]
    elapsed_s: float


class LetterDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=LETTER):
    """A letter that was not checked."""

    verdict: State


class CardDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=CARD):
    """The letters of one target on one engine; `verdict` is derived."""

    target: str
    verdict: Verdict
    engine: EngineDocument
    letters: dict[str, ReportDocument | LetterDocument]


class LevelsDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=LEVELS):
    """One target on one engine at each isolation level, the weakest first; `verdict` and `weakest` are derived."""

    target: str
    verdict: Verdict
    engine: EngineDocument
    weakest: str | None
    levels: dict[str, ReportDocument | CardDocument]


class StepDocument(Document, frozen=True, kw_only=True):
    role: Literal["recover", "settle"]
    name: str
    again: bool
    rows: str
    effects: dict[str, int]
    raised: str
    history: tuple[EventDocument, ...]


class ReplayDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=REPLAY):
    """One run that was made again."""

    target: str
    verdict: Verdict
    engine: EngineDocument
    operation: str
    schedule: str
    struck: bool
    word: str
    expected: tuple[str, ...]
    reproduced: bool | None
    told: str
    rows: str
    answer: str | None
    exception: str
    message: str
    broken: tuple[str, ...]
    unknowns: tuple[str, ...]
    diff: tuple[ChangeDocument, ...]
    history: tuple[EventDocument, ...]
    steps: tuple[StepDocument, ...]
    notes: tuple[str, ...]


class SetDocument(Document, frozen=True, kw_only=True, tag_field="schema", tag=SET):
    """Several answers, one for each target and engine."""

    items: tuple[ReportDocument | CardDocument | LevelsDocument | ReplayDocument, ...]


AnyDocument = ReportDocument | CardDocument | LevelsDocument | ReplayDocument | SetDocument

"""The JSON format, versioned: `documents` has its fields, `decode` reads it back."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from acidity.core.report import Detail, Report
from acidity.report.documents import CARD, LEVELS, REPLAY, REPORT, SET, AnyDocument, Document, SetDocument
from acidity.report.encode import document_of, report_document
from acidity.report.values import json_ready

__all__ = ["CARD", "LEVELS", "REPLAY", "REPORT", "SET", "as_json", "render", "report_json", "schema"]

Json = dict[str, object]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(
    answers: Sequence[object],
    *,
    color: bool = False,  # noqa: ARG001 - for people only, as the next two
    width: int = 0,  # noqa: ARG001
    detail: Detail = Detail.ALL,  # noqa: ARG001
) -> str:
    """One answer as itself, several as a set.

    ASCII on purpose: the same bytes whatever the encoding of the terminal, the pipe or the file.
    """
    items = tuple(map(document_of, answers))
    whole = _builtins(items[0] if len(items) == 1 else SetDocument(items=items))
    return json.dumps(whole, indent=2, ensure_ascii=True, allow_nan=False)


def as_json(answer: object) -> Json:
    """One answer by its schema.

    Raises:
        TypeError: it is not an answer.
    """
    return _builtins(document_of(answer))


def report_json(report: Report, *, verdict: str) -> Json:
    """A report; `verdict` is *not stated* for a letter that had nothing to check."""
    return _builtins(report_document(report, verdict=verdict))


def schema() -> Json:
    """The JSON Schema of what `render` writes, the same by every release of msgspec."""
    whole: Json = _settled(msgspec.json.schema(AnyDocument))
    return {"$schema": _DIALECT, "title": "What acidity answers with"} | whole


def _settled(part: Any) -> Any:
    """A schema in one of the ways in which releases of msgspec write it.

    They differ in whether a docstring keeps its margin, and in where null stands among the types of a field.
    """
    if isinstance(part, list):
        return [_settled(one) for one in sorted(part, key=lambda one: one == {"type": "null"})]
    if isinstance(part, dict):
        return {
            name: inspect.cleandoc(held) if name == "description" and isinstance(held, str) else _settled(held)
            for name, held in part.items()
        }
    return part


def _builtins(document: Document) -> Json:
    """The document in dicts and lists, without passwords."""
    whole = json_ready(msgspec.to_builtins(document))
    assert isinstance(whole, dict), "a document is an object"
    return whole

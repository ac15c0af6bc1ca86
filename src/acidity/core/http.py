"""A request to a web application, and its answer, as plain values: the unit of work of `Operation.asgi` and `.wsgi`."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote, unquote_to_bytes, urlencode, urlsplit

from acidity.errors import UsageError

_SAFE = "/%:@!$&'()*+,;=~-._"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent to the application.

    Attributes:
        protocol: how the application is called.
        method: in capitals.
        target: path and query, percent-encoded.
        headers: names in lower case.
        body: the bytes after the headers.
    """

    protocol: Literal["asgi", "wsgi"]
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        """The path as it is sent."""
        return self.target.partition("?")[0]

    @property
    def path(self) -> bytes:
        """The path that the application sees."""
        return unquote_to_bytes(self.raw_path)

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the client of the application was told.

    Attributes:
        status: the status code, as it was first sent.
        headers: names in lower case; of several with one name, the last.
        body: JSON as plain values, other text as text, everything else as bytes.
        raised: what left the application although the status was already sent.
    """

    status: int
    headers: Mapping[str, str]
    body: Any = None
    raised: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the status says that all went well."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def refused(self) -> bool:
        """Whether the status says that the request was at fault."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR


def spoken(status: int) -> str:
    """``201 Created``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def make_request(
    protocol: Literal["asgi", "wsgi"],
    method: str,
    path: str,
    *,
    json: Any,
    data: Any,
    params: Any,
    headers: Mapping[str, str] | None,
) -> HttpRequest:
    """The request that these arguments describe.

    Raises:
        UsageError: they describe none.
    """
    if not path.startswith("/") or urlsplit(path).fragment:
        raise UsageError(f"a request needs a path such as '/transfer', not {path!r}")
    if json is not None and data is not None:
        raise UsageError("a request has one body: give json= or data=, not both")
    sent = {"host": "localhost", "accept": "*/*", "user-agent": "acidity"}
    body, kind = _body(json, data)
    if kind:
        sent["content-type"] = kind
    if body or method.upper() in {"POST", "PUT", "PATCH"}:
        sent["content-length"] = str(len(body))
    sent.update({name.lower(): str(value) for name, value in (headers or {}).items()})
    raw_path, _, query = path.partition("?")
    query = "&".join(part for part in (query, urlencode(params or (), doseq=True)) if part)
    target = quote(raw_path, safe=_SAFE) + (f"?{query}" if query else "")
    return HttpRequest(protocol, method.upper(), target, tuple(sent.items()), body)


def _body(json: Any, data: Any) -> tuple[bytes, str]:
    if json is not None:
        try:
            return json_text.dumps(json).encode(), "application/json"
        except TypeError as error:
            raise UsageError(f"json= cannot be sent: {error}; write numbers and dates as the client would") from None
    if data is None:
        return b"", ""
    if isinstance(data, bytes):
        return data, ""
    if isinstance(data, str):
        return data.encode(), ""
    return urlencode(data, doseq=True).encode(), _FORM


def make_answer(status: int, headers: list[tuple[str, str]], body: bytes, raised: BaseException | None) -> HttpAnswer:
    """The answer that these bytes are."""
    named = {name.lower(): value for name, value in headers}
    text = f"{type(raised).__name__}: {raised}" if raised is not None else ""
    return HttpAnswer(status, named, _read(body, named.get("content-type", "")), text)


def _read(body: bytes, kind: str) -> Any:
    if not body:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    if "json" not in kind:
        return text
    try:
        return json_text.loads(text)
    except ValueError:
        return text

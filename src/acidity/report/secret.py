"""Keep passwords and terminal control characters out of everything that is printed."""

from __future__ import annotations

import re
import unicodedata

# A password may hold an @ itself: the one that ends it has no other behind it in the same authority.
_IN_AUTHORITY = re.compile(r"(://[^\s:/@]*):(?:\S*?|[^/@\n]{0,99}?)@(?=[^\s/?#@]*(?:[/?#\s]|$))")
_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|sslpassword)=)[^&\s'\"]+", re.IGNORECASE)
# libpq's own form, host=db password='x y'; in other texts, such as SQL, a column may have that name.
_NAMES = r"(?:password|passwd|pwd|sslpassword)"
_CONNECTS = re.compile(r"\b(?:host|hostaddr|dbname|service|server|database)['\"]?\s*[=:]", re.IGNORECASE)
_PLACEHOLDER = r"(?!(?:\?|%s|%\(\w+\)s|:\w+|\$\d+)(?:[\s,;)]|$))"
_BY_NAME = re.compile(
    rf"(\b{_NAMES}\s*=\s*|['\"]{_NAMES}['\"]\s*:\s*){_PLACEHOLDER}"
    r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?:\\.|[^\s'\"])+)",
    re.IGNORECASE | re.DOTALL,
)
_IN_ENVIRONMENT = re.compile(r"(\b(?:PGPASSWORD|MYSQL_PWD|MARIADB_PASSWORD|MYSQL_PASSWORD)\s*=\s*)\S+")
_WRITES_BACKWARDS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def masked(text: str) -> str:
    """The text with the password of every URL and of every connection string in it replaced.

    >>> masked("postgresql://ann:s3@cret@db/app?password=x")
    'postgresql://ann:***@db/app?password=***'
    >>> masked("host=db user=ann password='s3 cret'")
    'host=db user=ann password=***'
    """
    if "://" in text:
        text = _IN_QUERY.sub(r"\1***", _IN_AUTHORITY.sub(r"\1:***@", text))
    if _CONNECTS.search(text):
        text = _BY_NAME.sub(r"\1***", text)
    return _IN_ENVIRONMENT.sub(r"\1***", text) if "PASSWORD" in text or "_PWD" in text else text


def safe(text: str) -> str:
    """A message for a terminal: no password in it, and nothing that moves the cursor; its lines stay lines."""
    return "\n".join(printable(line) for line in masked(text).split("\n"))


def printable(text: str) -> str:
    r"""The text with control characters written out: a row's value must not move the cursor or change colours.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(_written_out(letter) if _is_control(letter) else letter for letter in text)


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cs"} or letter in _WRITES_BACKWARDS


def _written_out(letter: str) -> str:
    return _SHORT_ESCAPES.get(letter) or letter.encode("unicode_escape").decode("ascii")

"""What ``--args`` says: Python literals, a few types of the standard library, and the user's own by import path."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from inspect import isclass
from typing import Any
from uuid import UUID

from acidity.cli.lookup import first_line, import_user_module, look_up
from acidity.errors import UsageError

_CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    maker.__name__: maker for maker in (Decimal, date, datetime, time, timedelta, UUID)
}
_OPENING, _CLOSING = frozenset("{["), frozenset("}]")


def arguments(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read ``--args``: literals, Decimal, date, datetime, time, timedelta, UUID, and names with their import path.

    ``app.models:Money('5.00')`` makes one of a class, ``app.models:State.PAID`` is the value of that name; a dot may
    stand for the colon.

    >>> arguments("1, 'ann', Decimal('50.00'), late=True")
    ((1, 'ann', Decimal('50.00')), {'late': True})

    Raises:
        UsageError: the text is anything else, or a name leads to nothing.
    """
    try:
        tree = ast.parse(f"f({_with_dots(text)}\n)", mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise TypeError("more than a list of arguments")  # noqa: TRY301 - one message for all
        return _read(tree)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, tokenize.TokenError) as error:
        why = str(error.args[0]) if isinstance(error, tokenize.TokenError) else first_line(error)
        raise UsageError(
            f"--args {text!r} cannot be read ({why}); "
            "write Python values, as in \"1, 2, Decimal('50.00'), late=True, app.models:Money(5)\""
        ) from None


def _with_dots(text: str) -> str:
    """The text with the colon of each import path replaced, so that it is Python; a colon of a dict stays."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    lines, depth = text.splitlines(keepends=True), 0
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += (before.string in _OPENING) - (before.string in _CLOSING)
        touching = before.end == token.start and token.end == after.start
        if token.string == ":" and depth == 0 and touching and before.type == after.type == tokenize.NAME:
            row, column = token.start
            lines[row - 1] = f"{lines[row - 1][:column]}.{lines[row - 1][column + 1 :]}"
    return "".join(lines)


def _read(call: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    keywords = {item.arg: _value(item.value) for item in call.keywords if item.arg}
    if len(keywords) != len(call.keywords):
        raise ValueError("** is not allowed")
    return tuple(map(_value, call.args)), keywords


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return _made(node.func, *_read(node))
    if isinstance(node, ast.Attribute):
        return _imported(ast.unparse(node))
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(map(_value, node.elts))
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    return ast.literal_eval(node)


def _made(node: ast.expr, positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """One of a class.

    Raises:
        TypeError: it is not called by an import path, or is no class.
        UsageError: the class does not take these arguments.
    """
    name = ast.unparse(node)
    if name in _CONSTRUCTORS:
        return _CONSTRUCTORS[name](*positional, **keywords)
    if not isinstance(node, ast.Attribute):
        raise TypeError(f"{name} is called; give a class its import path, as in app.models:Money")
    found = _imported(name)
    if not isclass(found):
        raise TypeError(f"{name} is no class; only classes are called")
    try:
        return found(*positional, **keywords)
    except Exception as error:
        raise UsageError(f"--args: {name}(…) raised {type(error).__name__}: {first_line(error)}") from None


def _imported(path: str) -> Any:
    """What a dotted path stands for: the longest module of it, and then its attributes.

    Raises:
        ValueError: it is no path.
        UsageError: there is no such thing, or importing it failed.
    """
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        raise ValueError(f"{path} is no import path")
    module = max(_modules(parts), key=len, default=parts[0])
    return look_up(f"{module}:{path.removeprefix(module)[1:]}" if module != path else path, asked_by="--args")


def _modules(parts: list[str]) -> Iterator[str]:
    """The beginnings of the path that are modules."""
    for end in range(1, len(parts)):
        name = ".".join(parts[:end])
        if end > 1:
            module = import_user_module(".".join(parts[: end - 1]), asked_by="--args")
            if not hasattr(module, "__path__") or find_spec(name) is None:
                return
        yield name

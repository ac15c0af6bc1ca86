"""Which tests run when: the default ones in three minutes, the slow ones in CI's second step, the large ones by hand.

Nothing is left out: a cell that is too dear for the default tier is marked `slow`. By default pairs are covered, not
products: a program runs on one engine (marker `one_engine`), or on SQLite and one server (`one_server`), with a few
faults that differ in what they do; the other engines, and every fault there is, are slow. Which engine that is hangs on
the name of the test alone, so it is the same on each machine, and the tests are spread evenly.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import pytest

SERVERS = ("postgresql", "mariadb")
ENGINES = ("sqlite", *SERVERS)
_EITHER = "|".join(SERVERS)
_SERVER = re.compile(rf"({_EITHER})(\+(?!{_EITHER})\w+)?")  # a server, and a driver of it
_ENGINE = re.compile(rf"({'|'.join(ENGINES)})(\+(?!{_EITHER})\w+)?")

# The faults of a default drill, one for each thing that can happen: a statement is refused, or its result is lost, a COMMIT is refused and
# either ends the transaction or leaves it open, it is applied without an answer, an effect took place without one.
FEW = ("error-before", "error-after", "commit-refused", "commit-left-open", "answer-lost", "effect-after")

# The parameter of a test that is marked `few_or_all`: faults by name, or None for every one and every remedy.
FEW_OR_ALL = [pytest.param(FEW, id="few"), pytest.param(None, id="all", marks=pytest.mark.slow)]


def server_of(name: str) -> str:
    """The server on which what has this name runs by default."""
    return SERVERS[crc32(_SERVER.sub("", name).encode()) % len(SERVERS)]


def is_on_the_other_server(nodeid: str) -> bool:
    """Whether a test marked `one_server` is the cell of a pair that is slow; one that names both servers is not."""
    named = {found[1] for found in _SERVER.finditer(nodeid.partition("[")[2])}
    return len(named) == 1 and named != {server_of(nodeid)}


def on_other_engines(nodeids: Iterable[str]) -> Iterator[str]:
    """Of the cells of tests marked `one_engine` those that are slow: all that differ in the engine alone, but one."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for nodeid in nodeids:
        alike[_ENGINE.sub("", nodeid)].append(nodeid)
    for name, cells in alike.items():
        chosen = sorted(cells)[crc32(name.encode()) % len(cells)]
        yield from (cell for cell in cells if cell != chosen)


def mostly_slow(*quick: Any, of: Iterable[Any] = ENGINES) -> list[Any]:
    """Parameters: all of them, but those that are not named only in the slow tier."""
    return [each if each in quick else pytest.param(each, marks=pytest.mark.slow) for each in of]

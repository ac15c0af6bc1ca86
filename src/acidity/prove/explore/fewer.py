"""A finding of three or four callers, told of as few of them as show it.

What two of them do to each other is found among three, too, in longer schedules and with somebody in them who has
nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from acidity.core.finding import Finding
from acidity.prove.explore.callers import Callers

_LEAST = 2


def of_fewest(
    findings: Sequence[Finding], callers: Callers, explore: Callable[[Callers], Sequence[Finding]]
) -> Iterator[Finding]:
    """Each finding, as the fewest callers show it that have one of the same name.

    Args:
        findings: of all callers.
        callers: the positions of their operations.
        explore: runs some of them together, and says what it finds.

    Returns:
        As many findings, or fewer where several of them are one.
    """
    left = list(findings)
    told: list[Finding] = []
    for some in _subsets(callers) if any(finding.severity == "error" for finding in findings) else ():
        if not left:
            break
        for finding in explore(some):
            same = [each for each in left if _is_the_same(each, finding)]
            if same:
                told.append(finding)
                left = [each for each in left if each not in same]
    yield from (*told, *left)


def _subsets(callers: Callers) -> Iterator[Callers]:
    """Two of them, then three of them; the same operations once."""
    for size in range(_LEAST, len(callers)):
        yield from dict.fromkeys(combinations(callers, size))


def _is_the_same(finding: Finding, other: Finding) -> bool:
    """What has no name is the same only in the same lines, and if the same is wrong."""
    if (finding.code, finding.anomaly) != (other.code, other.anomaly):
        return False
    return bool(finding.anomaly) or (finding.wrong == other.wrong and bool(set(finding.sites) & set(other.sites)))

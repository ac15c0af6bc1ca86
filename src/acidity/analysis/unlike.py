"""Why clean runs cannot be made alike by any mask, in words: `other_values`, `other_rows`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from acidity.analysis.texts import Column
from acidity.analysis.values import encode


def listed(columns: Iterable[Column]) -> str:
    """Columns and paths by their whole names, sorted."""
    return ", ".join(f"{table}.{column}" for table, column in sorted(columns))


def other_values(wrong: Mapping[Column, Sequence[Sequence[object]]]) -> str:
    """What is said of columns that have other values in each run; nothing explains them.

    Args:
        wrong: column or path → values, run by run.
    """
    examples = []
    for column, cells in sorted(wrong.items()):
        other = next(run for run in cells[1:] if _counted(run) != _counted(cells[0]))
        one, two = _only_in(cells[0], other), _only_in(other, cells[0])
        examples.append(f"{listed([column])} ({one} after one run, {two} after another)")
    return (
        f"clean runs of the same operation write different values: {', '.join(examples)}; if that does not matter, "
        f"write ignore={[f'{table}.{column}' for table, column in sorted(wrong)]}"
    )


def other_rows(changes: Sequence[Mapping[Column, Sequence[object]]], ignored: Collection[Column]) -> str:
    """What is said where each new value is explained, and the rows are not the same.

    Args:
        changes: column → new values, for each run.
        ignored: columns that are not compared.
    """
    columns = {column for run in changes for column, cells in run.items() if cells} - {*ignored}
    often = {column: [len(run.get(column, ())) for run in changes] for column in sorted(columns)}
    odd = [
        f"{listed([column])} ({counts[0]} after one run, {next(each for each in counts if each != counts[0])} after "
        "another)"
        for column, counts in often.items()
        if len(set(counts)) > 1
    ]
    if odd:
        return f"clean runs of the same operation write different numbers of new values: {', '.join(odd)}"
    return f"clean runs of the same operation give the same values but combine them differently: {listed(columns)}"


def _counted(values: Sequence[object]) -> Counter[bytes]:
    return Counter(map(encode, values))


def _only_in(values: Sequence[object], others: Sequence[object]) -> str:
    rest = _counted(values) - _counted(others)
    found = [repr(value) for value in values if encode(value) in rest]
    return min(found) if found else "no change"

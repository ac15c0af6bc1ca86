"""Changes that are tried at the seam before they are recommended: one file each, cheapest first."""

from __future__ import annotations

from acidity.core.registry import Registry
from acidity.prove.remedies.base import RemedyTrial

_HERE = "acidity.prove.remedies"

REMEDIES: Registry[RemedyTrial] = Registry(
    "remedies",
    {
        "roll-back-after-failed-commit": f"{_HERE}.roll_back:TRIAL",
        "one-commit": f"{_HERE}.one_commit:TRIAL",
    },
)

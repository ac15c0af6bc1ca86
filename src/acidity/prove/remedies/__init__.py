"""Changes that are tried at the seam before they are recommended: one file each, cheapest first."""

from __future__ import annotations

from acidity.core.registry import Registry
from acidity.prove.remedies.base import RemedyTrial

_HERE = "acidity.prove.remedies"

REMEDIES: Registry[RemedyTrial] = Registry(
    "remedies",
    {
        "roll-back-after-failed-commit": f"{_HERE}.roll_back:TRIAL",
        "roll-back-on-error": f"{_HERE}.roll_back_on_error:TRIAL",
        "savepoint-per-row": f"{_HERE}.savepoint_per_row:TRIAL",
        "commit": f"{_HERE}.commit:TRIAL",
        "begin": f"{_HERE}.begin:TRIAL",
        "effect-after-commit": f"{_HERE}.effect_after_commit:TRIAL",
        "one-commit": f"{_HERE}.one_commit:TRIAL",
    },
)

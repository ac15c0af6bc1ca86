"""``python -m tests.quality.published.drill TARGET DB``: one call of `prove.drill`, its report as one line of JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from acidity import prove


def main(target: str, db: str) -> None:
    module, _, name = target.partition(":")
    report = prove.drill(getattr(import_module(module), name), db=db, target=target)
    told = {
        "verdict": report.verdict,
        "words": sorted({word for finding in report.findings for word in finding.errors}),
        "notes": report.notes,
        "unknowns": report.unknowns,
        "text": str(report),
    }
    sys.stdout.write(f"\n{json.dumps(told)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python -m tests.quality.published_together.explored NAME DB RUNS``: one `prove.explore`, as a line of JSON."""

from __future__ import annotations

import json
import sys

from acidity import prove
from tests.quality.published_together import scenarios


def main(name: str, db: str, runs: str) -> None:
    level = None if db.startswith("sqlite") else "READ COMMITTED"
    scenario = getattr(scenarios, name)()
    report = prove.explore(scenario, db=db, isolation_level=level, runs_max=int(runs) or None, target=name)
    told = {
        "verdict": report.verdict,
        "anomalies": [finding.anomaly for finding in report.findings],
        "schedules": [str(finding.schedule) for finding in report.findings],
        "text": str(report),
    }
    sys.stdout.write(f"\n{json.dumps(told)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

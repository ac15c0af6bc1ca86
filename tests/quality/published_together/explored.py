"""``python -m tests.quality.published_together.explored NAME DB RUNS``: one `prove.explore`, as a line of JSON.

Each finding is played once more by a script of plain driver calls, and `unlike` says where that comes to something else.
"""

from __future__ import annotations

import json
import sys

from acidity import prove
from acidity.core.finding import Finding
from acidity.prove import Scenario
from tests.quality.driver_scripts import of_finding, place
from tests.quality.published_together import scenarios


def main(name: str, db: str, runs: str) -> None:
    level = None if db.startswith("sqlite") else "READ COMMITTED"
    scenario = getattr(scenarios, name)()
    report = prove.explore(scenario, db=db, isolation_level=level, runs_max=int(runs) or None, target=name)
    told = {
        "verdict": report.verdict,
        "anomalies": [finding.anomaly for finding in report.findings],
        "schedules": [str(finding.schedule) for finding in report.findings],
        "unlike": [said for finding in report.findings for said in unlike(scenario, db, level or "", finding)],
        "text": str(report),
    }
    sys.stdout.write(f"\n{json.dumps(told)}\n")


def unlike(scenario: Scenario, db: str, level: str, finding: Finding) -> list[str]:
    """Where a script that is written from the schedule of a finding comes to something else than it says."""
    with place(scenario, db, level) as there:
        return of_finding(finding, there)


if __name__ == "__main__":
    main(*sys.argv[1:])

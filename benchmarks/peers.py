"""Runs and time of acidity and of frontrun on the same programs, all interleavings, one after the other by turns.

``python -m benchmarks.peers [--rounds N] [PROGRAM …]`` with the extra ``peers``. Each verdict is made in a process of
its own, frontrun's under its command, and timed in it from the call to its answer, when everything is imported and a
first verdict of a guarded UPDATE has warmed it up; medians of the rounds. Schedules are of callers at once; acidity's
serial runs, each order twice, come on top and are in its time. CPU is of the process, without servers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.peer_programs import PROGRAMS, ROW, TABLE, Dsn, Program, balance, guarded, put_back

SECONDS = 120.0  # after which either tool may give up


def of_acidity(program: Program) -> dict[str, Any]:
    """Verdict, schedules and seconds of `prove.explore`."""
    from acidity import prove
    from acidity.prove import Operation, Scenario

    def create(connection: Any) -> None:
        connection.exec_driver_sql(TABLE)

    def setup(session: Any) -> None:
        session.connection().exec_driver_sql(ROW)

    def explored(function: Any, callers: int) -> Any:
        operations = [Operation(function, inject="dsn") for _ in range(callers)]
        return prove.explore(Scenario(*operations, schema=create, setup=setup), db=program.db, budget=SECONDS)

    explored(guarded, 2)
    began, used = time.perf_counter(), time.process_time()
    report = explored(program.function, program.callers)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    serial = next(bound.covered for bound in report.bounds if bound.name == "serial runs")
    names = ", ".join(finding.anomaly for finding in report.findings)
    return {
        "verdict": report.verdict,
        "name": names,
        "runs": report.runs,
        "serial": serial,
        "seconds": seconds,
        "cpu": cpu,
    }


def of_frontrun(program: Program, dsn: Dsn) -> dict[str, Any]:
    """The same of its explorer, without limit of preemptions."""
    import frontrun

    def explored(function: Any, callers: int) -> Any:
        return frontrun.explore(
            setup=lambda: put_back(dsn),
            workers=lambda _: function(dsn),
            count=callers,
            invariant=lambda _: balance(dsn) == callers,
            stop_on_first=False,
            preemption_bound=None,
            total_timeout=SECONDS,
            reproduce_on_failure=0,
        )

    explored(guarded, 2)
    began, used = time.perf_counter(), time.process_time()
    result = explored(program.function, program.callers)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    verdict = {True: "pass", False: "fail", None: "unknown"}[result.property_holds]
    name = str(result.sql_anomaly or result.inconclusive_reason or "")
    return {"verdict": verdict, "name": name, "runs": result.num_explored, "seconds": seconds, "cpu": cpu}


def answer(tool: str, name: str, dsn: Dsn) -> dict[str, Any]:
    """What one tool says of a program, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.peers", "--tool", tool, "--dsn", json.dumps(dsn), name]
    if tool == "frontrun":
        command.insert(0, str(Path(sys.executable).parent / "frontrun"))
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=1.5 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"verdict": "no answer", "name": "", "runs": None, "seconds": 1.5 * SECONDS}
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if not lines:
        said = ended.stderr.strip().splitlines() or ["nothing"]
        return {"verdict": "error", "name": said[-1][:120], "runs": None, "seconds": float("nan")}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def dsn_of(program: Program, folder: str) -> tuple[Dsn, Any]:
    """A database for the other tool, on the server that acidity has."""
    from acidity.engines import new_sandbox

    if program.db == "sqlite":
        import sqlite3

        path = f"{folder}/peer.db"
        with sqlite3.connect(path) as connection:
            connection.execute(TABLE)
            connection.execute(ROW)
        connection.close()
        return path, None
    sandbox = new_sandbox(program.db, {})

    def create(engine: Any) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(TABLE)

    sandbox.create(create, lambda session: session.connection().exec_driver_sql(ROW))
    return sandbox.dsn(), sandbox


def compare(name: str, rounds: int) -> None:
    """A line for each tool."""
    with tempfile.TemporaryDirectory() as folder:
        dsn, sandbox = dsn_of(PROGRAMS[name], folder)
        told: dict[str, list[dict[str, Any]]] = {"acidity": [], "frontrun": []}
        try:
            for _ in range(rounds):
                for tool, answers in told.items():
                    answers.append(answer(tool, name, dsn))
        finally:
            if sandbox is not None:
                sandbox.close()
    for tool, answers in told.items():
        verdicts = ", ".join(sorted({each["verdict"] for each in answers}))
        runs = [each["runs"] for each in answers if each["runs"] is not None]
        serial = answers[0].get("serial", 0)
        seconds = statistics.median(each["seconds"] for each in answers)
        cpu = statistics.median(each.get("cpu", float("nan")) for each in answers)
        names = ", ".join(sorted({each["name"] for each in answers} - {""}))
        spread = f"{statistics.median(runs):.0f} ({min(runs)}-{max(runs)})" if runs else "-"
        beside = f"+ {serial} serial" if serial else ""
        print(
            f"{name:34} {tool:9} {verdicts:10} {spread:>16} {beside:>11} {seconds:9.3f} s {cpu:7.3f} CPU  {names[:60]}",
            flush=True,
        )


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", nargs="*", default=list(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tool", default="")
    parser.add_argument("--dsn", default="null")
    asked = parser.parse_args()
    if asked.tool:
        program, dsn = PROGRAMS[asked.programs[0]], json.loads(asked.dsn)
        print(json.dumps(of_acidity(program) if asked.tool == "acidity" else of_frontrun(program, dsn)))
        return
    print(f"load {os.getloadavg()[0]:.1f}")
    for name in asked.programs:
        compare(name, asked.rounds)


if __name__ == "__main__":
    main()

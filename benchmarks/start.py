"""CPU seconds of `acidity --help`, and wall seconds to the first verdict on every engine."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from benchmarks.ledger import load

REPEATS = 7


def run(*arguments: str) -> tuple[float, float]:
    """CPU and wall seconds of one acidity command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "acidity", *arguments], check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began


if __name__ == "__main__":
    helps = [run("--help")[0] for _ in range(REPEATS)]
    print(f"acidity --help: median {statistics.median(helps):.3f} s CPU, {load()}")
    for engine in ("sqlite", "postgresql", "mariadb"):
        walls = [run("drill", "examples.budget:transfer", "--db", engine)[1] for _ in range(3)]
        print(f"first verdict on {engine}: median {statistics.median(walls):.2f} s wall, server started and stopped")

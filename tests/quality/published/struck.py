"""``python -m tests.quality.published.struck TARGET DB AT``: how one run ended, as one line of JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from acidity import prove
from acidity.core.call import Kind
from acidity.prove import Scenario

COMMIT = "…"


def struck(scenario: Scenario, db: str, at: str) -> dict[str, str]:
    """What the caller was told, and where the rows are.

    Args:
        scenario: with one operation.
        db: the engine.
        at: a Schedule; in it, ``…`` stands for the number of the last COMMIT of a run without fault.
    """
    if COMMIT in at:
        clean = prove.replay(scenario, "ac1:", db=db)
        commits = [event.call.index for event in clean.history if event.call.kind is Kind.COMMIT]
        at = at.replace(COMMIT, str(commits[-1]))
    run = prove.replay(scenario, at, db=db)
    assert run.struck or at == "ac1:", run
    return {"told": str(run.told), "rows": str(run.rows), "word": run.word, "exception": run.ending.exception}


def main(target: str, db: str, at: str) -> None:
    module, _, name = target.partition(":")
    sys.stdout.write(f"\n{json.dumps(struck(getattr(import_module(module), name), db, at))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

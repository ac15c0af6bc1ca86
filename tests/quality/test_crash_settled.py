"""Letter D on servers: the rows before a run are on the disk before its first Call, and nothing is killed meanwhile."""

from __future__ import annotations

import os

import pytest

from acidity.adapters.seam import PassThrough
from acidity.engines.hosted import HostedSandbox
from acidity.prove import Operation
from acidity.prove.crash.killed import OWN_SERVER
from acidity.prove.crash.kills import client_under_way, under_way
from acidity.prove.crash.settled import Settled
from acidity.prove.drill.striker import Strike, struck_run
from acidity.prove.faults.base import Fault
from acidity.prove.stage.stage import Stage
from tests.engines.bank import bank, move
from tests.tiers import SERVERS


@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize(
    ("fault", "asked"), [(client_under_way(60), b""), (under_way(0), b"!")], ids=["client", "server"]
)
def test_who_is_killed_at_the_first_call_is_not_asking(
    db: str, fault: Fault, asked: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that is killed before it has read the answer of the server leaves it to its parent, for another one."""
    ours, theirs = os.pipe()
    flush = HostedSandbox.flush

    def told(sandbox: HostedSandbox) -> None:
        os.write(theirs, b"!")
        flush(sandbox)

    monkeypatch.setattr(HostedSandbox, "flush", told)
    operation = Operation(move, commit=True)
    with Stage(bank(operation), db, OWN_SERVER[db]) as stage:
        (part,) = stage.parts.values()
        assert isinstance(part, HostedSandbox)
        struck_run(stage, operation, Strike(fault, 1), Settled(part, inner=PassThrough()))
    os.close(theirs)
    assert os.read(ours, 9) == asked
    os.close(ours)

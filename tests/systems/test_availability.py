"""What is acknowledged is there when the server is up again, not while it is down; and no setting outlives its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.availability import lost, main, stopped
from tests.systems.manifest import ROOT
from tests.tiers import SERVERS

BEFORE, AFTER = (5000, 2000), (4500, 2500)


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_a_stopped_server_is_durable_and_not_available(db: str) -> None:
    assert [found for _, found in stopped(db)] == [BEFORE, AFTER, "not available: nobody can connect", AFTER]


def test_a_lost_disk_is_brought_back_by_a_backup_up_to_then_and_by_a_replica_whole(tmp_path: Path) -> None:
    found = dict(lost(tmp_path))
    assert (found["a backup is made"], found["COMMIT is answered"]) == (BEFORE, AFTER)
    assert str(found["the disk is lost"]).startswith("gone")
    assert found["what the backup brings back"] == BEFORE, "the acknowledged transfer is not in it"
    assert found["what the replica brings back"] == AFTER


def test_it_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lost"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines][-3:] == [
        "the disk is lost",
        "what the backup brings back",
        "what the replica brings back",
    ]
    assert lines[-1].endswith("A ₹4,500  B ₹2,500")
    page = (ROOT / "docs" / "crash.md").read_text(encoding="utf-8")
    assert "\n".join(lines[1:]) in page
    with pytest.raises(SystemExit) as wrong:
        main(["burned"])
    assert wrong.value.code == 2

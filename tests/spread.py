"""How the tests are spread over the workers of ``-n``: file by file, so that what a file makes once is made once.

Slow tests are spread by their parameters: a file of them would keep one worker busy long after the others have ended.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Their tests read one drill of each place, whose title is the first parameter.
BY_PLACE = ("tests/quality/test_fault_cells.py", "tests/quality/test_fault_table.py")


class ByFile(LoadScopeScheduling):
    """Gives a worker a whole file at a time, the files with most tests first."""

    @property
    def _is_slow(self) -> bool:
        return "slow" in str(self.config.option.markexpr)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if (file in BY_PLACE or self._is_slow) and nodeid.endswith("]"):
            return ("" if file in BY_PLACE else file) + nodeid.partition("[")[2]
        return file

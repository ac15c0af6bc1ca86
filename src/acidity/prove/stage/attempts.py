"""How often a caller calls its operation, as ``retry=`` says."""

from __future__ import annotations

from dataclasses import replace

from acidity.core.outcome import Ending
from acidity.core.retry import Retry
from acidity.engines.codes import RETRYABLE, codes_of


class Attempts:
    """The attempts of one caller in one run.

    Args:
        retry: when it tries again; None for never.
    """

    def __init__(self, retry: Retry | None) -> None:
        self._retry = retry
        self._made = 0
        self._turned_away = False

    def failed(self, error: BaseException) -> None:
        """This left the operation."""
        retry = self._retry
        if retry is None:
            return
        codes = RETRYABLE if retry.codes is None else retry.codes
        self._turned_away = isinstance(error, retry.exceptions) or not codes.isdisjoint(codes_of(error))

    @property
    def goes_on(self) -> bool:
        """Whether it calls again; asked once after each attempt."""
        self._made += 1
        if self._retry is None or not self._turned_away or self._made >= self._retry.max_attempts:
            return False
        self._turned_away = False
        return True

    def last(self, ending: Ending) -> Ending:
        """How the last attempt ended, and whether there would have been another one."""
        return replace(ending, gave_up=True) if self._turned_away else ending

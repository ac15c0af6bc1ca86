"""Which line of the user's is told of a Call: of a helper that is handed its SQL, the line that handed it over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from acidity.core.call import Call, Kind, Site
from acidity.core.cause import Place


class Lines:
    """The lines of the Calls of one run.

    Args:
        calls: all of them.
    """

    def __init__(self, calls: Iterable[Call]) -> None:
        self._texts: defaultdict[Site, set[str]] = defaultdict(set)
        for call in calls:
            if call.kind is Kind.STATEMENT:
                for site in call.path:
                    self._texts[site].add(call.sql)

    def of(self, call: Call) -> Site | None:
        """The innermost; if several statements come from it, the first on the way to it that only this comes from."""
        if call.kind is not Kind.STATEMENT or len(self._texts[call.site or _NOWHERE]) < 2:
            return call.site
        return next((site for site in call.path if len(self._texts[site]) == 1), call.site)

    def place(self, call: Call) -> Place | None:
        """That line, with the way to it."""
        site = self.of(call)
        return None if site is None else Place(site, call.path or (site,))

    def where(self, call: Call) -> str:
        """It in brackets, to be put behind something; nothing where it is not known."""
        site = self.of(call)
        return "" if site is None else f" ({site})"


_NOWHERE = Site("", 0)

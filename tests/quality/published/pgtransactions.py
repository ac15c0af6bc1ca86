"""django-pgtransaction: ``@pgtransaction.atomic(isolation_level=…, retry=…)``."""

from __future__ import annotations

import pgtransaction

from acidity.prove import Operation, Scenario
from tests.quality.published.django_books import Entry, on
from tests.quality.published.tables import Base


@pgtransaction.atomic(isolation_level=pgtransaction.SERIALIZABLE, retry=3)
def write() -> None:
    Entry.objects.create(text="one")
    Entry.objects.create(text="two")


def run(url: str) -> None:
    on(url, write)


retried = Scenario(Operation(run), metadata=Base.metadata)

"""django-subatomic: ``@transaction`` around a function whose parts ask for it with ``@transaction_required``."""

from __future__ import annotations

from django_subatomic.db import transaction, transaction_required

from acidity.prove import Operation, Scenario
from tests.quality.published.django_books import Entry, on
from tests.quality.published.tables import Base


@transaction_required
def note(text: str) -> None:
    Entry.objects.create(text=text)


@transaction()
def write() -> None:
    note("one")
    note("two")


def run(url: str) -> None:
    on(url, write)


whole = Scenario(Operation(run), metadata=Base.metadata)

"""What the uses of Django packages have in common: settings, a model of the table, a database that is told by URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import django
from django.conf import settings
from django.db import connections, models
from sqlalchemy import make_url

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "books"}}, USE_TZ=True)
django.setup()


class Entry(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "books"
        db_table = "entries"

    def __str__(self) -> str:
        return self.text


def on(url: str, write: Callable[[], None]) -> None:
    """Run it as one request of a fresh process: on a connection of its own, which is closed at the end."""
    where = make_url(url)
    connections.settings["default"].update(
        NAME=where.database, USER=where.username, PASSWORD=where.password, HOST=where.host, PORT=where.port
    )
    if hasattr(connections._connections, "default"):
        del connections["default"]
    with closing(connections["default"]):
        write()

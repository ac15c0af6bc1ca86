"""What is to be proved: an account, its mail and its log entry; a file, and the row that tells of it.

What runs after each operation is `deliver`, as it does anyway. Mails and removals are effects, which are once under
their key; a file that is written before its row is not counted, since nobody knows it until the row is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from acidity.prove import Effect, Operation, Scenario
from examples.command import RefusedError
from examples.signup import app, outside
from examples.signup.models import StoredFile, User, everything

RAHUL, PRIYA = "rahul@email.com", "priya@email.com"
PHOTO, REPORT = "photo", "report"
EFFECTS = (
    Effect(outside.send_mail, key=lambda address, subject: (address, subject)),
    Effect(outside.remove_file, key=lambda place: place),
    Effect(outside.write_file, counted=False),
)


def seed(session: Session) -> None:
    """Priya has an account, and a photo."""
    session.add(User(email=PRIYA, name="Priya"))
    session.flush()
    session.add(StoredFile(key=PHOTO, owner=PRIYA, place=PHOTO, size=3))


def deliver_all() -> None:
    """The relay, until nothing is left."""
    while app.deliver(backoff_s=0):
        pass


def asked(function: Callable[..., Any], *arguments: Any, raises: Any = (), **more: Any) -> Scenario:
    """A scenario of one call."""
    options: dict[str, Any] = {
        "metadata": everything(),
        "setup": seed,
        "bind": "examples.signup.app:engine",
        "effects": EFFECTS,
        "settle": deliver_all,
        "ignore": ["acidity_outbox.*", "acidity_marker.*", "acidity_outbox_key.*"],
    }
    return Scenario(Operation(function, *arguments, raises=raises), **options | more)


signed_up = asked(app.sign_up, RAHUL, "Rahul")
signed_up_already = asked(app.sign_up, PRIYA, "Priya", raises=RefusedError)
stored = asked(app.store, REPORT, PRIYA, "…")
stored_for_nobody = asked(app.store, REPORT, RAHUL, "…", raises=RefusedError)
removed = asked(app.remove, PHOTO)
removed_nothing = asked(app.remove, REPORT, raises=RefusedError)

"""What acidity is asked about each twin: the rules of the shipped site, on the same rows."""

from __future__ import annotations

from typing import Any

from examples.signup import twins
from examples.signup.models import Base
from examples.signup.scenarios import PHOTO, PRIYA, RAHUL, REPORT, asked

TWINS: dict[str, Any] = {
    "bind": "examples.signup.twins:engine",
    "metadata": Base.metadata,
    "settle": None,
    "ignore": (),
}

mail_inside = asked(twins.sign_up_and_mail_at_once, RAHUL, "Rahul", **TWINS)
second_commit = asked(twins.store_with_a_second_commit, REPORT, PRIYA, "…", **TWINS)
file_first = asked(twins.remove_the_file_first, PHOTO, **TWINS)

"""What errors say is the same in every run: what a server numbers anew has numbers from 1, and stays who it was."""

from __future__ import annotations

import pytest

from acidity.engines.codes import steady_text


class OfAServer(Exception):
    """As a driver of PostgreSQL raises it."""

    def __init__(self, said: str, sqlstate: str) -> None:
        super().__init__(said)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (
            ("deadlock detected\nDETAIL:  Process 20932 waits for ShareLock on transaction 1827; blocked by process 21072.\n"
            "Process 21072 waits for ShareLock on transaction 1825; blocked by process 20932.\n"
            'CONTEXT:  while updating tuple (0,2) in relation "accounts"'),
            "40P01",
            ("deadlock detected\nDETAIL:  Process 1 waits for ShareLock on transaction 1; blocked by process 2.\n"
            "Process 2 waits for ShareLock on transaction 2; blocked by process 1.\n"
            'CONTEXT:  while updating tuple 1 in relation "accounts"'),
        ),
        ("Canceled on conflict out to pivot 182703, during read.", "40001", "Canceled on conflict out to pivot 1, during read."),
        ("process 7 is not yours", "P0001", "process 7 is not yours"),  # the program's own words
        ("`acidity_5e8bff94_32270_1646387_07b6f8b9`.`entries`", "23503", "`acidity`.`entries`"),
    ],
)  # fmt: skip
def test_what_an_error_says(said: str, code: str, told: str) -> None:
    assert steady_text(OfAServer(said, code)) == told

"""What an airline says to its passengers; the same for every way to book."""

from __future__ import annotations

from examples.command import RefusedError

LETTERS = "ABCDEF"
LONGEST_NAME = 40


class SeatTakenError(RefusedError):
    """Somebody else has the seat."""

    def __init__(self) -> None:
        super().__init__("seat not available")


def check_passenger(passenger: str) -> None:
    """Refuse what is no name.

    Raises:
        RefusedError: it is empty, longer than the column, or has something in it that nobody can read.
    """
    if not passenger or passenger != passenger.strip() or len(passenger) > LONGEST_NAME or not passenger.isprintable():
        raise RefusedError(f"the name of a passenger has 1 to {LONGEST_NAME} letters, and no space around them")


def no_such_seat(flight: str, number: str) -> RefusedError:
    """What is said of a seat that no flight has."""
    return RefusedError(f"there is no seat {number} on {flight}")

"""What a client sends, checked in the same way whichever framework hears it; and what it is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

KEY_MAX, PIECES_MAX = 64, 10_000
Code = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9-]{1,10}$")]
Card = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9-]{1,40}$")]


class Purchase(BaseModel):
    """The body of a request to buy pieces of a product."""

    model_config = ConfigDict(extra="forbid")

    product: Code
    quantity: Annotated[StrictInt, Field(ge=1, le=PIECES_MAX)]
    card: Card


class Sold(BaseModel):
    """Paid, and here is the order."""

    order: str
    total: str


class Undecided(BaseModel):
    """The payment is pending."""

    intent: str
    status: Literal["pending"]


class Refusal(BaseModel):
    """Nothing is sold, and why: in a sentence, or what is wrong with each part of the request."""

    detail: str | list[str]


def wrong(errors: Iterable[Any]) -> list[str]:
    """What is wrong with each part of a request.

    Args:
        errors: as pydantic gives them.
    """
    return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors]

"""What a client sends, checked in the same way whichever framework hears it."""

from __future__ import annotations

from typing import Annotated

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

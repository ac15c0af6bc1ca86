"""The checkout on FastAPI: HTTP in, HTTP out, and nothing else."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse

from examples.checkout_api import app as shop
from examples.checkout_api.request import KEY_MAX, Purchase

app = FastAPI(title="Checkout")


@app.post("/checkouts", status_code=201)
def make_checkout(
    purchase: Purchase, idempotency_key: Annotated[str, Header(min_length=1, max_length=KEY_MAX)]
) -> JSONResponse:
    """Buy pieces of a product."""
    answer = shop.check_out(idempotency_key, purchase)
    return JSONResponse(answer.body, answer.status)

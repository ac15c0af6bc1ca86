"""The checkout on FastAPI: HTTP in, HTTP out, and nothing else."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from examples.checkout_api import app as shop
from examples.checkout_api.request import KEY_MAX, Purchase, Refusal, Sold, Undecided, wrong

ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "The body cannot be read."},
    202: {"model": Undecided, "description": "It is not known yet whether the card was charged."},
    402: {"model": Refusal, "description": "The payment failed, and nothing was charged."},
    404: {"model": Refusal, "description": "There is no such product."},
    409: {"model": Refusal, "description": "Too few pieces are left, or the request with this key is in progress."},
    422: {"model": Refusal, "description": "The key was used for another request, or the request is malformed."},
    503: {"model": Refusal, "description": "The database failed, and nothing was charged."},
}
app = FastAPI(title="Checkout", version="1")


@app.post("/checkouts", status_code=201, response_model=Sold, responses=ANSWERS)
def make_checkout(
    purchase: Purchase, idempotency_key: Annotated[str, Header(min_length=1, max_length=KEY_MAX)]
) -> JSONResponse:
    """Buy pieces of a product."""
    answer = shop.check_out(idempotency_key, purchase)
    return JSONResponse(answer.body, answer.status)


@app.exception_handler(RequestValidationError)
def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
    """Say it as the Flask application does."""
    return JSONResponse({"detail": wrong(error.errors())}, 422)

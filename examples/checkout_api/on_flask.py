"""The checkout on Flask: HTTP in, HTTP out, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from pydantic import ValidationError

from examples.checkout_api import app as shop
from examples.checkout_api.request import KEY_MAX, Purchase, wrong

app = Flask(__name__)


@app.post("/checkouts")
def make_checkout() -> tuple[dict[str, Any], int]:
    """Buy pieces of a product."""
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= KEY_MAX:
        return {"detail": f"the header Idempotency-Key has 1 to {KEY_MAX} characters"}, 422
    try:
        purchase = Purchase.model_validate_json(request.get_data())
    except ValidationError as error:
        return {"detail": wrong(error.errors())}, 422
    answer = shop.check_out(key, purchase)
    return answer.body, answer.status

"""A dependency of FastAPI commits after its yield: the answer is sent by then, and COMMIT fails."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy.engine import Connection, Engine

from examples.checkout_api.shown.rows import CommitFailedError, Found, add_order, look, refused_commits, shop

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/checkouts",
    "raw_path": b"/checkouts",
    "query_string": b"",
    "headers": [],
}


def application(engine: Engine) -> FastAPI:
    """Two pieces by invoice."""
    app = FastAPI()

    def in_transaction() -> Iterator[Connection]:
        with engine.begin() as connection:
            yield connection

    @app.post("/checkouts", status_code=201)
    def make_checkout(connection: Annotated[Connection, Depends(in_transaction)]) -> dict[str, str]:
        add_order(connection)
        return {"order": "O-1"}

    return app


async def ask(app: FastAPI) -> None:
    """One request, as a server brings it to the application."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if "status" in message:
            print(f"told: {message['status']}")

    await app(SCOPE, receive, send)


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with shop(url) as (engine, gateway):
        look(engine, gateway)
        try:
            with refused_commits(engine):
                asyncio.run(ask(application(engine)))
        except CommitFailedError:
            print("after the answer: COMMIT failed")
        print("this is wrong because the customer has read 201, and there is no order:")
        return look(engine, gateway)


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""Web applications on one module-level engine each: FastAPI with an AsyncEngine, Flask, and bare ASGI and WSGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from flask import Flask, Response
from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine("sqlite:///web.db")
async_engine = create_async_engine("sqlite+aiosqlite:///web.db")


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


def two_notes(session: Session | AsyncSession) -> None:
    session.add_all([Note(text="one"), Note(text="two")])


# FastAPI on an AsyncEngine: the same dependency in both scopes.


async def get_session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(async_engine) as session, session.begin():
        yield session


async_app, async_late_app = FastAPI(), FastAPI()


@async_app.post("/notes", status_code=201)
async def make(session: Annotated[AsyncSession, Depends(get_session, scope="function")]) -> dict[str, str]:
    two_notes(session)
    await session.flush()
    return {"made": "two"}


@async_late_app.post("/notes", status_code=201)
async def make_late(session: Annotated[AsyncSession, Depends(get_session, scope="request")]) -> dict[str, str]:
    return await make(session)


@async_app.get("/notes")
async def read(session: Annotated[AsyncSession, Depends(get_session)]) -> list[str]:
    return list(await session.scalars(select(Note.text)))


# The exception is turned into an answer by the application itself.


def answering(status: int) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(DBAPIError)
    def answer(_request: Any, _error: DBAPIError) -> JSONResponse:
        return JSONResponse({"error": "database"}, status_code=status)

    @app.post("/notes", status_code=201)
    def make() -> dict[str, str]:
        with Session(engine) as session, session.begin():
            two_notes(session)
        return {"made": "two"}

    return app


answering_503 = answering(503)
answering_409 = answering(409)

# Flask


def flask_app(make: Callable[[], Any]) -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/notes", "make", make, methods=["POST"])
    return app


def make_in_one_transaction() -> Any:
    with Session(engine) as session, session.begin():
        two_notes(session)
    return {"made": "two"}, 201


def make_in_two_transactions() -> Any:
    for text in ("one", "two"):
        with Session(engine) as session, session.begin():
            session.add(Note(text=text))
    return {"made": "two"}, 201


def make_and_commit_on_close() -> Any:
    session = Session(engine)
    two_notes(session)
    session.flush()
    response = Response("made", status=201)

    @response.call_on_close
    def commit() -> None:
        try:
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()

    return response


def make_and_read_again() -> Any:
    """A read after the COMMIT fails: 500, and the notes are there."""
    with Session(engine) as session, session.begin():
        two_notes(session)
    with Session(engine) as session:
        return {"made": len(session.scalars(select(Note.text)).all())}, 201


def refuse() -> Any:
    return {"error": "no more notes"}, 409


def refuse_too_late() -> Any:
    make_in_one_transaction()
    return {"error": "no more notes"}, 409


flask_one = flask_app(make_in_one_transaction)
flask_two = flask_app(make_in_two_transactions)
flask_on_close = flask_app(make_and_commit_on_close)
flask_read_again = flask_app(make_and_read_again)
flask_refuse = flask_app(refuse)
flask_refuse_late = flask_app(refuse_too_late)

# Bare


async def bare_asgi(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Knows no lifespan; what the database raises leaves it before a status."""
    assert scope["type"] == "http"
    async with AsyncSession(async_engine) as session, session.begin():
        two_notes(session)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def bare_asgi_late(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    async with AsyncSession(async_engine) as session, session.begin():
        two_notes(session)
        await session.flush()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


def bare_wsgi(_environ: Any, start_response: Any) -> list[bytes]:
    """The status is announced, but nothing is sent before the rows are committed."""
    start_response("204 No Content", [])
    make_in_one_transaction()
    return []


def bare_wsgi_late(_environ: Any, start_response: Any) -> Iterator[bytes]:
    """The first bytes of the body take the status with them."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"made"
    make_in_one_transaction()


# Two clients who want the same note: the second is told so, by a check, by the database, or by a status that is the server's fault.

flask_once = Flask("once")


@flask_once.post("/notes")
def makes_once() -> Response:
    return _made_once(told=500)


@flask_once.post("/notes/answered")
def makes_once_and_answers() -> Response:
    return _made_once(told=409)


def _made_once(told: int) -> Response:
    with Session(engine) as session:
        if session.get(Note, 1) is not None:
            return Response("there is one", 409)
        try:
            session.add(Note(id=1, text="one"))
            session.commit()
        except DBAPIError:
            session.rollback()
            return Response("somebody was faster", told)
    return Response("made", 201)

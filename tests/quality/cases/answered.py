"""A web handler whose session commits in the exit code of a dependency, after the answer has left (langflow)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation

engine = create_engine("sqlite:///answered.db")
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)


def unit() -> Iterator[Session]:
    with Session(engine) as session, session.begin():  # <- commits after the answer
        yield session


def _kept(session: Session) -> dict[str, int]:
    session.add(note := Note())
    session.flush()
    return {"id": note.id}


@app.post("/late", status_code=201)
def late(session: Annotated[Session, Depends(unit)]) -> dict[str, int]:
    return _kept(session)


@app.post("/early", status_code=201)
def early(session: Annotated[Session, Depends(unit, scope="function")]) -> dict[str, int]:
    return _kept(session)


SCENARIO = {"metadata": Base.metadata, "bind": f"{__name__}:engine"}
PROGRAMS = {
    "late": (Operation.asgi(app, "POST", "/late"), SCENARIO),
    "early": (Operation.asgi(app, "POST", "/early"), SCENARIO),
}

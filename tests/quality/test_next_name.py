"""Letter A: a program that is told that a name is taken, and takes the next one, has done all of it with another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import String, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import mostly_slow


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Post(Base):
    """Under a name that nobody else has."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)


class Author(Base):
    """How many posts there are."""

    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    posts: Mapped[int]


def seed(session: Session) -> None:
    session.add_all([Post(name="hello"), Author(id=1, posts=1)])


def counts_one_more(session: Session) -> None:
    session.get_one(Author, 1).posts += 1
    session.flush()


def takes_the_next(session: Session) -> str:
    for number in range(2, 9):
        try:
            session.add(Post(name=f"hello-{number}"))
            counts_one_more(session)
            session.commit()
        except IntegrityError:
            session.rollback()
        else:
            return f"hello-{number}"
    raise LookupError


def goes_on_without(session: Session) -> str:
    """The post is there under the next name, and is not counted."""
    number, counted = 2, False
    try:
        with session.begin_nested():
            counts_one_more(session)
            counted = True
            session.add(Post(name="hello-2"))
            session.flush()
    except IntegrityError:
        number = 3
        session.add(Post(name="hello-3"))
    session.commit()
    return f"hello-{number}" if counted else "hello"


def leaves_it_out(session: Session) -> str:
    counts_one_more(session)
    try:
        with session.begin_nested():
            session.add(Post(name="hello-2"))
    except IntegrityError:
        session.commit()
        return "hello-3"
    session.commit()
    return "hello-2"


def another_name(session: Session) -> bool:
    names = session.scalars(select(Post.name).order_by(Post.name)).all()
    return names == ["hello", "hello-3"] and session.scalar(select(func.sum(Author.posts))) == 2


def drilled(function: Callable[..., Any], db: str, **options: Any) -> prove.Report:
    scenario = Scenario(Operation(function, **options), metadata=Base.metadata, setup=seed)
    return prove.drill(scenario, db=db, faults=["constraint"])


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_only_the_user_can_say_that_the_next_name_is_right(db: str) -> None:
    report = drilled(takes_the_next, db)
    assert (report.verdict, report.findings) == ("unknown", ()), str(report)
    assert "other rows than the clean run, as many, and answers 'hello-3'" in report.unknowns[0]
    assert report.unknowns[0].endswith("name that end with also=")
    said = drilled(takes_the_next, db, also=[another_name])
    assert (said.verdict, said.unknowns) == ("pass", ()), str(said)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("function", [goes_on_without, leaves_it_out])
def test_what_is_done_in_part_is_torn(function: Callable[..., Any], db: str) -> None:
    report = drilled(function, db)
    assert report.verdict == "fail", str(report)
    assert {finding.word for finding in report.findings} == {"torn"}

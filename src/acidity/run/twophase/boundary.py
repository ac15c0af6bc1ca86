"""`two_phase`: everything inside is done in every database, or nothing in any; as a decorator, and as a block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.atomic import Joined, atomic, refuse_beside
from acidity.run.boundary import Transition
from acidity.run.errors import BoundaryError
from acidity.run.target import Target, is_asynchronous, target_of
from acidity.run.twophase.branch import Branch
from acidity.run.twophase.course import TwoPhaseCourse
from acidity.run.twophase.decision import Decision
from acidity.run.twophase.prepared import SPEAKS
from acidity.run.unit import Unit


def _targets_of(databases: Mapping[str, Any]) -> dict[str, Target]:
    targets = {name: target_of(each) for name, each in databases.items()}
    if len({id(target.key) for target in targets.values()}) < len(targets):
        raise UsageError(f"two of {', '.join(targets)} are one engine; atomic() is enough for one database")
    for name, target in list(targets.items())[1:]:
        dialect = target.engine.dialect.name
        if dialect not in SPEAKS:
            raise UsageError(
                f"{name}: {dialect} has no prepared transactions. It can take part as the first database, whose "
                f"COMMIT is the decision; PostgreSQL and MariaDB can be any"
            )
    return targets


def _course_of(found: Mapping[str, Target], *asked: Any) -> TwoPhaseCourse:
    (decides, first), *others = found.items()
    course = TwoPhaseCourse(first, *asked)
    course.decides, course.others = decides, dict(others)
    return course


class two_phase(atomic):  # noqa: N801  # it is used like a function
    """A unit of work in several databases: all of them commit, or none.

    The first database decides: its COMMIT comes when all others have prepared, and carries the row that says so. It
    needs the tables of `acidity.run.tables`; the others need none, but prepared transactions: PostgreSQL with
    ``max_prepared_transactions`` > 0, MariaDB 10.5 or later. SQLite can only be the first. `recover_two_phase` finishes
    what a crash leaves prepared; run it at start-up and now and then.

    As a decorator, the function's first parameter receives the sessions by name. As a block, ``as`` gives them. Inside,
    ``atomic`` on one of the databases joins.

    Args:
        isolation_level: of each transaction, set before its first statement and verified.
        max_attempts: how often a function is run, the first time included, when a database asks for it and after a
            COMMIT that turned out not to have been applied. A block cannot be run again.
        retry_lock_timeouts: also after a lock that was not granted in time.
        timeout: seconds for the unit up to its COMMIT; a deadlock across databases is seen by none of them.
        on_transition: called as ``on_transition(unit, old, new)`` for the unit of each database.
        databases: two or more engines or sessionmakers, all plain or all async, by name.

    Raises:
        UsageError: the databases cannot take part; the message says why.
        BoundaryError, UnitPoisoned, RetriesExhausted: as `atomic` does; nothing was committed anywhere.
        CommitUnknown: the database that decides did not answer; `recover_two_phase` will find out what it decided, and
            make it so everywhere.

    Returns of the function, and a block that ends well, mean: it is decided, and durable. A branch that could not be
    told is logged as a warning and finished by recovery.

    Example:
        >>> @two_phase(orders=orders_engine, stock=stock_engine, max_attempts=3)      # doctest: +SKIP
        ... def checkout(sessions, item):
        ...     sessions["orders"].add(Order(item=item))
        ...     sessions["stock"].execute(update(Stock).values(left=Stock.left - 1))
        >>> with two_phase(orders=orders_engine, stock=stock_engine) as sessions: ...  # doctest: +SKIP

    Source: Gray 1978, two-phase commit; Mohan et al. 1986, presumed abort; the first database is its last resource.
    """

    _find = staticmethod(_targets_of)
    _course = staticmethod(_course_of)

    def __init__(
        self,
        *,
        isolation_level: str | None = None,
        max_attempts: int = 1,
        retry_lock_timeouts: bool = False,
        timeout: float | None = None,
        on_transition: Transition | None = None,
        **databases: Any,
    ) -> None:
        if len(databases) < 2:
            raise UsageError("two_phase() takes two or more databases by name; for one there is atomic()")
        super().__init__(
            next(iter(databases.values())),
            isolation_level=isolation_level,
            max_attempts=max_attempts,
            retry_lock_timeouts=retry_lock_timeouts,
            timeout=timeout,
            on_transition=on_transition,
        )
        if any(is_asynchronous(each) is not self.asynchronous for each in databases.values()):
            raise UsageError("two_phase() takes plain engines or async ones, not both")
        self.what = databases

    def _join(self, found: Any) -> Joined | None:
        """The two-phase commit that this one is part of, if there is one.

        Raises:
            BoundaryError: only some of the databases are in it, or they are in units that end each for itself.
        """
        units = {name: context.current(target.key) for name, target in found.items()}
        inside = [unit for unit in units.values() if unit is not None]
        if not inside:
            refuse_beside()
            return None
        decisions = {_decision_of(unit) for unit in inside}
        if len(inside) < len(units) or len(decisions) > 1 or None in decisions:
            began = ", ".join(name for name, unit in units.items() if unit is not None)
            raise BoundaryError(f"{began}: in a unit of work already that does not end together with the others")
        if any(unit.target.asynchronous is not self.asynchronous for unit in inside):
            raise BoundaryError("a plain and an async unit cannot be one; hand the sessions to the function inside")
        self._refuse_asked()
        return _Several({name: unit.session for name, unit in units.items() if unit is not None}, inside)


def _decision_of(unit: Unit) -> str | None:
    if isinstance(unit, Branch):
        return unit.gid.decision
    return unit.marker.key if isinstance(unit.marker, Decision) else None


@dataclass
class _Several:
    """The units of a two-phase commit that an inner one is part of."""

    session: dict[str, Any]
    units: list[Unit]

    def poison(self, error: BaseException) -> None:
        """Something inside has failed, so none of them will commit."""
        for unit in self.units:
            unit.poison(error)

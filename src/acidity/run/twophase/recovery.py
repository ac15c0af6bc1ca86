"""Recovery: find the branches that are prepared, ask the log of their coordinator, and do what was decided."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy.engine import Engine

from acidity.errors import UsageError
from acidity.run.tables import now
from acidity.run.taken import TakenConnection
from acidity.run.target import is_asynchronous, target_of
from acidity.run.twophase.decision import Decision, decided_before, forget, identity_of
from acidity.run.twophase.gid import Gid
from acidity.run.twophase.prepared import SPEAKS, finish, prepared_in

logger = logging.getLogger("acidity.run")
Decided = Literal["committed", "rolled back", "in progress"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """A branch that was found prepared, and what became of it.

    Attributes:
        database: the name of the one that it was found in.
        gid: its name there.
        outcome: ``in progress``: its coordinator is still at it, or its connection still holds it; nothing was done.
    """

    database: str
    gid: str
    outcome: Decided


def recover_two_phase(*, wait_s: float = 1.0, forget_after: timedelta = timedelta(days=7), **databases: Any) -> Any:
    """Finish the branches that a crash left prepared: committed if that was decided, rolled back if not.

    Run it when the program starts, and now and then. It is safe at any time, by several at once, and while units are
    under way: those are left alone. Only branches of `two_phase` are touched, and only those whose decision log is one
    of the databases given.

    Args:
        wait_s: seconds to wait for a coordinator that is still deciding.
        forget_after: the age from which decisions are deleted, if all their participants are given here and none has a
            branch left.
        databases: as for `two_phase`, in any order; all plain or all async.

    Returns:
        A list of `Recovered`; with async engines, await it.

    Raises:
        UsageError: none of the databases has a decision log.
        DBAPIError: a database did not answer; what could be done in the others is done.

    Example:
        >>> recover_two_phase(orders=orders_engine, stock=stock_engine)               # doctest: +SKIP
        [Recovered(database='stock', gid='acidity_…', outcome='committed')]
    """
    kinds = {is_asynchronous(each) for each in databases.values()}
    if len(kinds) != 1:
        raise UsageError("recover_two_phase() takes databases by name, plain engines or async ones, not both")
    engines = {name: target_of(each).engine for name, each in databases.items()}
    work = _Recovery(engines, wait_s, forget_after)
    if True not in kinds:
        return work.run()
    from sqlalchemy.util import greenlet_spawn

    return greenlet_spawn(work.run)


@dataclass
class _Recovery:
    """One go over all databases."""

    engines: Mapping[str, Engine]
    wait_s: float
    forget_after: timedelta
    logs: dict[str, Engine] = field(default_factory=dict)
    decided: dict[str, bool | None] = field(default_factory=dict)
    done: list[Recovered] = field(default_factory=list)
    seen: set[Gid] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    errors: list[Exception] = field(default_factory=list)

    def run(self) -> list[Recovered]:
        old: dict[str, dict[str, tuple[str, ...]]] = {}
        for engine in self.engines.values():
            with self._collecting():
                identity = identity_of(engine)
                if identity is not None:
                    self.logs[identity] = engine
                    old[identity] = decided_before(engine, now() - self.forget_after)
        for name, engine in self.engines.items():
            if engine.dialect.name in SPEAKS:
                with self._collecting():
                    self._recover_in(name, engine)
        if self.errors:
            raise self.errors[0]
        for identity, decisions in old.items():
            finished = [each for each, names in decisions.items() if self._is_finished(each, names)]
            if finished:
                forget(self.logs[identity], finished)
        return self.done

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        """An error does not keep the others from being recovered."""
        try:
            yield
        except Exception as error:
            logger.warning("two-phase commit: recovery goes on without: %s", error)
            self.errors.append(error)

    def _recover_in(self, name: str, engine: Engine) -> None:
        with TakenConnection(engine) as connection:
            found = prepared_in(connection)
            connection.rollback()
        for gid in found:
            if gid in self.seen:  # a server of MariaDB tells it to each of its databases
                continue
            self.seen.add(gid)
            if gid.coordinator not in self.logs:
                logger.info("branch %s in %s was prepared by another coordinator", gid, name)
                continue
            with self._collecting():
                outcome = self._recover(engine, gid)
                self.done.append(Recovered(name, str(gid), outcome))
                logger.info("two-phase commit: branch %s in %s: %s", gid, name, outcome)

    def _recover(self, engine: Engine, gid: Gid) -> Decided:
        if gid.decision not in self.decided:
            self.decided[gid.decision] = Decision(gid.decision).outcome(self.logs[gid.coordinator], self.wait_s)
        commit = self.decided[gid.decision]
        if commit is None or not finish(engine, gid, commit=commit):
            self.left.add(gid.decision)
            return "in progress"
        return "committed" if commit else "rolled back"

    def _is_finished(self, decision: str, participants: tuple[str, ...]) -> bool:
        return decision not in self.left and self.engines.keys() >= set(participants)

"""The course of a two-phase commit: every branch prepares, the coordinator's COMMIT decides, every branch is told."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from acidity.run import context
from acidity.run.boundary import logger
from acidity.run.course import Body, Course, Failed, Move, Wait, got, pause
from acidity.run.decide import Ended
from acidity.run.state import State
from acidity.run.target import Target
from acidity.run.twophase.branch import Branch
from acidity.run.twophase.decision import Decision, identify, new_decision
from acidity.run.twophase.gid import Gid
from acidity.run.twophase.prepared import finish
from acidity.run.unit import Unit, shielded

TOLD_MAX = 6  # how often a branch is told what was decided, before that is left to recovery
Part = Generator[Move, Any, None]


@dataclass
class TwoPhaseCourse(Course):
    """Attempts at one unit of work in several databases.

    Attributes:
        decides: the name of the database that does, which is `target`.
        others: the other databases, by name.
    """

    decides: str = ""
    others: Mapping[str, Target] = field(default_factory=dict)

    def _attempt(self) -> Generator[Move, Any, Ended]:
        ended = Ended(State.ACTIVE)
        coordinator = Unit(self.target, self.terms, new_decision(self.others))
        branches: dict[str, Branch] = {}
        units: list[Unit] = [coordinator]
        try:
            yield from self._decide(coordinator, branches, units, ended)
            for branch in branches.values():
                yield from self._tell(branch, coordinator.state, ended)
        finally:
            for unit in units:
                context.leave(unit)
                if not unit.state.ended:  # Ctrl-C between two steps, or a block that nobody left
                    unit.invalidate()
        ended.failures = tuple(error for unit in units for error in unit.failures.everything)
        ended.state = coordinator.state
        if coordinator.state is State.COMMITTED:
            for unit in units:
                yield from self._afterwards(unit, ended)
        return ended

    def _decide(self, coordinator: Unit, branches: dict[str, Branch], units: list[Unit], ended: Ended) -> Part:
        """Everything up to the reply to the coordinator's COMMIT; its state is the decision."""
        try:
            identity: str = got((yield partial(identify, self.target.engine)))
            branches.update(self._branches(identity, coordinator))
            units += branches.values()
            for unit in units:  # the decision's row first: who finds a branch prepared finds that row or its lock
                unit.residence = self.residence
                context.enter(unit)
                got((yield unit.begin))
            sessions = {self.decides: coordinator.session} | {name: unit.session for name, unit in branches.items()}
            ended.result = got((yield Body(sessions)))
            for unit in units:
                unit.result = ended.result
                got((yield unit.prepare))
                self._refuse_interrupted()
        except GeneratorExit:  # a block that nobody left
            raise
        except BaseException as error:
            ended.error = error
            for unit in units:
                yield from self._clean(unit)
        else:
            reply = yield coordinator.commit
            if isinstance(reply, Failed):
                yield from self._commit_failed(coordinator, ended, reply.error)

    def _refuse_interrupted(self) -> None:
        if self.interrupted is not None:
            raise self.interrupted

    def _branches(self, identity: str, coordinator: Unit) -> Iterator[tuple[str, Branch]]:
        marker = coordinator.marker
        assert isinstance(marker, Decision), "it was given one"
        for number, (name, target) in enumerate(self.others.items(), 1):
            yield name, Branch(target, self.terms, gid=Gid(identity, marker.key, number))

    def _tell(self, branch: Branch, decided: State, ended: Ended) -> Part:
        """Let the branch end as it was decided; one that cannot be told now is left to recovery."""
        if decided is State.UNKNOWN:
            yield from self._leave(branch)
            return
        commit = decided is State.COMMITTED
        try:
            if commit:
                got((yield branch.commit))
            elif not branch.state.ended:
                got((yield branch.roll_back))
        except BaseException as error:
            logger.debug("branch %s was not told: %s", branch.gid, error)
            branch.invalidate()
            _keep(error, ended)
        if branch.in_doubt:
            yield from self._tell_again(branch, ended, commit=commit)

    def _tell_again(self, branch: Branch, ended: Ended, *, commit: bool) -> Part:
        telling = shielded(partial(finish, branch.target.engine, branch.gid, commit=commit))
        for asked in range(1, TOLD_MAX + 1):
            try:
                branch.told = got((yield telling))
                if branch.told:
                    break
            except BaseException as error:
                logger.debug("branch %s was not told: %s", branch.gid, error)
                if _keep(error, ended):
                    break
            waited = yield Wait(pause(asked))
            if isinstance(waited, Failed) and _keep(waited.error, ended):
                break
        branch.end(commit=commit)
        if not branch.told:
            logger.warning(
                "two-phase commit: it was decided to %s, and branch %s could not be told; it stays prepared and keeps "
                "its locks until recover_two_phase()",
                "commit" if commit else "roll back",
                branch.gid,
            )

    def _leave(self, branch: Branch) -> Part:
        if branch.state.ended:
            return
        with suppress(BaseException):
            got((yield branch.invalidate))
        branch.to(State.UNKNOWN)


def _keep(error: BaseException, ended: Ended) -> bool:
    """Whether this is an interruption, which the caller gets once all is done, and not the database's error."""
    if isinstance(error, Exception | CancelledError):
        return False
    ended.error = ended.error or error
    return True

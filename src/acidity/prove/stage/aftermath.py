"""What follows an operation before it is judged: `recover` (what a restarted process does), then `settle` (what runs
anyway: a relay, a worker).

Both run in this process, also after an operation that was killed in its own; nothing of the run is kept for them. They
run without faults, and their calls are no Calls of the operation. Then both run once more: whatever is delivered at
least once may be delivered twice, and that must change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from acidity.adapters.seam import Actor, PassThrough
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation, Role
from acidity.core.schedule import FIRST, Schedule
from acidity.core.step import Step
from acidity.prove.stage.committed import CommitWatch
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage


class Aftermath:
    """Runs the steps of a scenario.

    Args:
        stage: where.
        watch: of what the steps commit.
    """

    def __init__(self, stage: Stage, watch: CommitWatch) -> None:
        self._stage = stage
        self._watch = watch

    def follow(self, run: Run) -> Run:
        """The run with its steps; the rows in the Sandbox are what they left."""
        keys = set(run.effect_keys)
        steps = self._steps(keys)
        effects = Counter(run.effects)
        for step in steps:
            effects.update(step.effects)
        in_doubt = self._stage.sandbox.in_doubt() if steps else run.in_doubt
        between = (*run.between, *self._watch.take())
        return replace(
            run, steps=steps, effects=dict(effects), effect_keys=frozenset(keys), between=between, in_doubt=in_doubt
        )

    def repeat(self, run: Run) -> Run:
        """The run with its steps once more; after a step that failed there is nothing to repeat."""
        if run.failed_step is not None:
            return run
        return replace(run, again=self._steps(set(run.effect_keys)), between=(*run.between, *self._watch.take()))

    def alone(self) -> Run | None:
        """The steps on the rows before, which may hold work for them; None where there are no steps."""
        if not self._stage.scenario.steps:
            return None
        self._stage.sandbox.reset()
        seed = self._stage.seed
        return self.follow(Run(Schedule(), Ending(), (), seed, seed))

    def _steps(self, keys: set[tuple[str, str]]) -> tuple[Step, ...]:
        """Run them; an effect under one of these keys has taken place already, and theirs are added."""
        steps: list[Step] = []
        for role, operation in self._stage.scenario.steps.items():
            steps.append(self._step(role, operation, keys))
            if steps[-1].raised:
                break
        return tuple(steps)

    def _step(self, role: Role, operation: Operation, keys: set[tuple[str, str]]) -> Step:
        actor = Actor(FIRST, self._watch.over(PassThrough(), f"{role} ({operation.name})"))
        actor.effect_keys = keys
        ending = self._stage.follow(operation, actor)
        return step_of(role, operation, actor, ending, self._stage.sandbox.look().state)


def step_of(role: Role, operation: Operation, actor: Actor, ending: Ending, state: State) -> Step:
    """A step that has ended so, and left these rows."""
    return Step(role, operation.name, actor.history, state, _counted(actor.effects), _raised(ending))


def _counted(effects: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in effects.items() if count}


def _raised(ending: Ending) -> str:
    """What kept a step from ending well."""
    if ending.exception:
        return f"{ending.exception}: {ending.message}" if ending.message else ending.exception
    if ending.broke_off or ending.succeeded is False:
        return f"it answered {ending.answer!r}"
    return ""

"""`crash`: cut the power or kill the server while an operation runs, and see what the database brings back."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from acidity.adapters.seam import Actor, Interceptor, Layer, PassThrough, PendingCall
from acidity.analysis.canonical import TooSymmetric, equal_raw
from acidity.analysis.masks import NotDeterministic
from acidity.core.call import History
from acidity.core.cause import Rate
from acidity.core.options import CheckOptions
from acidity.core.outcome import Ending
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import FIRST, Choice, Schedule
from acidity.engines import engine_of, settings_of
from acidity.engines.durability import Settings
from acidity.engines.sandbox import Unsettled
from acidity.errors import Terminated, UsageError
from acidity.prove.crash.bad_disk import BadDisk
from acidity.prove.crash.carried_on import CarriedOn
from acidity.prove.crash.clients import kill_under_clients
from acidity.prove.crash.disk import Disk
from acidity.prove.crash.findings import POWER_LOSS, Recorded, finding_of
from acidity.prove.crash.judge import Judge, Judged, NoPrefixes, Prefix, Word, calls_until, prefixes_of, whole
from acidity.prove.crash.killed import OWN_SERVER, kill_and_see
from acidity.prove.crash.log import Log
from acidity.prove.crash.own_settings import Noticing, insisting, told
from acidity.prove.crash.recorder import Recorder
from acidity.prove.crash.recovery import Recovery
from acidity.prove.crash.refusals import NAMES as REFUSALS
from acidity.prove.crash.remedies import try_settings
from acidity.prove.crash.seen import Blow, Crashed, Weathered
from acidity.prove.crash.shim import Unrecordable
from acidity.prove.crash.states import PowerLoss, Survivors, is_exhaustive, states
from acidity.prove.drill.uncommitted import Undecided
from acidity.prove.runs import Runs
from acidity.prove.stage.alone import run_alone
from acidity.prove.stage.call import Player
from acidity.prove.stage.overseer import DidNotEnd
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.unfit import clean_run_failed

NOTHING: Settings = {}


def not_built(scenario: Scenario, asked: CheckOptions) -> str:
    """Why a crash cannot be asked of this; nothing where it can."""
    if scenario.databases:
        return "power loss of several databases at once is not built into acidity yet"
    if "://" in asked.db:
        return "a server that is named by URL is not acidity's to kill; say --db postgresql or --db mariadb"
    return ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The only state to look at, of one operation.

    Attributes:
        operation: its position in the scenario.
        schedule: as it is printed.
    """

    operation: int
    schedule: Schedule

    def require_of(self, engine: str) -> None:
        """See that it is something that happens to this engine.

        Raises:
            UsageError: a server is to be killed where there is none, or the power to be cut where servers are killed.
        """
        (fault, *_) = (choice.fault for choice in self.schedule.choices)
        if (fault == POWER_LOSS or fault in REFUSALS) == (engine in OWN_SERVER):
            what = "has no server or client that is killed" if engine not in OWN_SERVER else "is killed, not cut off"
            raise UsageError(f"schedule: {self.schedule} is of another engine: {engine} {what}; name the one with --db")

    @property
    def calls(self) -> int:
        """How many Calls had been begun."""
        return self.schedule.choices[0].calls

    @property
    def together(self) -> bool:
        """Whether several clients are at work."""
        return len(self.schedule.choices) > 1

    @property
    def refusal(self) -> Choice | None:
        """What the disk refuses; None for a power cut."""
        (choice,) = self.schedule.choices
        return choice if choice.fault in REFUSALS else None

    @property
    def op(self) -> int:
        """Before which entry of the log the power goes off."""
        return int(self.schedule.choices[0].state.partition(".")[0])

    @property
    def kept(self) -> str:
        """What survives, as it is printed."""
        return self.schedule.choices[0].state.partition(".")[2]


def run_crash(
    scenario: Scenario, asked: CheckOptions, wanted: Wanted | None = None, insist: Settings = NOTHING
) -> Crashed:
    """Take every operation of a scenario in turn: on SQLite the power is cut, elsewhere the server is killed.

    Args:
        scenario: whose operations.
        asked: the options.
        wanted: the only state to look at.
        insist: what is set back where the program has set it.

    Raises:
        UsageError: the input is wrong, or power loss is not built for it.
        EngineUnavailable: the engine cannot be started.
    """
    if why := not_built(scenario, asked):
        raise UsageError(why)
    began = time.monotonic()
    crashed: Crashed | None = None
    try:
        engine = engine_of(asked.db).name
        if wanted is not None:
            wanted.require_of(engine)
        own, stated = OWN_SERVER.get(engine, {}), settings_of(scenario.settings, asked.db)
        kept = {name: value for name, value in stated.items() if not name.startswith("acidity.")}
        settings = {**own, **kept, **asked.settings}
        with Stage(scenario, asked.db, settings, asked.isolation_level, asked.run_timeout) as stage, quiet():
            crashed = Crashed(stage.sandbox.info(), Blow.KILLED if engine in OWN_SERVER else Blow.POWER_LOSS)
            _crash_all(Runs(stage, asked, insisting(insist) if insist else PassThrough), crashed, wanted)
        stage.overseer.leave_if_told()
    except (KeyboardInterrupt, Terminated) as stop:  # while everything was taken back
        if crashed is None:
            raise
        crashed.stop(stop)
    crashed.elapsed_s = time.monotonic() - began
    if asked.remedies and wanted is None and crashed.stopped_by is None:
        try:
            try_settings(crashed, scenario, asked, run_crash)
        except (KeyboardInterrupt, Terminated) as stop:
            crashed.stop(stop)
    return crashed


def _crash_all(runs: Runs, crashed: Crashed, wanted: Wanted | None) -> None:
    operations = runs.stage.scenario.operations
    for position, operation in enumerate(operations):
        if wanted is not None and (wanted.operation != position or wanted.together):
            continue
        weathered = Weathered(operation=operation.name)
        crashed.operations.append(weathered)
        try:
            if crashed.blow is Blow.KILLED:
                schedule = None if wanted is None else wanted.schedule
                crashed.operations[-1] = kill_and_see(runs, operation, position, schedule)
            elif wanted is not None and wanted.refusal is not None:
                weathered.refusals = BadDisk(runs, operation, position, _path_of(runs)).try_one(wanted.refusal)
            else:
                storm = Storm(runs, operation, weathered, position)
                storm.cut_power(wanted)
                if wanted is None:
                    storm.spoil_disk()
        except (KeyboardInterrupt, Terminated) as stop:
            runs.stop(stop)
        except (Unrecordable, NoPrefixes, NotDeterministic, TooSymmetric, DidNotEnd, Unsettled) as error:
            weathered.unknowns.append(f"{operation.name}: {error}")
        except Undecided as error:
            weathered.unknowns.append(str(error))
        if runs.stopped_by is not None:
            crashed.stop(runs.stopped_by)
            return
        crashed.engine = runs.stage.sandbox.info()  # with what the operations themselves have set
    if crashed.blow is Blow.KILLED and (wanted is None or wanted.together):
        together = kill_under_clients(runs, operations, None if wanted is None else wanted.schedule)
        together.findings = [replace(each, cause=told(each.cause, crashed.own)) for each in together.findings]
        crashed.operations.append(together)
        if runs.stopped_by is not None:
            crashed.stop(runs.stopped_by)


class _Marking(Layer):
    """Tells the recorder which Call is under way, and when a COMMIT has returned."""

    def __init__(self, recorder: Recorder, inner: Interceptor) -> None:
        super().__init__(inner=inner)
        self._recorder = recorder

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass between two notes."""
        self._recorder.call = pending.call.index
        self.inner.intercept(pending)
        if pending.call.commits:
            self._recorder.answered()


class Storm:
    """The power cuts of one operation, and then its bad disks.

    Args:
        runs: of the check.
        operation: whose.
        weathered: where it is noted what came of it.
        position: where the operation stands in the scenario, from 0.
    """

    def __init__(self, runs: Runs, operation: Operation, weathered: Weathered, position: int) -> None:
        self._runs = runs
        self._stage = runs.stage
        self._operation = operation
        self._weathered = weathered
        self._log = Log({}, ())
        self._history: History = ()
        self._is_known = False  # all that was written was recorded
        self._bad: dict[Word, Judged] = {}
        self._carried_on: CarriedOn
        self._position = position
        self._path = _path_of(runs)

    def cut_power(self, wanted: Wanted | None = None) -> None:
        """Record, and try every state or the one that is wanted.

        Raises:
            Unrecordable: the writes of this process cannot be heard.
            NoPrefixes: there is nothing to compare with.
        """
        weathered = self._weathered
        self._record()
        self._is_known = not weathered.unknowns
        if not self._is_known:
            return
        with closing(Recovery(self._path.name, self._stage.scenario.ignore)) as recovery:
            prefixes = prefixes_of(self._log, self._history, recovery)
            weathered.commits = sum(1 for prefix in prefixes if prefix.owed) - 1
            self._carried_on = CarriedOn(self._stage, self._path, self._log, self._history, prefixes)
            judge = Judge([self._allowed(prefix, prefixes, recovery) for prefix in prefixes])
            if wanted is not None:
                self._try_one(judge, recovery, wanted)
            else:
                self._try_all(judge, recovery)
            weathered.opened = recovery.opened
            recorded = Recorded(
                weathered.operation, self._position, self._history, self._log, judge.prefixes, weathered.own
            )
            weathered.findings = [
                finding_of(judged, Rate(weathered.words[word], weathered.tried), recorded, self._runs.options)
                for word, judged in sorted(self._bad.items(), key=lambda each: list(Word).index(each[0]))
            ]

    def spoil_disk(self) -> None:
        """Refuse what the recording asked for; nothing where that cannot be judged."""
        if self._is_known:
            disk = BadDisk(self._runs, self._operation, self._position, self._path)
            self._weathered.refusals = disk.try_all(self._log)

    def _record(self) -> None:
        weathered, operation = self._weathered, self._operation
        recorder = Recorder(self._path)
        noticing = Noticing(self._stage.sandbox.info().settings, inner=self._runs.within())
        player = Player(operation, Actor(FIRST, _Marking(recorder, noticing)))
        left = run_alone(self._stage, player, recorder)
        self._log, self._history = recorder.log, player.actor.history
        weathered.own = noticing.found("sqlite")
        weathered.entries = len(self._log.entries)
        changed = not equal_raw(left.look.state, self._stage.seed)
        if _failed(operation, left.endings[0]) and not changed:
            raise UsageError(clean_run_failed(operation, left.endings[0], self._history, ("sqlite",)))
        weathered.unknowns += [f"{operation.name}: {bypass}" for bypass in left.bypasses]
        if whole(self._log, weathered.entries).files != recorder.left:
            weathered.unknowns.append(
                f"{operation.name}: the database was written in a way that was not recorded (another process, another "
                f"library, or another VFS)"
            )

    def _allowed(self, prefix: Prefix, prefixes: tuple[Prefix, ...], recovery: Recovery) -> Prefix:
        """The prefix with whether a cut may leave just that."""
        if prefix.rows in {prefixes[0].rows, prefixes[-1].rows}:
            return prefix
        operation = self._operation
        if operation.also or operation.partial:  # what they allow is judged by the drill
            return prefix
        scenario = self._stage.scenario
        if scenario.commits == "one" and not scenario.steps:
            return replace(prefix, legal=False)
        return replace(prefix, legal=self._carried_on.is_right(prefix, recovery))

    def _try_all(self, judge: Judge, recovery: Recovery) -> None:
        weathered, name = self._weathered, self._operation.name
        cuts = list(Disk(self._log).cuts())
        weathered.cuts = len(cuts), sum(map(is_exhaustive, cuts))
        planned = [loss for cut in cuts for loss in states(cut, self._runs.options.seed)]
        series = self._runs.series(planned, name if len(self._stage.scenario.operations) > 1 else "power loss")
        weathered.planned = series.planned
        try:
            for loss in series:
                self._note(judge.judge(loss, recovery.of(loss.files)))
        except (KeyboardInterrupt, Terminated) as stop:
            series.stop(stop)
            raise
        finally:
            weathered.tried, weathered.ended = series.made, series.ended
            if series.left_undone:
                weathered.unknowns.append(f"{name}: {series.left_undone}")

    def _try_one(self, judge: Judge, recovery: Recovery, wanted: Wanted) -> None:
        weathered = self._weathered
        loss = wanted_loss(self._log, wanted)
        weathered.planned = 1
        if loss is None:
            weathered.unknowns.append(
                f"{weathered.operation}: it writes in another way now, so that this state is none of its states"
            )
            return
        weathered.tried = 1
        self._note(judge.judge(loss, recovery.of(loss.files)))

    def _note(self, judged: Judged) -> None:
        """Count a state, and keep it where it is wrong and plainer than those before."""
        self._weathered.words[judged.word] += 1
        if judged.word is Word.OK:
            return
        known = self._bad.get(judged.word)
        if known is None or _plainness(judged) < _plainness(known):
            self._bad[judged.word] = judged


def _path_of(runs: Runs) -> Path:
    return Path(runs.stage.parts[""].dsn())


def _plainness(judged: Judged) -> tuple[int, bool, int]:
    loss = judged.loss
    return loss.lost, loss.survivors.damage is not None, loss.cut.op


def _failed(operation: Operation, ending: Ending) -> bool:
    """What failed, and was not meant to be refused: where it changed no row, there is nothing to lose."""
    failed = ending.broke_off or ending.succeeded is False
    return failed and not ending.refusal and not operation.refused


def wanted_loss(log: Log, wanted: Wanted) -> PowerLoss | None:
    """The state that a Schedule names; None where the log has none of that name."""
    if wanted.op > len(log.entries) or calls_until(log.entries, wanted.op) != wanted.calls:
        return None
    cut, survivors = Disk(log).at(wanted.op), Survivors.parse(wanted.kept)
    damage = survivors.damage
    if survivors.kept >> len(cut.pending) or (damage is not None and not survivors.keeps(damage.item)):
        return None
    return PowerLoss(cut, survivors)

"""Where a scenario is played: a Sandbox for its database or for each of its databases, made, bound and seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from acidity.analysis.canonical import equal_raw
from acidity.core.database import Database
from acidity.core.exits import exits_as_errors
from acidity.core.outcome import State
from acidity.core.scenario import Operation, Scenario
from acidity.engines import new_sandbox, settings_of
from acidity.engines.base import Ground, Sandbox
from acidity.engines.several import Several
from acidity.errors import AcidityError, UsageError
from acidity.prove.stage.bind import Setting, bindings
from acidity.prove.stage.clock import present
from acidity.prove.stage.ending import innermost_line
from acidity.prove.stage.schema import schema_maker

BY_NAME = ("databases", "async_databases", "dsns")


def sandboxes_of(scenario: Scenario, db: str, settings: Mapping[str, str]) -> dict[str, Sandbox]:
    """A new Sandbox for each database by name; for the only one, under the empty name.

    Raises:
        EngineUnavailable: an engine cannot be started; nothing is left of the others.
        UsageError: an engine or a setting is not known.
    """
    settings = {**settings_of(scenario.settings, db), **settings}
    if not scenario.databases:
        return {"": new_sandbox(db, settings)}
    made: dict[str, Sandbox] = {}
    with ExitStack() as failing:
        for name, database in scenario.databases.items():
            its_own = database.db is not None
            made[name] = new_sandbox(database.db or db, database.settings if its_own else settings)
            failing.callback(made[name].close)
            made[name].name = name
        failing.pop_all()
    return made


def ground_of(scenario: Scenario, parts: Mapping[str, Sandbox]) -> Ground:
    """All of them as one."""
    if not scenario.databases:
        return parts[""]
    return Several(parts, _references(scenario.databases))


def _references(databases: Mapping[str, Database]) -> dict[str, dict[str, tuple[str, str]]]:
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name, database in databases.items():
        for source, target in database.references.items():
            table, _, column = source.rpartition(".")
            parent, _, key = target.rpartition(".")
            found.setdefault(f"{name}.{table}", {})[column] = (parent, key)
    return found


def bound(scenario: Scenario, parts: Mapping[str, Sandbox]) -> Iterator[tuple[Engine | Setting, Sandbox]]:
    """The module-level engines and settings that the scenario names, and the Sandbox that each is to lead to.

    Raises:
        UsageError: a name leads to nothing, or to nothing of the kind.
    """
    for name, part in parts.items():
        for found in bindings(scenario.databases[name].bind if scenario.databases else scenario.bind):
            yield found, part


def seeded(
    scenario: Scenario,
    parts: Mapping[str, Sandbox],
    ground: Ground,
    limiting: Callable[[str], AbstractContextManager[Any]],
) -> State:
    """Make the tables and the rows before, everywhere; `limiting` ends what of the program's does not end by itself.

    Returns:
        These rows, and when they were made.

    Raises:
        UsageError: a schema or a set-up is wrong, or one writes to another's database.
    """
    began = present()
    state = (
        _together(scenario, parts, ground, limiting)
        if isinstance(ground, Several)
        else _created(parts[""], scenario, limiting)
    )
    return replace(state, during=(began, present()))


def _together(
    scenario: Scenario,
    parts: Mapping[str, Sandbox],
    ground: Several,
    limiting: Callable[[str], AbstractContextManager[Any]],
) -> State:
    states = {}
    for name, database in scenario.databases.items():
        states[name] = _created(parts[name], database, limiting)
    state = ground.together(states)
    if not equal_raw(ground.look().state, state):
        raise UsageError("setup= of one Database writes to another; each writes the rows before of its own")
    _require_references(scenario.databases, state)
    return state


def _created(
    part: Sandbox, described: Scenario | Database, limiting: Callable[[str], AbstractContextManager[Any]]
) -> State:
    def limited(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
        def call(given: Any) -> None:
            with limiting(name):
                try:
                    with exits_as_errors():
                        function(given)
                except (AcidityError, SQLAlchemyError):  # of the last kind the Stage says more
                    raise
                except Exception as error:
                    at = innermost_line(error)
                    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    raise UsageError(f"{name} raised {why}{'' if at is None else f' (at {at})'}") from error

        return call

    setup = described.setup
    schema = limited(schema_maker(described, part), "the schema")
    return part.create(schema, None if setup is None else limited(setup, "setup="))


def _require_references(databases: Mapping[str, Database], state: State) -> None:
    for table, references in _references(databases).items():
        for column, (parent, key) in references.items():
            for where, name in ((table, column), (parent, key)):
                if where not in state.tables or name not in state.tables[where].columns:
                    raise UsageError(f"references= names {where}.{name}, which is no column of these databases")


def require_fitting(what: str | None, operation: Operation, scenario: Scenario) -> None:
    """What the first parameter asks for has to be there: one database, or several by name.

    Raises:
        UsageError: it is not.
    """
    if what is None or (what in BY_NAME) is bool(scenario.databases):
        return
    if scenario.databases:
        raise UsageError(
            f"{operation.name}() asks for {what!r}, and the scenario has several databases "
            f"({', '.join(scenario.databases)}): let it take `databases`, a mapping of engines by name, or use bind="
        )
    raise UsageError(f"{operation.name}() asks for {what!r}, and the scenario has one database: say databases={{…}}")


def unprotected(parts: Mapping[str, Sandbox]) -> dict[str, str]:
    """The tables that keep no transactions, as a State of all databases calls them, with what keeps them."""
    return {
        f"{name}.{table}" if name else table: kind
        for name, part in parts.items()
        for table, kind in part.traits().get("unprotected", {}).items()
    }

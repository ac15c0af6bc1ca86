"""What the settings of a database promise about an acknowledged COMMIT, in words, and how they are read from one.

Reading is SHOW and PRAGMA, nothing else, and only of a database that the user names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from acidity.core.packages import missing
from acidity.engines import engine_of
from acidity.errors import UsageError

Settings = Mapping[str, str]
DEFAULTS: Mapping[str, Settings] = {
    "sqlite": {"journal_mode": "delete", "synchronous": "full"},
    "postgresql": {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_writer_delay": "200ms",
    },
    "mariadb": {"innodb_doublewrite": "ON", "innodb_flush_log_at_trx_commit": "1"},
}
"""What each engine does where nobody has said anything."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_DRIVERS["mariadb"] = "mariadb+pymysql"
_LOST = "your last acknowledged commit can vanish at power loss"
_KEPT = "what was acknowledged is there after a power loss"


def read_from(text: str) -> tuple[str, dict[str, str]]:
    """The name of the engine behind a URL, and the settings of it that durability depends on.

    Raises:
        UsageError: it is no URL of a database, or the database does not answer.
    """
    try:
        given = url = make_url(text)
    except ArgumentError:
        raise UsageError("--settings-from takes the URL of a database, as in postgresql://user@host/name") from None
    engine = engine_of(url.drivername).name
    if url.drivername in _DRIVERS:
        url = url.set(drivername=_DRIVERS[url.drivername])
    if engine == "sqlite" and url.database:
        url = URL.create("sqlite", database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    try:
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return engine, dict(_READERS[engine](connection))
    except (SQLAlchemyError, ImportError) as error:
        absent = missing(error.name) if isinstance(error, ImportError) and error.name else None
        said = absent or getattr(error, "orig", None) or error
        raise UsageError(f"--settings-from: {given.render_as_string()} does not tell its settings: {said}") from None


def _of_sqlite(connection: Connection) -> Iterator[tuple[str, str]]:
    """The journal mode alone: ``synchronous`` is set by each connection for itself."""
    mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    yield "journal_mode", mode


def _of_postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    for name in DEFAULTS["postgresql"]:
        yield name, str(connection.exec_driver_sql(f"SHOW {name}").scalar())


def _of_mariadb(connection: Connection) -> Iterator[tuple[str, str]]:
    for name, value in connection.exec_driver_sql("SHOW GLOBAL VARIABLES"):
        if name in DEFAULTS["mariadb"]:
            yield str(name), str(value)


_READERS: Mapping[str, Callable[[Connection], Iterator[tuple[str, str]]]] = {
    "sqlite": _of_sqlite,
    "postgresql": _of_postgresql,
    "mariadb": _of_mariadb,
}


def promises(engine: str, settings: Settings) -> tuple[str, ...]:
    """What these settings promise, one sentence each; those that are not among them are the engine's own.

    >>> promises("sqlite", {"journal_mode": "wal", "synchronous": "normal"})
    ('your last acknowledged commit can vanish at power loss, and those before it, but none is torn',)
    """
    known = {**DEFAULTS[engine], **{name.lower(): value for name, value in settings.items()}}
    return tuple(_WORDS[engine]({name: value.lower() for name, value in known.items()}))


def is_kept(engine: str, settings: Settings) -> bool:
    """Whether they promise that what was acknowledged is there after a power loss, and nothing worse beside it.

    >>> is_kept("sqlite", {"journal_mode": "wal", "synchronous": "full"}), is_kept("sqlite", {})
    (True, False)
    """
    return promises(engine, settings) == (_KEPT,)


def _sqlite_words(settings: Settings) -> Iterator[str]:
    journal, synchronous = settings["journal_mode"], settings["synchronous"]
    if journal in {"memory", "off"}:
        yield "a power loss or a killed process can damage the database: there is no journal on the disk"
    elif synchronous == "off":
        yield f"{_LOST}, and the database can be damaged: nothing is synced"
    elif journal == "wal":
        lossy = f"{_LOST}, and those before it, but none is torn"
        yield lossy if synchronous == "normal" else _KEPT
    elif synchronous == "normal":
        yield f"{_LOST}, and the database can be damaged: pages are written before their journal is synced"
    elif synchronous == "full" and journal == "delete":
        yield f"{_LOST}: COMMIT deletes the journal, and the directory is not synced (synchronous=EXTRA does that)"
    else:
        yield _KEPT


def _postgresql_words(settings: Settings) -> Iterator[str]:
    if settings["fsync"] == "off":
        yield f"{_LOST}, with many before it, and the database can be damaged: nothing is synced (fsync=off)"
    elif settings["synchronous_commit"] == "off":
        yield (
            f"{_LOST} and when the server is killed: up to about three times wal_writer_delay "
            f"({settings['wal_writer_delay']}) of commits; none is torn"
        )
    else:
        yield _KEPT
    if settings["full_page_writes"] == "off":
        yield "a page that is half written at power loss cannot be repaired (full_page_writes=off)"


def _mariadb_words(settings: Settings) -> Iterator[str]:
    flushed = settings["innodb_flush_log_at_trx_commit"]
    if flushed == "0":
        yield f"{_LOST} and when the server is killed: about a second of commits; none is torn"
    elif flushed == "2":
        yield f"{_LOST}: about a second of commits; a killed server loses none"
    else:
        yield _KEPT
    if settings["innodb_doublewrite"] in {"off", "0"}:
        yield "a page that is half written at power loss cannot be repaired (innodb_doublewrite=OFF)"


_WORDS: Mapping[str, Callable[[Settings], Iterator[str]]] = {
    "sqlite": _sqlite_words,
    "postgresql": _postgresql_words,
    "mariadb": _mariadb_words,
}

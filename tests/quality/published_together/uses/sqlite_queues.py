"""Queues in a SQLite file, of which two workers take: persist-queue, huey, GigQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import persistqueue
from gigq import JobQueue, Worker
from gigq.db_utils import close_connections
from huey.storage import SqliteStorage
from persistqueue.serializers import pickle as pickles


def persistent(path: str) -> persistqueue.SQLiteQueue:
    return persistqueue.SQLiteQueue(str(Path(path).parent), db_file_name=Path(path).name)


def create_persistent(connection: Any) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE queue_default (_id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB, timestamp FLOAT)"
    )


def put_persistent(session: Any) -> None:
    put = "INSERT INTO queue_default (data, timestamp) VALUES (?, 1)"
    for job in ("first", "second"):
        session.connection().exec_driver_sql(put, (pickles.dumps(job),))


def take_persistent(dsn: str) -> str:
    """The next job."""
    return str(persistent(dsn).get(block=False))


def create_by(package: Any) -> Any:
    """A schema that a package makes on a file."""

    def create(connection: Any) -> None:
        (path,) = [row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"]
        connection.commit()
        package(path)

    return create


def make_huey(path: str) -> None:
    SqliteStorage("huey", path, journal_mode=None).close()


def put_huey(session: Any) -> None:
    put = "INSERT INTO task (queue, data, priority) VALUES ('huey', ?, 0)"
    for job in (b"first", b"second"):
        session.connection().exec_driver_sql(put, (job,))


def take_huey(dsn: str) -> str:
    """The next task: BEGIN EXCLUSIVE, then SELECT and DELETE."""
    storage = SqliteStorage("huey", dsn, journal_mode=None, create_tables=False)
    try:
        return bytes(storage.dequeue()).decode()
    finally:
        storage.close()


def nothing() -> None:
    """A job."""


def make_gigq(path: str) -> None:
    JobQueue(path)
    close_connections()


def put_gigq(session: Any) -> None:
    put = (
        "INSERT INTO jobs (id, name, function_name, function_module, status, priority, created_at, updated_at,"
        " attempts, max_attempts, timeout, params, dependencies) VALUES (?, ?, 'nothing', ?, 'pending', 0, ?, ?, 0, 3,"
        " 300, '{}', '[]')"
    )
    for job in ("first", "second"):
        session.connection().exec_driver_sql(put, (job, job, __name__, job, job))


def take_gigq(dsn: str) -> str:
    """The next job: BEGIN EXCLUSIVE, then SELECT and UPDATE."""
    try:
        return str(Worker(dsn, worker_id="a worker")._claim_job()["id"])  # type: ignore[index]
    finally:
        close_connections()

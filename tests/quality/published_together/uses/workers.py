"""Workers that share a queue or a store of jobs: BeanQueue and APScheduler."""

from __future__ import annotations

import pickle
import uuid
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_RUNNING, BaseScheduler
from bq import models
from bq.services.dispatch import DispatchService
from sqlalchemy import Engine
from sqlalchemy.orm import Session

WORKERS = [uuid.UUID(int=number) for number in (1, 2)]


def two_tasks(session: Session) -> None:
    session.add_all(models.Worker(id=worker, name=str(worker), channels=["mail"]) for worker in WORKERS)
    for number in (1, 2):
        at = datetime(2026, 1, number, tzinfo=UTC)
        session.add(
            models.Task(id=uuid.UUID(int=10 + number), channel="mail", module="m", func_name="f", created_at=at)
        )


def claim(session: Session, worker: int) -> list[int]:
    """The next task: FOR UPDATE SKIP LOCKED."""
    tasks = DispatchService(session).dispatch(["mail"], worker_id=WORKERS[worker]).all()
    session.commit()
    return [task.id.int for task in tasks]


def job() -> None:
    """What has to be done once."""


def scheduler_on(engine: Engine) -> tuple[BackgroundScheduler, list[str]]:
    """One that runs its jobs at once, and what it has run."""
    ran: list[str] = []

    class Noting(DebugExecutor):
        def _do_submit_job(self, job: Any, run_times: Any) -> None:
            ran.append(job.id)
            super()._do_submit_job(job, run_times)

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_executor(Noting())
    scheduler.add_jobstore(SQLAlchemyJobStore(engine=engine))
    return scheduler, ran


def create_jobs(connection: Any) -> None:
    SQLAlchemyJobStore(engine=connection.engine).jobs_t.create(connection)


def one_job_due(session: Session) -> None:
    """A job for the first of January, as the store keeps it."""
    due = datetime(2026, 1, 1, tzinfo=UTC)
    made = BackgroundScheduler(timezone=UTC).add_job(job, "date", run_date=due, id="report", misfire_grace_time=None)
    defaults = {"coalesce": True, "max_instances": 1, "executor": "default", "next_run_time": due}
    for name, value in defaults.items():
        setattr(made, name, value)
    state = pickle.dumps(made.__getstate__(), pickle.HIGHEST_PROTOCOL)
    store = SQLAlchemyJobStore(engine=session.get_bind())
    session.execute(store.jobs_t.insert().values(id="report", next_run_time=due.timestamp(), job_state=state))


def wake(engine: Engine) -> list[str]:
    """What a scheduler runs that has just been started and wakes up."""
    scheduler, ran = scheduler_on(engine)
    wake_up(scheduler)
    return ran


def wake_up(scheduler: BackgroundScheduler) -> None:
    """Start it without its thread, and let it look once, as its thread does."""
    BaseScheduler.start(scheduler, paused=True)
    scheduler.state = STATE_RUNNING
    scheduler._process_jobs()

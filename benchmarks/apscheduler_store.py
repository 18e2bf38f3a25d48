"""APScheduler with one job for each schedule, as a process of its own.

As its documentation recommends: the SQLAlchemy job store, a thread pool, `coalesce`, a cron
trigger in the patient's zone, and no misfire limit, so that nothing is lost. Each job writes
what ours writes: one occurrence and one delivery, in one statement of one transaction.
"""

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import psycopg
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

THREADS = 10

_OWED = """
SELECT w.clinic_id::text, w.lineage_id::text, w.patient_id::text, w.occ_key,
       w.local_date::text, w.due_at::text, w.expires_at::text, s.time_zone
  FROM owed w
  JOIN schedule s ON s.clinic_id = w.clinic_id AND s.id = w.lineage_id
 ORDER BY w.lineage_id
 LIMIT %s
"""

_REMIND = """
WITH fallen AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at,
                            state, round)
    VALUES (%s, %s, %s, %s, %s, %s, 'due', 0)
    ON CONFLICT (clinic_id, lineage_id, occ_key) DO NOTHING
    RETURNING clinic_id, id, due_at
)
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, state, wake_at,
                      attempts)
SELECT f.clinic_id, f.id, d.id, d.channel, 0, 'ready', f.due_at, 0
  FROM fallen f
  JOIN destination d ON d.clinic_id = f.clinic_id AND d.patient_id = %s
"""

_of_thread = threading.local()


def remind(*values: str) -> None:
    """Write one occurrence and its delivery, on the thread's own connection."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = psycopg.connect(os.environ["WORKER_URL"], autocommit=True)
    _of_thread.connection.execute(_REMIND, values, prepare=True)


def main() -> None:
    """Add the jobs, say so, and let them all fire when told."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    jobs, store = int(os.environ["JOBS"]), os.environ["STORE_URL"]
    scheduler = BackgroundScheduler(
        timezone=UTC,
        jobstores={"default": SQLAlchemyJobStore(url=store)},
        executors={"default": ThreadPoolExecutor(THREADS)},
        job_defaults={"coalesce": True, "misfire_grace_time": None},
    )
    finished = _when_done(scheduler, jobs)
    scheduler.start(paused=True)
    with psycopg.connect(os.environ["WORKER_URL"]) as connection:
        for row in connection.execute(_OWED, [jobs]):
            _add(scheduler, row)
    print("ready", flush=True)
    sys.stdin.readline()
    started = perf_counter()
    scheduler.resume()
    finished.wait(300)
    print(json.dumps({"seconds": perf_counter() - started}), flush=True)
    scheduler.shutdown(wait=False)


def _add(scheduler: BackgroundScheduler, row: tuple[Any, ...]) -> None:
    clinic_id, lineage_id, patient_id, *occurrence, zone = row
    scheduler.add_job(
        "benchmarks.apscheduler_store:remind",
        CronTrigger(hour=9, minute=0, timezone=zone),
        args=[clinic_id, lineage_id, *occurrence, patient_id],
        id=lineage_id,
        next_run_time=datetime.now(UTC) - timedelta(seconds=1),
    )


def _when_done(scheduler: BackgroundScheduler, jobs: int) -> threading.Event:
    done, count, lock = threading.Event(), 0, threading.Lock()

    def another(_event: object) -> None:
        nonlocal count
        with lock:
            count += 1
            if count == jobs:
                done.set()

    scheduler.add_listener(another, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    return done


if __name__ == "__main__":
    main()

"""A worker as a process of its own, as `recovery-service worker` starts one.

    python -m tests.chaos.worker

Reads the environment as the service does. `CHAOS_CHUNK` and `CHAOS_BATCH` make the chunks
smaller than in production, so that a kill falls between two of them. `CHAOS_WALL` is the file
of a wall clock that a test sets.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy.orm import Session

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.cli.worker import deliver_of
from recovery_service.database import transaction
from recovery_service.extensions import EXTENSION, Parts
from recovery_service.reminders.dispatch import Sender
from recovery_service.reminders.scheduler import Rhythm, run_worker
from tests.chaos import wall_clock


def main() -> None:
    settings = Settings.from_environ(os.environ)
    if "CHAOS_WALL" in os.environ:
        wall_clock.follow(Path(os.environ["CHAOS_WALL"]))
    app = create_app(settings, worker=True)
    parts: Parts = app.extensions[EXTENSION]

    @contextmanager
    def begin() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    sender = Sender(
        transaction=begin,
        channels=parts.channels,
        clock=parts.clock,
        keys=parts.keys,
        worker_id=uuid4(),
        lease=timedelta(seconds=settings.lease_seconds),
        batch=int(os.environ.get("CHAOS_BATCH", "100")),
        chunk=int(os.environ.get("CHAOS_CHUNK", "20")),
        webhooks=parts.webhooks,
    )
    rhythm = Rhythm(
        tick=timedelta(seconds=settings.tick_seconds),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        sweep=timedelta(seconds=settings.tick_seconds),
    )
    run_worker(sender, rhythm, deliver=deliver_of(settings))


if __name__ == "__main__":
    main()

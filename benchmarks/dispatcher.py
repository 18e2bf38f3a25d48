"""One dispatcher as a process of its own: waits for the word, then works until nothing is due.

`python -m benchmarks.dispatcher`, with the service's environment. Says "ready" when it has
loaded everything, reads the instant to work at, and answers with JSON: counts and seconds.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import uuid4

from flask import Flask
from sqlalchemy.orm import Session

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.reminders.dispatch import Sender
from recovery_service.reminders.loop import Loop


def main() -> None:
    """Run the worker's own loop once."""
    clock = ManualClock(datetime.max.replace(tzinfo=UTC))
    app = create_app(Settings.from_environ(os.environ), clock=clock, worker=True)
    with app.app_context():
        loop = Loop(_sender(app))
        with transaction() as session:
            session.connection()
        print("ready", flush=True)
        clock.set(datetime.fromisoformat(sys.stdin.readline().strip()))
        started = perf_counter()
        done = loop.materialise()
        seconds = perf_counter() - started
    print(json.dumps({**done._asdict(), "seconds": seconds}), flush=True)


def _sender(app: Flask) -> Sender:
    @contextmanager
    def begin() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    return Sender(
        transaction=begin,
        channels={},
        clock=parts().clock,
        keys=parts().keys,
        worker_id=uuid4(),
        lease=timedelta(seconds=60),
    )


if __name__ == "__main__":
    main()

"""How commands come by settings, an application, and a worker's way of sending."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.database import transaction
from recovery_service.domain.identifiers import new_id
from recovery_service.extensions import db, parts
from recovery_service.garbage import collect_rarely
from recovery_service.reminders.dispatch import Sender
from recovery_service.reminders.not_done import Watching
from recovery_service.reminders.work import Transaction


def settings_here() -> Settings:
    """Read the settings of this process; raises SettingsError naming all that is wrong."""
    return Settings.from_environ(os.environ)


@contextmanager
def application(settings: Settings, *, worker: bool = False) -> Iterator[Flask]:
    """Stand inside an application; its connections and channels are given back at the end."""
    app = create_app(settings, worker=worker)
    with app.app_context(), collecting_rarely() if worker else nullcontext():
        try:
            yield app
        finally:
            for channel in (*parts().channels.values(), parts().webhooks):
                channel.close()
            db.engine.dispose()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Collect garbage rarely meanwhile."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def transactions_of(app: Flask) -> Transaction:
    """Return transactions that any thread may begin, as the role the application has."""

    @contextmanager
    def begin() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    return begin


def sender_of(app: Flask, *, lease: timedelta) -> Sender:
    """Return a new worker's way of sending: its id, the channels, the clock."""
    with app.app_context():
        own = parts()
    return Sender(
        transaction=transactions_of(app),
        channels=own.channels,
        clock=own.clock,
        keys=own.keys,
        worker_id=new_id(now=own.clock()),
        lease=lease,
        watching=Watching(rules=own.content.red_flags, policy=own.content.alert_policy),
        webhooks=own.webhooks,
    )

"""The worker: the reminder loop until told to stop."""

from datetime import timedelta
from importlib import import_module

import click

from config.settings import Settings
from recovery_service.cli.applications import application, sender_of, settings_here
from recovery_service.cli.fitness import require_ready_unless_away
from recovery_service.cli.orphans import until_orphaned
from recovery_service.extensions import db, parts
from recovery_service.reminders.dispatch import dispatch
from recovery_service.reminders.fleet import HandOver
from recovery_service.reminders.loop import Deliver
from recovery_service.reminders.scheduler import Rhythm, run_worker


@click.command()
@until_orphaned
def worker() -> None:
    """Send reminders as they fall due, until told to stop.

    Any number of workers may run. One that finds the database away waits for it.
    """
    settings = settings_here()
    with application(settings, worker=True) as app:
        require_ready_unless_away(db.engine, settings)
        if "webpush" in parts().channels:
            import_module("pywebpush")  # slow to load: before the first reminder, not for it
        sender = sender_of(app, lease=timedelta(seconds=settings.lease_seconds))
        rhythm = Rhythm(
            tick=timedelta(seconds=settings.tick_seconds),
            heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        )
        run_worker(sender, rhythm, deliver=deliver_of(settings))


def deliver_of(settings: Settings) -> Deliver:
    """Return how this worker delivers: through the fleet if there is a broker, or by itself."""
    if settings.broker_url is None:
        return dispatch
    from recovery_service.reminders.broker import Broker  # it brings Celery; only who asks pays

    return HandOver(Broker(settings.broker_url, lease=timedelta(seconds=settings.lease_seconds)))

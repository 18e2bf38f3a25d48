"""The worker: the reminder loop until told to stop."""

from datetime import timedelta
from importlib import import_module

import click
import structlog
from sqlalchemy import exc

from config.settings import Settings
from recovery_service.cli.applications import application, sender_of, settings_here
from recovery_service.cli.fitness import require_ready
from recovery_service.cli.orphans import until_orphaned
from recovery_service.extensions import db, parts
from recovery_service.reminders.outage import is_gone
from recovery_service.reminders.scheduler import Rhythm, run_worker

log = structlog.get_logger(__name__)


@click.command()
@until_orphaned
def worker() -> None:
    """Send reminders as they fall due, until told to stop.

    Any number of workers may run. One that finds the database away waits for it.
    """
    settings = settings_here()
    with application(settings, worker=True) as app:
        _require_ready_unless_away(settings)
        if "webpush" in parts().channels:
            import_module("pywebpush")  # slow to load: before the first reminder, not for it
        sender = sender_of(app, lease=timedelta(seconds=settings.lease_seconds))
        rhythm = Rhythm(
            tick=timedelta(seconds=settings.tick_seconds),
            heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        )
        run_worker(sender, rhythm)


def _require_ready_unless_away(settings: Settings) -> None:
    """Refuse an unfit database; one that is away is waited for."""
    try:
        require_ready(db.engine, settings)
    except exc.DBAPIError as error:
        if not is_gone(error):
            raise
        log.warning("database_gone")

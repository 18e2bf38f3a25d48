"""Reminders from the outside: one pass for cron, and how the queue stands."""

from datetime import timedelta

import click

from recovery_service.cli.applications import application, sender_of, settings_here
from recovery_service.cli.fitness import require_ready
from recovery_service.extensions import db
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.status import status


@click.group()
def reminders() -> None:
    """Look after reminders."""


@reminders.command()
def tick() -> None:
    """Do all that is due once, and report how much it was; for cron, beside workers or alone."""
    settings = settings_here()
    with application(settings, worker=True) as app:
        require_ready(db.engine, settings)
        counts = tick_once(sender_of(app, lease=timedelta(seconds=settings.lease_seconds)))
    done = [f"{count} {name}" for name, count in sorted(counts.items()) if count]
    click.echo(", ".join(done) or "nothing was due")


@reminders.command("status")
def status_command() -> None:
    """Say how many wait, and for how many seconds the oldest has been waiting."""
    settings = settings_here()
    with application(settings, worker=True) as app:
        require_ready(db.engine, settings)
        sender = sender_of(app, lease=timedelta(seconds=settings.lease_seconds))
        figures = status(sender.transaction, now=sender.clock()).figures()
    for name, value in figures.items():
        click.echo(f"{name}: {value:g}")

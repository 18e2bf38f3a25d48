"""The database's tables: brought up to date by the role that owns them."""

import click

from recovery_service.app import MIGRATOR_ROLE
from recovery_service.cli.applications import settings_here
from recovery_service.database import role_url
from recovery_service.migrations import upgrade


@click.group("db")
def database() -> None:
    """Look after the database."""


@database.command("upgrade")
def upgrade_command() -> None:
    """Bring the tables up to date; a second run changes nothing."""
    settings = settings_here()
    upgrade(role_url(settings.migrator_database_url, MIGRATOR_ROLE))
    click.echo("the database is up to date")

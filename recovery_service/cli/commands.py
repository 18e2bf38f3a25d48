"""The group of all commands."""

import click

from recovery_service.cli.database import database
from recovery_service.cli.demo import demo
from recovery_service.cli.refusals import Commands
from recovery_service.cli.reminders import reminders
from recovery_service.cli.staff import staff
from recovery_service.cli.web import web
from recovery_service.cli.worker import worker


@click.group(cls=Commands)
@click.version_option(package_name="recovery-service")
def main() -> None:
    """Plan, reminders and check-ins for the weeks after spine surgery.

    Every setting is an environment variable RECOVERY_...; .env.example lists them.
    """


for command in (demo, web, worker, database, staff, reminders):
    main.add_command(command)

"""The group of all commands; each is loaded when it is called for."""

from importlib import import_module

import click

from recovery_service.cli.refusals import Commands

_PLACES = {
    "demo": "demo:demo",
    "web": "web:web",
    "worker": "worker:worker",
    "fleet": "fleet:fleet",
    "db": "database:database",
    "staff": "staff:staff",
    "reminders": "reminders:reminders",
    "rules": "rules:rules",
}


class LoadedLate(Commands):
    """A group that knows where its commands are, so that none waits for what others need."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's shape
        """Return the names in the order in which they are met."""
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None where there is none of that name."""
        if cmd_name not in _PLACES:
            return None
        module, _, name = _PLACES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"recovery_service.cli.{module}"), name)
        return command


@click.group(cls=LoadedLate)
@click.version_option(package_name="recovery-service")
def main() -> None:
    """Plan, reminders and check-ins for the weeks after spine surgery.

    Every setting is an environment variable RECOVERY_...; .env.example lists them.
    """

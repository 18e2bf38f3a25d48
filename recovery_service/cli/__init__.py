"""The command line: `recovery-service demo | web | worker | fleet | db | staff | reminders`."""

from recovery_service.cli.commands import main

__all__ = ["main"]

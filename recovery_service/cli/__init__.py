"""The command line: `recovery-service demo | web | worker | db | staff | reminders`."""

from recovery_service.cli.commands import main

__all__ = ["main"]

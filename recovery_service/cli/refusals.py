"""What a command says instead of a traceback, and with which exit status."""

import click
import psycopg
from alembic.util import CommandError
from sqlalchemy import exc

from config.settings import SettingsError
from recovery_service.database import UnfitDatabaseError
from recovery_service.domain.content_fields import ContentError
from recovery_service.embedded_postgres import EmbeddedPostgresError
from recovery_service.errors import Invalid, RecoveryError

MISCONFIGURED = 2


class Refusal(click.ClickException):
    """The command cannot do its work here; the message says why and what helps."""

    exit_code = MISCONFIGURED


# What an operator can put right. Anything else is a fault of ours and keeps its traceback.
_EXPECTED = (
    SettingsError,
    ContentError,
    UnfitDatabaseError,
    EmbeddedPostgresError,
    CommandError,
    RecoveryError,
    exc.OperationalError,
    psycopg.OperationalError,
)


class Commands(click.Group):
    """A group whose commands end in one clear line where the surroundings are at fault."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; raises Refusal for what an operator can put right."""
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            raise Refusal(explain(error)) from error


def explain(error: BaseException) -> str:
    """Return what to tell the operator; the driver's text never repeats a password."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.OperationalError):
        return f"the database cannot be reached: {str(cause).strip().splitlines()[0]}"
    if isinstance(error, Invalid):
        return "; ".join(f"{each.pointer.lstrip('/')}: {each.message}" for each in error.errors)
    return str(error)

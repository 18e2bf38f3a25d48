"""What a command says instead of a traceback, and with which exit status."""

import click

MISCONFIGURED = 2


class Refusal(click.ClickException):
    """The command cannot do its work here; the message says why and what helps."""

    exit_code = MISCONFIGURED


class Commands(click.Group):
    """A group whose commands end in one clear line where the surroundings are at fault."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; raises Refusal for what an operator can put right."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            told = explain(error)
            if told is None:
                raise
            raise Refusal(told) from error


def explain(error: Exception) -> str | None:
    """Return what to tell the operator, None for what is a fault of ours.

    Loaded only now: nobody who is well needs these. The driver's text repeats no password.
    """
    import psycopg
    from alembic.util import CommandError
    from sqlalchemy import exc

    from config.settings import SettingsError
    from recovery_service.database import UnfitDatabaseError
    from recovery_service.domain.content_fields import ContentError
    from recovery_service.embedded_postgres import EmbeddedPostgresError
    from recovery_service.errors import Invalid, RecoveryError

    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, psycopg.OperationalError):
        return f"the database cannot be reached: {str(cause).strip().splitlines()[0]}"
    if isinstance(error, Invalid):
        return "; ".join(f"{each.pointer.lstrip('/')}: {each.message}" for each in error.errors)
    settled = (SettingsError, ContentError, UnfitDatabaseError, EmbeddedPostgresError)
    if isinstance(error, (*settled, CommandError, RecoveryError)):
        return str(error)
    return None

"""Whether a process may begin its work: a fit server, and the tables that the code expects."""

import structlog
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, exc

from config.settings import Settings
from recovery_service.cli.refusals import Refusal
from recovery_service.database import require_fit_server
from recovery_service.migrations import configuration
from recovery_service.reminders.outage import is_gone

log = structlog.get_logger(__name__)


def require_ready(engine: Engine, settings: Settings) -> None:
    """Refuse a server that is too old or forgetful, and tables of another version."""
    require_fit_server(engine, durable=settings.environment != "test")
    require_migrated(engine)


def require_ready_unless_away(engine: Engine, settings: Settings) -> None:
    """Refuse an unfit database; one that is away is waited for."""
    try:
        require_ready(engine, settings)
    except exc.DBAPIError as error:
        if not is_gone(error):
            raise
        log.warning("database_gone")


def require_migrated(engine: Engine) -> None:
    """Refuse a database whose tables are not those of this version."""
    scripts = ScriptDirectory.from_config(configuration(""))
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == scripts.get_current_head():
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise Refusal("the database was migrated by a newer version of recovery-service")
    raise Refusal("the database is not up to date; run: recovery-service db upgrade")

"""The web server: Granian serves the WSGI application from several processes."""

import os
import signal
from typing import Any

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from config.settings import Settings
from recovery_service.cli.applications import application, settings_here
from recovery_service.cli.fitness import require_ready
from recovery_service.cli.orphans import end_with_parent, until_orphaned
from recovery_service.cli.ports import require_free
from recovery_service.extensions import db

TARGET = "recovery_service.wsgi:app"

# Long enough for a request in flight, whose statements end after five seconds.
_FAREWELL_SECONDS = 20
# The server's own lines take the same way as everybody's: through the root logger's gate.
_LOGS: dict[str, Any] = {
    "handlers": {},
    "formatters": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


@click.command()
@until_orphaned
def web() -> None:
    """Serve the API and the dashboard until told to stop.

    SIGTERM and SIGINT let requests in flight finish. A worker process that dies is replaced.
    """
    settings = settings_here()
    require_free(settings.host, settings.port)
    with application(settings):
        require_ready(db.engine, settings)
    click.echo(f"serving at {settings.base_url}, listening on {settings.host}:{settings.port}")
    server(settings).serve(target_loader=load_application, wrap_loader=False)


def server(settings: Settings) -> MPServer:
    """Return the server that the settings describe, not yet listening."""
    return MPServer(
        TARGET,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_FAREWELL_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=_LOGS,
    )


def load_application() -> Any:
    """Return the WSGI application; called once in each process that serves.

    Until the server sets its own handlers, the parent's are inherited, and a process told to
    end while it loads would not hear it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent(os.getppid())
    from recovery_service.wsgi import app

    return app

"""The demo: everything on one machine, with a clinic whose patients are mid-recovery."""

import http.client
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from config.settings import Settings
from recovery_service.cli.demo_folder import DemoFolder, Secrets, write_private
from recovery_service.cli.ports import require_free
from recovery_service.cli.refusals import Refusal
from recovery_service.cli.supervisor import Service, Supervisor
from recovery_service.clock import SystemClock
from recovery_service.embedded_postgres import EmbeddedPostgres

DATABASE = "recovery"
_START_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.1
_HEALTHY = 200


@click.command()
@click.option(
    "--port", envvar="PORT", default=8000, show_default=True, type=click.IntRange(1, 65535)
)
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path))
@click.option("--fresh", is_flag=True, help="Begin with a new clinic; the old one is deleted.")
def demo(port: int, folder: Path, *, fresh: bool) -> None:
    """Run database, web and worker on this machine, with a clinic of invented patients.

    Stops on Ctrl-C; the next start goes on with the same data.
    """
    if os.environ.get("RECOVERY_DATABASE_URL"):
        raise Refusal(
            "the demo brings its own database; unset RECOVERY_DATABASE_URL, or run"
            " recovery-service web and recovery-service worker on yours"
        )
    signal.signal(signal.SIGTERM, _end)
    console, place = Console(), DemoFolder(folder)
    with place.held():
        require_free("127.0.0.1", port)
        with EmbeddedPostgres(place.postgres) as postgres:
            _run(console, place, postgres, port, fresh=fresh)
    console.print("Stopped. The data stays; the same command goes on with it.")


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _run(
    console: Console, place: DemoFolder, postgres: EmbeddedPostgres, port: int, *, fresh: bool
) -> None:
    environ = environ_of(place.secrets(), postgres, port)
    settings = Settings.from_environ(environ)
    if fresh or not (place.seeded and postgres.database_exists(DATABASE)):
        _begin(console, place, postgres, settings)
    else:
        _migrate(settings)
    services = [Service("web", ["web"]), Service("worker", ["worker"])]
    supervisor = Supervisor(services, environ, lambda text: console.print(text, style="yellow"))
    supervisor.run(lambda go_on: _open_doors(console, settings, place, go_on))


def environ_of(secrets: Secrets, postgres: EmbeddedPostgres, port: int) -> dict[str, str]:
    """Return the environment of the services: ours, over what the person has set."""
    return {
        "RECOVERY_LOG_LEVEL": "WARNING",
        **os.environ,
        "RECOVERY_ENVIRONMENT": "demo",
        "RECOVERY_SECRET_KEY": secrets.secret_key,
        "RECOVERY_DATABASE_URL": postgres.url(DATABASE, "recovery_app"),
        "RECOVERY_WORKER_DATABASE_URL": postgres.url(DATABASE, "recovery_worker"),
        "RECOVERY_MIGRATOR_DATABASE_URL": postgres.url(DATABASE, "recovery_migrator"),
        "RECOVERY_VAPID_PRIVATE_KEY": secrets.vapid_private_key,
        "RECOVERY_VAPID_CONTACT": "mailto:demo@alderwick.example",
        "RECOVERY_BASE_URL": os.environ.get("RECOVERY_BASE_URL", f"http://127.0.0.1:{port}"),
        "RECOVERY_BROKER_URL": "",  # one machine sends by itself
        "RECOVERY_HOST": "127.0.0.1",
        "RECOVERY_PORT": str(port),
    }


def _begin(
    console: Console, place: DemoFolder, postgres: EmbeddedPostgres, settings: Settings
) -> None:
    """Make a new clinic; an interrupted one is thrown away and made anew."""
    from recovery_service.cli.demo_clinic import seed

    place.seeded = False
    postgres.drop_database(DATABASE)
    postgres.create_database(DATABASE)
    _migrate(settings)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Twelve patients recover", total=1.0)
        sign_ins = seed(
            settings,
            now=SystemClock()(),
            progress=lambda share: bar.update(task, completed=share),
        )
    place.keep_sign_ins(sign_ins)
    place.seeded = True


def _migrate(settings: Settings) -> None:
    from recovery_service.migrations import upgrade

    upgrade(settings.migrator_database_url)


def _open_doors(
    console: Console, settings: Settings, place: DemoFolder, go_on: Callable[[], bool]
) -> None:
    """Write the sign-ins while the services start, and say where to go once they answer."""
    from recovery_service.cli.demo_credentials import credentials

    known = credentials(settings, place)
    write_private(place.credentials, known)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(settings.port):
        if not go_on() or time.monotonic() > deadline:
            return
        time.sleep(_ASK_AGAIN_SECONDS)
    _welcome(console, known, place)


def _welcome(console: Console, known: Mapping[str, Any], place: DemoFolder) -> None:
    console.print(f"\n[bold]{known['clinic']}[/bold] is open.")
    console.print(f"  Dashboard      {known['base_url']}/")
    console.print(f"  API reference  {known['base_url']}/docs/api")
    for member in known["staff"]:
        signs_in = f"{member['email']}  {member['password']}  ({member['role']})"
        console.print(f"  Sign in        {signs_in}", highlight=False)
    console.print(f"  Patients' codes and seeds of one-time codes: {place.credentials}")
    console.print("Ctrl-C stops everything.")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == _HEALTHY
    except OSError:
        return False
    finally:
        connection.close()

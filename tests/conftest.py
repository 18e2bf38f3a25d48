"""Shared fixtures: a real PostgreSQL, the application on it, and a clinic of one's own.

Every test works in a clinic that it made itself, behind the same wall that
separates clinics in production, so tests share a database without meeting.
Tests of the reminder loop, which sees all clinics, take a database of their own.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.clock import ManualClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.extensions import db
from recovery_service.logs import configure_logs
from recovery_service.migrations import FOLDER, upgrade
from recovery_service.reminders.channels.vapid import new_private_key
from tests.calls import PoliteClient
from tests.factories import ClinicWithStaff, make_clinic

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "a secret of the test suite, and of nothing else"
VAPID_KEY = new_private_key()
POSTGRES = int(os.environ.get("RECOVERY_TEST_POSTGRES", "18"))


@pytest.fixture(autouse=True)
def _log_lines() -> None:
    """Let each test hear log lines as the service writes them, whatever the one before set up.

    Planted: without this, what reads them fails after any test that ends with structlog's own
    defaults, and only in that order.
    """
    configure_logs(level="WARNING")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process of the run through at a time."""
    with path.open("a") as file:
        flock(file, LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """Return a folder that all processes of this test run share."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    name = hashlib.sha256(run.encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"recovery-tests-{POSTGRES}-{name}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[EmbeddedPostgres]:
    """Return the cluster of this run; the first process starts it, the last stops it."""
    with EmbeddedPostgres(
        run_folder / "postgres", version=POSTGRES, durable=False, start_timeout=120
    ) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres, run_folder: Path) -> str:
    """Return the name of a migrated, empty database from which others are copied."""
    name = (
        "template_"
        + hashlib.sha256(
            b"".join(each.read_bytes() for each in sorted((FOLDER / "versions").glob("*.py")))
        ).hexdigest()[:12]
    )
    with locked(run_folder / "template.lock"):
        if not postgres.database_exists(name):
            postgres.create_database(f"{name}_making")
            upgrade(postgres.url(f"{name}_making", "recovery_migrator"))
            postgres.create_database(name, template=f"{name}_making")
    return name


@contextmanager
def copied_database(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:16]}"
    postgres.create_database(name, template=template)
    try:
        yield name
    finally:
        postgres.drop_database(name)


@pytest.fixture(scope="session")
def shared_database(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Return a database for all tests of this process that keep to their own clinic."""
    with copied_database(postgres, template) as name:
        yield name


@pytest.fixture
def own_database(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Return an empty database for one test."""
    with copied_database(postgres, template) as name:
        yield name


def settings_for(postgres: EmbeddedPostgres, database: str, **changes: str) -> Settings:
    """Return settings of a test on a database, as separate app and worker roles."""
    return Settings.from_environ(environ_for(postgres, database, **changes))


def environ_for(postgres: EmbeddedPostgres, database: str, **changes: str) -> dict[str, str]:
    """Return the environment of a process under test."""
    return {
        "RECOVERY_ENVIRONMENT": "test",
        "RECOVERY_SECRET_KEY": SECRET,
        "RECOVERY_DATABASE_URL": postgres.url(database, "recovery_app"),
        "RECOVERY_WORKER_DATABASE_URL": postgres.url(database, "recovery_worker"),
        "RECOVERY_MIGRATOR_DATABASE_URL": postgres.url(database, "recovery_migrator"),
        "RECOVERY_VAPID_PRIVATE_KEY": VAPID_KEY,
        "RECOVERY_VAPID_CONTACT": "mailto:it@clinic.example",
        "RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS": "true",
        "RECOVERY_SANDBOX": "true",
        "RECOVERY_LOG_LEVEL": "WARNING",
    } | changes


@contextmanager
def running_app(settings: Settings, clock: ManualClock, *, worker: bool = False) -> Iterator[Flask]:
    """Compose an application and give its connections back afterwards."""
    app = create_app(settings, clock=clock, worker=worker)
    app.test_client_class = PoliteClient
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def shared_app(postgres: EmbeddedPostgres, shared_database: str) -> Iterator[Flask]:
    with running_app(settings_for(postgres, shared_database), ManualClock(MONDAY)) as app:
        yield app


@pytest.fixture
def clock(shared_app: Flask) -> ManualClock:
    """Return the application's clock: Monday 2 March 2026, 09:00 UTC, until moved."""
    clock: ManualClock = shared_app.extensions["recovery_service"].clock
    clock.set(MONDAY)
    return clock


@pytest.fixture
def app(shared_app: Flask, clock: ManualClock) -> Flask:
    """Return the application with its clock set back."""
    return shared_app


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """Stand inside the application, for tests of services."""
    with app.app_context():
        yield


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client that nobody has signed in."""
    return app.test_client()


@pytest.fixture
def clinic(app: Flask, clock: ManualClock) -> ClinicWithStaff:
    """Return a new clinic in London with one person of each role."""
    with app.app_context():
        return make_clinic(now=clock())


@pytest.fixture
def other_clinic(app: Flask, clock: ManualClock) -> ClinicWithStaff:
    """Return a second clinic, whose rows the first must never see."""
    with app.app_context():
        return make_clinic(now=clock(), name="Other Clinic")

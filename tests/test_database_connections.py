"""Connections: what a transaction costs, what dies, and two clinics on few of them."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from recovery_service.clock import ManualClock
from recovery_service.database import (
    current_clinic,
    few_trips,
    one_trip,
    transaction,
    within,
)
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.extensions import db
from tests.conftest import MONDAY, running_app, settings_for
from tests.factories import ClinicWithStaff, make_clinic, make_patient
from tests.plan_rows import plan_item
from tests.reports import report
from tests.round_trips import RoundTrips, counted

pytestmark = pytest.mark.database


SITES = "SELECT clinic_id FROM site"


@pytest.fixture
def _one_connection(app_context: None) -> Iterator[None]:
    """Let every transaction of a test have the same connection, as a busy pool would."""
    db.engine.dispose()
    yield
    assert db.engine.pool.checkedin() <= 1  # type: ignore[attr-defined]


@pytest.fixture
def context(app_context: None, _one_connection: None) -> None:
    """Stand inside the application, with a pool that has one connection."""


# --- round trips -----------------------------------------------------------------------------


@pytest.fixture
def watched(
    postgres: EmbeddedPostgres, shared_database: str
) -> Iterator[tuple[RoundTrips, ClinicWithStaff]]:
    """Return a counter before an application of its own, and a clinic of that."""
    settings = settings_for(postgres, shared_database)
    real = make_url(settings.database_url).query["host"]
    with tempfile.TemporaryDirectory() as folder, counted(Path(folder), Path(str(real))) as trips:
        through = make_url(settings.database_url).update_query_dict({"host": folder})
        url = through.render_as_string(hide_password=False)
        changed = settings_for(postgres, shared_database, RECOVERY_DATABASE_URL=url)
        with running_app(changed, ManualClock(MONDAY)) as app, app.app_context():
            yield trips, make_clinic(now=MONDAY)


def spent(trips: RoundTrips, work: Callable[[], object]) -> int:
    """Return the round trips of a later run: a statement that comes often is prepared once."""
    for _ in range(8):
        work()
    before = trips.count
    work()
    return trips.count - before


def test_one_trip_is_one_round_trip(watched: tuple[RoundTrips, ClinicWithStaff]) -> None:
    trips, clinic = watched
    assert spent(trips, lambda: one_trip(SITES, {}, clinic_id=clinic.id)) == 1


def test_few_trips_are_one_each_and_the_commit(
    watched: tuple[RoundTrips, ClinicWithStaff],
) -> None:
    trips, clinic = watched

    def work() -> None:
        with few_trips(clinic.id, 7) as ask:
            ask((SITES, {}), (SITES, {}), (SITES, {}))

    assert spent(trips, work) == 2


def test_a_check_in_is_one_trip_and_its_commit_and_one_more_where_it_completes_sessions(
    watched: tuple[RoundTrips, ClinicWithStaff],
) -> None:
    """Red when the sessions are credited in a transaction of their own, as they once were."""
    trips, clinic = watched
    patient = make_patient(clinic, now=MONDAY)
    plan_item(patient, now=MONDAY)
    now = iter(MONDAY + timedelta(seconds=second) for second in range(60))
    assert spent(trips, lambda: report(patient, now=next(now), nrs_back=2)) == 2

    another = iter(make_patient(clinic, now=MONDAY) for _ in range(9))

    def exercised() -> None:
        at_home = next(another)
        plan_item(at_home, now=MONDAY)
        before.append(trips.count)
        report(at_home, now=next(now), nrs_back=2, sessions_done=1)
        after.append(trips.count)

    before: list[int] = []
    after: list[int] = []
    spent(trips, exercised)
    assert after[-1] - before[-1] == 3


def test_few_trips_see_one_clinic_and_are_undone_together(context: None) -> None:
    """Planted: without the rollback the next on the connection committed it."""
    ours, theirs = make_clinic(now=MONDAY), make_clinic(now=MONDAY)
    rename = "UPDATE site SET name = %(name)s"
    with suppress(ZeroDivisionError), few_trips(ours.id) as ask:
        ask((rename, {"name": "Lost"}))
        raise ZeroDivisionError
    with few_trips(ours.id) as ask:
        sites, _ = ask((SITES, {}), (rename, {"name": "Kept"}))
        assert [row[0] for row in sites] == [ours.id]
    for clinic, name in ((ours, "Kept"), (theirs, "Main site")):
        with transaction(clinic.id) as session:
            assert session.scalars(text("SELECT name FROM site")).all() == [name]


def test_few_trips_whose_statement_fails_leave_the_connection_as_it_was(context: None) -> None:
    clinic = make_clinic(now=MONDAY)
    with pytest.raises(psycopg.errors.DivisionByZero), few_trips(clinic.id) as ask:
        ask((SITES, {}), ("SELECT 1 / 0", {}))
    with transaction(clinic.id) as session:
        assert session.scalars(text(SITES)).all() == [clinic.id]


@pytest.mark.parametrize("statements", [1, 3])
def test_the_wall_costs_a_transaction_no_round_trip(
    watched: tuple[RoundTrips, ClinicWithStaff], statements: int
) -> None:
    trips, clinic = watched

    def work(clinic_id: UUID | None, rows: list[UUID]) -> None:
        with transaction(clinic_id) as session:
            for _ in range(statements):
                assert session.scalars(text(SITES)).all() == rows

    assert spent(trips, lambda: work(None, [])) == statements + 2  # the begin and the commit
    assert spent(trips, lambda: work(clinic.id, [clinic.id])) == statements + 2


def test_an_idle_connection_is_checked_without_asking_the_server(
    watched: tuple[RoundTrips, ClinicWithStaff],
) -> None:
    trips, _ = watched
    assert spent(trips, lambda: db.engine.raw_connection().close()) == 0


# --- connections that died -------------------------------------------------------------------


def kill(engine: Engine) -> None:
    """End all other connections of the role, as a restarted server or a firewall does."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE usename = current_user AND datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
        )


@pytest.fixture
def killer(postgres: EmbeddedPostgres, shared_database: str) -> Iterator[Engine]:
    engine = create_engine(postgres.url(shared_database, "recovery_app"))
    yield engine
    engine.dispose()


def test_a_connection_that_the_server_closed_is_replaced_unnoticed(
    context: None, clinic: ClinicWithStaff, killer: Engine
) -> None:
    for _ in range(2):
        with transaction(clinic.id) as session:
            assert session.scalars(text(SITES)).all() == [clinic.id]
        kill(killer)
        assert one_trip(SITES, {}, clinic_id=clinic.id) == [(clinic.id,)]
        kill(killer)


def test_a_connection_that_dies_in_use_is_an_error_once(
    context: None, clinic: ClinicWithStaff
) -> None:
    ours = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(psycopg.OperationalError):
        one_trip(ours, {}, clinic_id=clinic.id)
    with pytest.raises(DBAPIError), transaction(clinic.id) as session:
        session.execute(text(ours))
    assert one_trip(SITES, {}, clinic_id=clinic.id) == [(clinic.id,)]


# --- two clinics at once ---------------------------------------------------------------------


def test_two_hundred_requests_of_two_clinics_never_see_each_other(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    settings = settings_for(postgres, shared_database, RECOVERY_WEB_THREADS="2")
    with running_app(settings, ManualClock(MONDAY)) as app:
        callers = [two_patients_of_a_clinic(app, name) for name in ("Ada", "Zoe")]
        with app.app_context():
            db.engine.pool._max_overflow = 0  # type: ignore[attr-defined]
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda n: names_seen(app, callers[n % 2][1]), range(200)))
    assert [each == {callers[n % 2][0]} for n, each in enumerate(seen)] == [True] * 200


def two_patients_of_a_clinic(app: Flask, name: str) -> tuple[str, dict[str, str]]:
    with app.app_context():
        clinic = make_clinic(now=MONDAY)
        for _ in range(2):
            make_patient(clinic, now=MONDAY, name=name)
        return name, clinic.bearer()


def names_seen(app: Flask, bearer: dict[str, str]) -> set[str]:
    answer = app.test_client().get("/api/v1/patients", headers=bearer)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {patient["name"] for patient in answer.get_json()["items"]}


def test_threads_do_not_inherit_a_clinic(context: None, clinic: ClinicWithStaff) -> None:
    with within(clinic.id), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_clinic).result() is None
        assert pool.submit(copy_context().run, current_clinic).result() == clinic.id

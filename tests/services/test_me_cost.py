"""What opening the app costs, however long the history is.

Defects planted, each seen red here: titles looked for in all revisions of an item, as they
were (302 pages for 128); resolved alerts read and then left out; the agenda's days not a range.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.services.me import STATEMENT, Opening
from tests.conftest import MONDAY, running_app, settings_for
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic
from tests.phones import phone_of
from tests.round_trips import RoundTrips, counted
from tests.services.long_histories import at_home, full_clinic, live_on

pytestmark = pytest.mark.database
# Another page here and there, where an index has grown by a level.
_PAGES = 12


@pytest.fixture
def watched(postgres: EmbeddedPostgres, own_database: str) -> Iterator[tuple[Flask, RoundTrips]]:
    """Return an application of its own, and a counter before its server."""
    settings = settings_for(postgres, own_database)
    real = make_url(settings.database_url).query["host"]
    with tempfile.TemporaryDirectory() as folder, counted(Path(folder), Path(str(real))) as trips:
        through = make_url(settings.database_url).update_query_dict({"host": folder})
        url = through.render_as_string(hide_password=False)
        changed = settings_for(postgres, own_database, RECOVERY_DATABASE_URL=url)
        with running_app(changed, ManualClock(MONDAY)) as app:
            yield app, trips


def test_a_ten_times_longer_history_costs_nothing_more(
    watched: tuple[Flask, RoundTrips], postgres: EmbeddedPostgres, own_database: str
) -> None:
    """By pages and rows read, as EXPLAIN counts them, and by round trips of the request.

    In a clinic where others have their own histories; of a month, and of ten: two check-ins'
    worth of occurrences a day and item, a resolved alert a day, a new revision a week.
    """
    app, trips = watched
    with app.app_context():
        clinic = make_clinic(now=MONDAY)
        full_clinic(clinic, patients=100, days=10, now=MONDAY)
        patient = at_home(clinic, now=MONDAY)
        live_on(clinic, patient, 1, 30, now=MONDAY)
    first = _cost(app, trips, postgres, own_database, clinic, patient)
    with app.app_context():
        live_on(clinic, patient, 31, 300, now=MONDAY)
    later = _cost(app, trips, postgres, own_database, clinic, patient)
    assert (first["trips"], later["trips"]) == (2, 2), "who asks, and the answer"
    assert later["read"] <= first["read"]
    assert later["pages"] <= first["pages"] + _PAGES


def _cost(
    app: Flask,
    trips: RoundTrips,
    postgres: EmbeddedPostgres,
    database: str,
    clinic: ClinicWithStaff,
    patient: PatientAtHome,
) -> dict[str, Any]:
    _analyse(postgres, database)
    phone = phone_of(app, patient)
    spent = []
    for _ in range(8):  # what comes often is prepared once; a proxy may cut a message in two
        before = trips.count
        shown = phone.get("/me").get_json()
        spent.append(trips.count - before)
    assert len(shown["due_today"]) == 16
    opening = Opening(
        clinic_id=clinic.id,
        patient_id=patient.id,
        device_id=patient.device_id,
        time_zone="Europe/London",
        now=MONDAY,
        language="en",
    )
    return {"trips": min(spent)} | _reading(app, clinic, opening.values)


def _analyse(postgres: EmbeddedPostgres, database: str) -> None:
    """Take statistics and tidy up, as autovacuum does in time."""
    url = postgres.url(database, "recovery_migrator").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _reading(app: Flask, clinic: ClinicWithStaff, values: dict[str, Any]) -> dict[str, int]:
    """Return the pages that the statement touches, and the rows of what grows that it reads."""
    explain = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
    with app.app_context(), transaction(clinic.id) as session:
        # Small tables are read whole, whatever the patient's history; here by key, as big ones.
        session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
        told = session.connection().exec_driver_sql(explain + STATEMENT, values).scalar_one()
    top = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in _nodes(top)
        if "Relation Name" in node
    )
    return {"pages": top["Shared Hit Blocks"] + top["Shared Read Blocks"], "read": round(read)}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)

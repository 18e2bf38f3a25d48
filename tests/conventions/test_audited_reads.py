"""Every look at a patient's data leaves exactly one trace, whatever the route."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent
from tests.calls import Caller
from tests.conventions.objects import somebody
from tests.conventions.test_access_matrix import CARE, closed_routes
from tests.factories import ClinicWithStaff


def traces(clinic: ClinicWithStaff) -> list[Any]:
    with transaction(clinic.id) as session:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.id)))


def test_each_read_of_a_patients_data_is_traced_exactly_once(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient, ids = somebody(clinic, now=clock())
        call = Caller(client, clinic.bearer)
        reads = [each for each in closed_routes(app) if each.method == "GET" and each.roles == CARE]
        wrong = []
        for route in reads:
            before = {each.id for each in traces(clinic)}
            assert call("GET", route.path(ids)).status_code == 200, route.name
            made = [each for each in traces(clinic) if each.id not in before]
            named = [each.patient_id for each in made] == [patient.id] or not route.ids
            if len(made) != 1 or not named or made[0].actor_id != clinic.staff["physiotherapist"]:
                wrong.append(f"{route.name}: {[each.action for each in made]}")
    assert wrong == [], "\n".join(wrong)
    assert len(reads) > 8

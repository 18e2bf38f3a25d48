"""The caseload over HTTP: who may see it, in which order, page by page."""

from datetime import date, timedelta

from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent
from tests.factories import ClinicWithStaff, make_patient


def test_the_caseload_lists_the_clinics_own_patients(
    client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff, clock: ManualClock,
    app_context: None,
) -> None:  # fmt: skip
    make_patient(clinic, now=clock(), name="Ada Own")
    make_patient(other_clinic, now=clock(), name="Ben Foreign")
    answer = client.get("/api/v1/patients", headers=clinic.bearer())
    assert answer.status_code == 200, answer.json
    assert [each["name"] for each in answer.json["items"]] == ["Ada Own"]
    assert answer.json["items"][0]["reasons"][0]["code"] == "awaiting_clinician"
    assert answer.json["items"][0]["reasons"][0]["text"] == "Plan not drafted yet"

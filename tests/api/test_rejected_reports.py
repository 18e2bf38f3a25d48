"""A report that could not be taken is a person's to look at, and says so until somebody has."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.conventions.objects import rejected_report
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def reasons(staff: Caller) -> dict[str, str]:
    (entry,) = staff("GET", "/patients?sort=attention").json["items"]
    return {each["code"]: each["text"] for each in entry["reasons"]}


def test_staff_see_what_was_sent_and_what_was_wrong_with_it(
    staff: Caller, patient: PatientAtHome
) -> None:
    report = rejected_report(patient, now=MONDAY)
    later = rejected_report(patient, now=MONDAY + timedelta(minutes=1))
    path = f"/episodes/{patient.episode_id}/rejected-reports"
    first = staff("GET", f"{path}?limit=1").json
    assert [each["id"] for each in first["items"]] == [str(later)]
    rest = staff("GET", f"{path}?limit=1&cursor={first['next_cursor']}").json
    (shown,) = rest["items"]
    assert shown["id"] == str(report)
    assert shown["payload"] == {"answers": {"nrs_back": 11}}
    assert shown["errors"][0]["pointer"] == "/payload/answers/nrs_back"
    assert (shown["code"], shown["seen_at"], shown["seen_by"]) == ("invalid", None, None)
    timeline = staff("GET", f"/episodes/{patient.episode_id}/timeline").json["items"]
    assert [each["event"] for each in timeline][:2] == ["check_in_rejected"] * 2


def test_it_asks_for_attention_until_somebody_has_looked(
    staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: the reason counted what had been seen, and a second look took the first's place."""
    assert "report_rejected" not in reasons(staff)
    one, two = (rejected_report(patient, now=MONDAY) for _ in range(2))
    assert reasons(staff)["report_rejected"] == "2 reports could not be read as check-ins"
    seen = look(staff, patient, one)
    assert (seen["seen_at"], seen["seen_by"]) == (
        "2026-03-02T09:00:00+00:00",
        str(clinic.staff["physiotherapist"]),
    )
    assert reasons(staff)["report_rejected"] == "A report could not be read as a check-in"
    clock.advance(timedelta(minutes=5))
    assert look(staff, patient, one)["seen_at"] == seen["seen_at"]
    look(staff, patient, two)
    assert "report_rejected" not in reasons(staff)
    with transaction(clinic.id) as session:
        told = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert told.count("rejected_report_seen") == 3


def look(staff: Caller, patient: PatientAtHome, report: UUID) -> Any:
    answer = staff("POST", f"/episodes/{patient.episode_id}/rejected-reports/{report}/seen")
    assert answer.status_code == 200
    return answer.json


def test_one_of_another_episode_is_none_of_this_one(
    staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    other = make_patient(clinic, now=MONDAY)
    report = rejected_report(other, now=MONDAY)
    path = f"/episodes/{patient.episode_id}/rejected-reports"
    assert staff("GET", path).json["items"] == []
    assert staff("POST", f"{path}/{report}/seen").status_code == 404

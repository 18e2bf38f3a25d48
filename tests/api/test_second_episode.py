"""A second operation begins anew: what was reported before it is not part of its course.

Defects planted, each seen red: a history read by patient in `HISTORY` and taken as it is by
`Record.of` (either by itself does no harm); the series of progress read by patient.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.identifiers import new_id
from recovery_service.extensions import parts
from recovery_service.models import Episode
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.pasts import reported

pytestmark = pytest.mark.usefixtures("app_context")

DAY = timedelta(days=1)
SECOND = date(2026, 3, 12)


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


def operate_again(clinic: ClinicWithStaff, patient: PatientAtHome) -> UUID:
    """End the first episode on the day before and open the second."""
    made = new_id(now=MONDAY)
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode)
            .where(Episode.id == patient.episode_id)
            .values(state="ended", end_reason="completed", ended_on=SECOND - DAY)
        )
        session.add(
            Episode(
                clinic_id=patient.clinic_id,
                id=made,
                patient_id=patient.id,
                site_id=clinic.site_id,
                procedure="lumbar_microdiscectomy",
                surgery_date=SECOND,
                discharge_date=SECOND + DAY,
                created_at=MONDAY,
                updated_at=MONDAY,
            )
        )
    return made


def tell(call: Caller, day: date, **answers: Any) -> Any:
    body = {
        "id": str(uuid4()),
        "date": str(day),
        "recorded_at": f"{day}T08:00:00Z",
        "time_zone": "Europe/London",
        "form_version": parts().content.check_ins.form_version,
        "answers": answers,
    }
    answer = call("POST", "/me/check-ins", json=body)
    assert answer.status_code == 201
    return answer.json


def low_pain_until(patient: PatientAtHome, day: date) -> None:
    for back in range(1, 8):
        reported(patient, day - back * DAY, nrs_leg=2, nrs_back=2)


def test_a_rise_is_measured_against_the_same_recovery(
    call: Caller,
    patient: PatientAtHome,
    clock: ManualClock,
) -> None:
    """The other half of the next test: within one episode the same answers are a rise."""
    today = SECOND + 2 * DAY
    low_pain_until(patient, today)
    clock.set(MONDAY.replace(month=3, day=today.day))
    advised = {one["rule"] for one in tell(call, today, nrs_leg=8, nrs_back=2)["advice"]}
    assert "PAIN1" in advised


def test_a_rise_is_not_measured_against_an_earlier_operation(
    call: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    today = SECOND + 2 * DAY
    low_pain_until(patient, SECOND)
    second = operate_again(clinic, patient)
    clock.set(MONDAY.replace(month=3, day=today.day))
    told = tell(call, today, nrs_leg=8, nrs_back=2)
    assert told["check_in"]["episode_id"] == str(second)
    assert [one["rule"] for one in told["advice"]] == []
    assert "usual" not in (told["progress"]["text"] or "")
    progress = call("GET", "/me/progress").json
    assert {entry["date"] for one in progress["series"] for entry in one["points"]} == {str(today)}
    assert progress["status"] == "too_early"


def test_a_late_report_of_the_first_is_judged_with_the_first(
    call: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    low_pain_until(patient, SECOND - DAY)
    operate_again(clinic, patient)
    clock.set(MONDAY.replace(month=3, day=SECOND.day + 2))
    told = tell(call, SECOND - DAY, nrs_leg=8, nrs_back=2)
    assert told["check_in"]["episode_id"] == str(patient.episode_id)
    assert told["advice"] != []

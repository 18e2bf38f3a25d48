"""What the phone had told by itself, against what the service finds: kept, counted, shown.

Defects that these are there to see: compare the rules and not their tiers; keep differences where
there was no verdict; show them to the patient; name the rule in the log.
"""

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from structlog.testing import capture_logs

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import VerdictDifference
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")
E, S, N = "emergency", "same_day", "next_business_day"


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


def send(
    client: FlaskClient, patient: PatientAtHome, found: list[tuple[str, str]] | None, **answers: Any
) -> Any:
    verdict = None
    if found is not None:
        findings = [{"rule": rule, "tier": tier} for rule, tier in found]
        verdict = {"version": "1-abcdef", "findings": findings}
    return Caller(client, patient.bearer)(
        "POST",
        "/me/check-ins",
        json={
            "id": str(uuid4()),
            "date": "2026-03-02",
            "recorded_at": MONDAY.isoformat(),
            "time_zone": "Europe/London",
            "form_version": "1",
            "answers": answers,
            "verdict": verdict,
        },
    )


def kept(clinic: ClinicWithStaff) -> list[tuple[str, str, str | None, str | None]]:
    with transaction(clinic.id) as session:
        rows = session.scalars(select(VerdictDifference).order_by(VerdictDifference.rule_id))
        return [(row.rule_id, row.kind, row.device_tier, row.own_tier) for row in rows]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, []),
        ([("CES1", E)], []),
        ([], [("CES1", "missed", None, E)]),
        ([("CES1", S)], [("CES1", "tier", S, E)]),
        ([("CES1", S), ("CES1", E)], []),  # the stricter is what the patient was told
        ([("CES1", E), ("FALL1", S)], [("FALL1", "invented", S, None)]),
        ([("OLD9", N)], [("CES1", "missed", None, E), ("OLD9", "invented", N, None)]),
    ],
)
def test_what_the_phone_missed_invented_or_took_for_another_tier_is_kept(
    client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock,
    told: Any, expected: Any,
) -> None:  # fmt: skip
    assert send(client, patient, told, saddle_numb=True).status_code == 201
    assert kept(clinic) == expected


def test_staff_read_it_in_plain_words_and_the_patient_is_told_nothing_new(
    client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    send(client, patient, [("FALL1", S)], saddle_numb=True)
    staff = Caller(client, clinic.bearer)
    (item,) = staff("GET", f"/episodes/{patient.episode_id}/check-ins").json["items"]
    missed, invented = item["device_differences"]
    assert (missed["rule"], missed["kind"], missed["tier"]) == ("CES1", "missed", E)
    assert missed["text"].startswith("The phone had told the patient nothing of this: ")
    assert (invented["device_tier"], invented["bundle_version"]) == (S, "1-abcdef")
    assert invented["text"].startswith(
        "The phone had told the patient of this (something for the same day)"
    )
    (own,) = Caller(client, patient.bearer)("GET", "/me/check-ins").json["items"]
    assert "device_differences" not in own


def test_it_is_logged_by_number_and_a_repeat_changes_nothing(
    client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    with capture_logs() as lines:
        send(client, patient, [], saddle_numb=True)
        send(client, patient, None)
    (line,) = [each for each in lines if each["event"] == "device_verdict_differs"]
    assert line.keys() == {"event", "log_level", "check_in_id", "count"}
    assert line["count"] == 1

"""Progress over HTTP: what the patient and the clinic read of the same episode."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import Episode, Occurrence, Patient
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

Tell = Callable[..., Any]


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def tell(call: Caller) -> Tell:
    def send(day: str, **answers: Any) -> str:
        body = {
            "id": str(uuid4()),
            "date": day,
            "recorded_at": f"{day}T08:00:00Z",
            "time_zone": "Europe/London",
            "form_version": parts().content.check_ins.form_version,
            "answers": answers,
        }
        answer = call("POST", "/me/check-ins", json=body)
        assert answer.status_code == 201
        return str(body["id"])

    return send


def test_an_empty_episode_has_figures_that_claim_nothing(call: Caller) -> None:
    progress = call("GET", "/me/progress").json
    assert (progress["status"], progress["reason"]) == ("too_early", "before_first_day")
    assert progress["sentence"].startswith("Leg pain: Comparing begins on day 14")
    assert progress["series"] == []
    assert [each["reached_on"] for each in progress["milestones"]] == [None, None, None]
    assert progress["weeks_on_target"] == {
        "share": 0.8, "met": 0, "counted": 0, "frozen": 0, "in_a_row": 0, "done": 0, "due": 0,
    }  # fmt: skip
    nothing = {"done": 0, "due": 0, "rate": None, "late": 0, "not_reached": 0, "paused": 0}
    assert progress["adherence"]["exercise"]["whole"] == nothing
    assert progress["as_of"] == "2026-03-02"


def test_series_hold_the_newest_of_each_date(
    call: Caller, tell: Tell, patient: PatientAtHome
) -> None:
    with transaction(patient.clinic_id) as session:
        session.execute(update(Episode).values(baseline={"nrs_leg": 8}))
    tell("2026-02-28", nrs_leg=6, walk_min=5, wound="dry", fall=False)
    tell("2026-03-01", nrs_leg=2)
    tell("2026-03-01", nrs_leg=4)
    series = {each["item"]: each for each in call("GET", "/me/progress").json["series"]}
    assert set(series) == {"nrs_leg", "walk_min"}
    leg = series["nrs_leg"]
    assert leg["baseline"] == 8
    assert [point["date"] for point in leg["points"]] == ["2026-02-28", "2026-03-01"]
    assert leg["points"][0] == {"date": "2026-02-28", "value": 6.0, "median": 6.0}
    assert leg["points"][1]["value"] in (2.0, 4.0)


@pytest.fixture
def exercise(patient: PatientAtHome, clock: ManualClock) -> Item:
    """Return an item with five occurrences behind it, on three days."""
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=clock.advance(timedelta(days=2)))
    return item


def ended(item: Item, key: str, state: str, reason: str | None = None) -> None:
    with transaction(item.clinic_id) as session:
        wanted = (Occurrence.lineage_id == item.lineage) & (Occurrence.occ_key == key)
        values = {"state": state, "reason": reason, "closed_at": MONDAY}
        session.execute(update(Occurrence).where(wanted).values(**values))


def test_adherence_counts_what_ended(call: Caller, exercise: Item, patient: PatientAtHome) -> None:
    ended(exercise, "20260302.morning", "done")
    ended(exercise, "20260302.evening", "missed", "not_answered")
    ended(exercise, "20260303.morning", "missed", "no_destination")
    ended(exercise, "20260303.evening", "skipped", "by_patient")
    figures = call("GET", "/me/progress").json["adherence"]["exercise"]
    expected = {"done": 1, "due": 3, "rate": 0.3333, "late": 0, "not_reached": 1, "paused": 0}
    assert figures["last_7_days"] == figures["last_28_days"] == figures["whole"] == expected
    with transaction(patient.clinic_id) as session:
        pause = {"pause": {"from": "2026-03-02", "to": "2026-03-02"}}
        session.execute(update(Patient).values(preferences=pause))
    paused = call("GET", "/me/progress").json["adherence"]["exercise"]["whole"]
    assert (paused["due"], paused["paused"]) == (2, 1)


def test_a_week_ends_today_in_the_patients_zone(
    call: Caller, exercise: Item, clock: ManualClock
) -> None:
    ended(exercise, "20260302.morning", "done")
    clock.set(MONDAY + timedelta(days=6))
    assert call("GET", "/me/progress").json["adherence"]["exercise"]["last_7_days"]["done"] == 1
    clock.advance(timedelta(days=1))
    figures = call("GET", "/me/progress").json["adherence"]["exercise"]
    assert (figures["last_7_days"]["done"], figures["last_28_days"]["done"]) == (0, 1)


def test_what_was_done_late_is_done_and_said_apart(
    call: Caller, exercise: Item, clock: ManualClock
) -> None:
    address = f"/me/occurrences/{exercise.occurrence_id('20260302.morning')}/actions"
    tap = {"id": str(uuid4()), "action": "complete", "at": clock().isoformat()}
    assert call("POST", address, json=tap).json["late"] is True
    figures = call("GET", "/me/progress").json["adherence"]["exercise"]["whole"]
    assert (figures["done"], figures["late"]) == (1, 1)


def test_the_clinic_reads_the_same_figures(
    call: Caller, tell: Tell, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    tell("2026-03-01", nrs_back=3)
    staff = Caller(client, clinic.bearer)
    seen = staff("GET", f"/episodes/{patient.episode_id}/progress")
    assert seen.status_code == 200
    own = call("GET", "/me/progress").json
    assert _figures(seen.json) == _figures(own)
    assert seen.json["sentence"] != own["sentence"]


def _figures(progress: dict[str, Any]) -> dict[str, Any]:
    """Return what does not depend on the reader."""
    worded = {"sentence", "standing", "references"}
    series = [
        {name: value for name, value in each.items() if name not in worded}
        for each in progress["series"]
    ]
    return {name: progress[name] for name in progress.keys() - worded} | {"series": series}

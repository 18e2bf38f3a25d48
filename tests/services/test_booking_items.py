"""What a published plan wants booked: one asks, and whoever books it answers everywhere.

Planted: `asks_for` left out of `_wanted` (red: both would remind); `settle_items` left out of
`follow` (red: the item stays open); `locked` without its exception (red: a second publication
silences every appointment); `silence_patient` without `follow` (red: what an earlier episode
left booked goes on).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Appointment, Clinic, Occurrence, Patient, PlanItem, Schedule
from recovery_service.services.silence import silence_patient
from tests.calls import Caller
from tests.domain.rules_in_brief import utc
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

CODE = "surgeon_1"


class Published:
    """A patient whose plan was published from its template, and what is stored of it."""

    def __init__(self, staff: Caller, phone: Caller, patient: PatientAtHome) -> None:
        self.staff, self.phone, self.patient = staff, phone, patient
        self.path = f"/episodes/{patient.episode_id}"
        self.post("/plan", {}, 201)
        self.post("/plan/publish", {})

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> None:
        answer = self.staff("POST", f"{self.path}{path}", json=body)
        assert answer.status_code == status, answer.json

    def change(self, **body: Any) -> None:
        answer = self.staff("PATCH", f"/appointments/{self.appointment.id}", json=body)
        assert answer.status_code == 200, answer.json

    @property
    def appointment(self) -> Appointment:
        with transaction(self.patient.clinic_id) as session:
            wanted = select(Appointment).where(Appointment.kind == CODE)
            return session.scalars(wanted).one()

    def schedule(self, lineage: UUID) -> Schedule:
        with transaction(self.patient.clinic_id) as session:
            return session.get_one(Schedule, (self.patient.clinic_id, lineage))

    def asking(self) -> Schedule:
        return self.schedule(self.appointment.id)

    def item(self) -> Schedule:
        with transaction(self.patient.clinic_id) as session:
            wanted = select(PlanItem.lineage_id).where(PlanItem.appointment == CODE).limit(1)
            lineage = session.scalars(wanted).one()
        return self.schedule(lineage)

    def done(self) -> tuple[str, str | None] | None:
        with transaction(self.patient.clinic_id) as session:
            wanted = select(Occurrence).where(Occurrence.lineage_id == self.item().id)
            row = session.scalars(wanted).one_or_none()
            return None if row is None else (row.state, row.reason)

    def waiting(self) -> dict[str, datetime | None]:
        """Return when each appointment speaks next, by its code."""
        with transaction(self.patient.clinic_id) as session:
            rows = session.execute(
                select(Appointment.kind, Schedule.next_due_at).join(
                    Schedule, Schedule.id == Appointment.id
                )
            )
            return {row.kind: row.next_due_at for row in rows}


@pytest.fixture
def plan(
    app_context: None, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> Published:
    patient = make_patient(clinic, now=clock(), surgery_date=utc("2026-02-27").date())
    phone = Caller(client, patient.bearer)
    return Published(Caller(client, clinic.bearer), phone, patient)


def test_the_appointment_asks_and_the_item_is_silent(plan: Published) -> None:
    window = plan.appointment.window_from
    assert window is not None
    assert (plan.asking().kind, plan.asking().remind_via) == ("follow_up", "push")
    assert plan.asking().next_due_at == utc(f"{window}T10:00")
    assert (plan.item().kind, plan.item().remind_via) == ("follow_up", "none")
    assert plan.item().next_due_at is not None  # it stays on the agenda


def test_booking_answers_the_item_and_taking_it_back_asks_again(
    plan: Published, clock: ManualClock
) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    assert plan.done() == ("done", "appointment_booked")
    assert (plan.asking().kind, plan.asking().next_due_at) == (
        "appointment", utc("2026-03-13T10:00"),
    )  # fmt: skip
    clock.advance(timedelta(days=9))
    plan.change(state="to_book")
    assert plan.done() == ("due", None)
    assert plan.asking().kind == "follow_up"


def test_what_is_given_up_is_cancelled_and_what_is_booked_elsewhere_is_done(
    plan: Published,
) -> None:
    body = {"id": "0190f4c2-5d3e-7a10-8000-000000000001", "response": "booked_elsewhere"}
    answer = plan.phone("POST", f"/me/appointments/{plan.appointment.id}/response", json=body)
    assert answer.status_code == 201
    assert plan.done() == ("done", "appointment_booked")
    assert plan.asking().next_due_at is None
    plan.change(state="cancelled")
    assert plan.done() == ("cancelled", "appointment_cancelled")


def test_a_second_publication_leaves_appointments_as_they_are(plan: Published) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    before = plan.waiting()
    assert len(before) > 3
    draft = plan.staff("GET", f"{plan.path}/plan").json
    item = next(each for each in draft["live"]["items"] if each["kind"] == "walking")
    answer = plan.staff(
        "PATCH", f"{plan.path}/plan/items/{item['id']}", json={"title": {"en": "Walk"}}
    )
    assert answer.status_code == 200, answer.json
    plan.post("/plan/publish", {})
    assert plan.waiting() == before
    assert plan.done() == ("done", "appointment_booked")


def test_a_hold_silences_what_asks_and_not_what_is_booked(plan: Published) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    before = plan.waiting()
    plan.post("/hold", {"reason": "fever"})
    held = plan.waiting()
    assert held[CODE] == before[CODE]
    assert {code for code, due in held.items() if due is not None} == {CODE}
    plan.post("/release", {})
    assert plan.waiting() == before


def test_a_moved_operation_moves_what_asks(plan: Published) -> None:
    before = plan.waiting()[CODE]
    assert before is not None
    answer = plan.staff(
        "PATCH", plan.path, json={"surgery_date": "2026-02-28", "discharge_date": "2026-03-01"}
    )
    assert answer.status_code == 200, answer.json
    assert plan.waiting()[CODE] == before + timedelta(days=1)


def test_the_patients_zone_and_quiet_hours_move_what_is_ahead(plan: Published) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    # The last to speak: by then the clocks of New York have changed.
    others = {code: at for code, at in plan.waiting().items() if at and code != CODE}
    other = max(others, key=lambda code: others[code])
    answer = plan.phone("PATCH", "/me", json={"time_zone": "America/New_York"})
    assert answer.status_code == 200
    # Ten in the morning is another ten; five in the morning is quiet: the evening before.
    asks, visit = plan.waiting()[other], plan.waiting()[CODE]
    assert asks is not None
    assert (asks.hour, visit) == (14, utc("2026-03-13T00:45"))
    quiet = {"quiet_hours": {"from": "05:30", "to": "06:30"}}
    assert plan.phone("PATCH", "/me", json={"preferences": quiet}).status_code == 200
    assert plan.waiting()[CODE] == utc("2026-03-13T09:15")


def test_a_sites_zone_moves_the_days_before(
    plan: Published, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    plan.change(starts_at="2026-04-02T10:00:00Z")  # London's summer time begins on 29 March
    assert plan.waiting()[CODE] == utc("2026-03-26T11:00")
    admin = Caller(client, lambda: clinic.bearer("admin"))
    answer = admin("PATCH", f"/sites/{clinic.site_id}", json={"time_zone": "Europe/Istanbul"})
    assert answer.status_code == 200, answer.json
    assert plan.waiting()[CODE] == utc("2026-03-26T10:00")


def test_a_clinic_chooses_how_long_before(plan: Published, clinic: ClinicWithStaff) -> None:
    with transaction(clinic.id) as session:
        session.get_one(Clinic, clinic.id).reminder_defaults = {"appointment_offsets": [2880]}
    plan.change(starts_at="2026-03-20T10:00:00Z")
    assert plan.waiting()[CODE] == utc("2026-03-18T10:00")


def test_after_a_death_nothing_waits(plan: Published) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    plan.post("/end", {"reason": "deceased"})
    assert set(plan.waiting().values()) == {None}


def test_what_an_episode_left_booked_goes_on_until_the_patient_is_silenced(
    plan: Published, clock: ManualClock
) -> None:
    plan.change(starts_at="2026-03-20T10:00:00Z")
    plan.post("/end", {"reason": "completed"})
    assert {code for code, due in plan.waiting().items() if due is not None} == {CODE}
    with transaction(plan.patient.clinic_id) as session:
        patient = session.get_one(Patient, (plan.patient.clinic_id, plan.patient.id))
        silence_patient(session, patient, now=clock())
    assert set(plan.waiting().values()) == {None}
    assert plan.appointment.state == "cancelled"

"""The caseload's figures, from rows as the phone and the loop leave them; and its cost."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import db, parts
from recovery_service.models import (
    Delivery,
    Destination,
    Episode,
    PatientExternalId,
    PlanRevision,
)
from recovery_service.services.caseload import CaseloadEntry, Wish, caseload
from recovery_service.services.reason_words import reason_in_words
from tests.factories import ClinicWithStaff
from tests.plan_rows import plan_item
from tests.services.histories import TODAY, appointment, happened, settled, tell

pytestmark = pytest.mark.usefixtures("app_context")


def _caseload(clinic: ClinicWithStaff, clock: ManualClock, **wish: Any) -> list[CaseloadEntry]:
    with transaction(clinic.id) as session:
        asked = Wish(**{"as_of": clock(), **wish})
        return caseload(session, clinic.id, parts().content, asked)


def _only(clinic: ClinicWithStaff, clock: ManualClock) -> CaseloadEntry:
    (entry,) = _caseload(clinic, clock)
    return entry


def _codes(entry: CaseloadEntry) -> list[str]:
    return [reason.code for reason in entry.reasons]


def test_pain_is_the_median_of_seven_days_against_the_seven_before(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    for back, value in [(0, 7), (1, 6), (6, 5), (7, 3), (9, 4), (13, 2), (14, 10), (20, 10)]:
        tell(patient, back, nrs_leg=value, nrs_back=1)
    entry = _only(clinic, clock)
    assert (entry.pain.item, entry.pain.now, entry.pain.before) == ("nrs_leg", 6, 3)
    assert _codes(entry) == ["pain_rising"]
    assert entry.reasons[0].facts == {"item": "nrs_leg", "now": 6, "before": 3}
    assert entry.pain_days[0][0] == TODAY - timedelta(days=13)


def test_the_newest_report_of_a_day_counts_and_gaps_are_no_zeros(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    tell(patient, 0, hour=8, nrs_leg=9)
    tell(patient, 0, hour=9, nrs_leg=2)
    tell(patient, 1, nrs_leg=None)
    tell(patient, 2, nrs_back=4)
    assert _only(clinic, clock).pain.now == 2


def test_two_weeks_above_the_expected_course_are_a_reason(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: nobody behind."""
    patient = settled(clinic, clock)
    surgery = {"surgery_date": TODAY - timedelta(days=49)}
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(**surgery))
    for back in range(14):
        tell(patient, back, nrs_leg=5 + (back >= 7))
    entry = _only(clinic, clock)
    assert _codes(entry) == ["behind_expected"]
    assert reason_in_words(parts().content, entry.reasons[0], "en") == (
        "Leg pain above the expected course"
    )


def test_one_week_above_it_is_none(clinic: ClinicWithStaff, clock: ManualClock) -> None:
    patient = settled(clinic, clock)
    with transaction(clinic.id) as session:
        surgery = {"surgery_date": TODAY - timedelta(days=49)}
        session.execute(update(Episode).values(**surgery))
    for back in range(14):
        tell(patient, back, nrs_leg=5)
    assert _codes(_only(clinic, clock)) == []


def test_warning_signs_of_the_latest_check_in_come_first(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    tell(patient, 1, saddle_numb=True)
    tell(patient, 0, calf="left", wound="dry", weakness_change="same", saddle_numb=False)
    entry = _only(clinic, clock)
    assert [dict(reason.facts) for reason in entry.reasons] == [{"item": "calf", "answer": "left"}]


def test_what_never_reached_the_patient_is_no_exercise_left_undone(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    tell(patient, 0, nrs_leg=1)
    walk = plan_item(patient, "walking", now=clock())
    posture = plan_item(patient, "posture", now=clock())
    ended = [
        ("done", None), ("done", None), ("skipped", "by_patient"), ("missed", "not_answered"),
        ("missed", "not_delivered"), ("missed", "no_destination"), ("missed", "paused"),
        ("cancelled", "superseded"),
    ]  # fmt: skip
    for place, (state, reason) in enumerate(ended):
        happened(walk, 1, state, reason, slot=f"s{place}")
        happened(posture, 1, "missed", "not_answered", slot=f"s{place}")
    happened(walk, 6, "done")
    happened(walk, 7, "done")
    entry = _only(clinic, clock)
    assert (entry.exercise.done, entry.exercise.due) == (3, 5)
    assert _codes(entry) == []


def test_silence_is_two_expected_check_ins_since_the_last(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    ask = plan_item(patient, "check_in", now=clock())
    tell(patient, 3, nrs_leg=1)
    for back in (5, 4, 3, 2):
        happened(ask, back, "missed", "not_answered")
    assert _codes(_only(clinic, clock)) == []
    happened(ask, 1, "missed", "not_delivered")
    entry = _only(clinic, clock)
    assert _codes(entry) == ["silent"]
    assert entry.reasons[0].facts == {"days": 3, "missed": 2}
    tell(patient, 0, nrs_leg=1)
    assert _codes(_only(clinic, clock)) == []


def test_what_the_service_itself_missed_is_nobodys_silence(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    ask = plan_item(settled(clinic, clock), "check_in", now=clock())
    for back in (3, 2, 1):
        happened(ask, back, "missed", "expired_during_downtime")
    assert _codes(_only(clinic, clock)) == []


def test_a_phone_without_a_way_to_be_reached_is_a_reason(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    with transaction(clinic.id) as session:
        session.execute(
            update(Destination)
            .where(Destination.patient_id == patient.id, Destination.channel == "webpush")
            .values(retired_at=clock(), retired_reason="gone")
        )
    assert _codes(_only(clinic, clock)) == ["not_reaching"]


def test_a_patient_who_never_enrolled_is_told_from_one_who_cannot_be_reached(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    settled(clinic, clock, phone=False)
    assert _codes(_only(clinic, clock)) == ["not_enrolled"]


def test_a_draft_beside_the_live_plan_waits_to_be_published(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    settled(clinic, clock)
    with transaction(clinic.id) as session:
        live = session.scalars(select(PlanRevision)).one()
        session.add(
            PlanRevision(
                clinic_id=clinic.id, id=uuid4(), plan_id=live.plan_id, number=2, state="draft",
                created_at=clock(), updated_at=clock(),
            )
        )  # fmt: skip
    assert _codes(_only(clinic, clock)) == ["draft_pending"]


def test_appointments_are_the_next_that_stands_and_those_to_book(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    stands = [("attended", -1), ("cancelled", 1), ("booked", 3), ("booked", 2)]
    with transaction(clinic.id) as session:
        for state, days in stands:
            appointment(session, patient, clinic, clock, state, clock() + timedelta(days=days))
        appointment(session, patient, clinic, clock, "to_book", None, window=(-2, 3))
        appointment(session, patient, clinic, clock, "to_book", None, window=(1, 3))
    entry = _only(clinic, clock)
    assert entry.booked is not None
    assert entry.booked.starts_at == clock() + timedelta(days=2)
    assert _codes(entry) == ["follow_up_to_book"]
    assert len(entry.follow_ups) == 1


def test_what_patients_say_of_appointments_and_what_nobody_says_is_seen(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = settled(clinic, clock)
    later, before = clock() + timedelta(days=2), clock() - timedelta(minutes=30)
    with transaction(clinic.id) as session:
        for state, starts_at, response in (
            ("booked", later, "request_change"), ("booked", later, "confirm"),
            ("booked", before, "request_change"),  # 30 minutes long: over now
            ("booked", clock() - timedelta(minutes=29), None),  # not over
            ("attended", before, None), ("cancelled", later, "request_change"),
        ):  # fmt: skip
            appointment(session, patient, clinic, clock, state, starts_at, response=response)
        appointment(
            session, patient, clinic, clock, "to_book", None, (-2, 3), response="booked_elsewhere"
        )
    reasons = _only(clinic, clock).reasons
    assert [(each.code, each.facts["on"], each.facts["more"]) for each in reasons] == [
        ("appointment_change_requested", later.date(), 0),
        ("appointment_outcome_unknown", TODAY, 0),
        ("appointment_booked_elsewhere", TODAY, 0),
    ]
    content = parts().content
    for language in ("en", "tr"):
        assert all("Visit" in reason_in_words(content, each, language) for each in reasons)


def test_the_day_is_the_patients_own(clinic: ClinicWithStaff, clock: ManualClock) -> None:
    """At 09:00 UTC on Monday it is still Sunday in Honolulu, and nearly Tuesday in Kiritimati."""
    clock.set(datetime(2026, 3, 2, 9, 30, tzinfo=clock().tzinfo))
    settled(clinic, clock, name="East", zone="Pacific/Kiritimati")
    settled(clinic, clock, name="West", zone="Pacific/Honolulu")
    east, west = _caseload(clinic, clock, sort="name")
    assert (east.day.days_since_surgery, west.day.days_since_surgery) == (21, 20)


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("current", ["Held", "Open"]), ("open", ["Open"]), ("on_hold", ["Held"]),
        ("ended", ["Over"]), ("all", ["Held", "Open", "Over"]),
    ],
)  # fmt: skip
def test_a_status_narrows_the_list(
    clinic: ClinicWithStaff, clock: ManualClock, status: str, names: list[str]
) -> None:
    for name, values in {
        "Open": {},
        "Held": {"state": "on_hold", "held_at": clock()},
        "Over": {"state": "ended", "end_reason": "completed", "ended_on": TODAY},
    }.items():
        patient = settled(clinic, clock, name=name)
        if values:
            with transaction(clinic.id) as session:
                session.execute(
                    update(Episode).where(Episode.id == patient.episode_id).values(**values)
                )
    found = _caseload(clinic, clock, status=status, sort="name")
    assert [entry.name for entry in found] == names


@pytest.mark.parametrize(
    ("search", "found"),
    [("ada", 1), ("ADA B", 1), ("%", 0), ("_", 0), ("\\", 0), ("MRN 7", 1), ("MRN", 0), ("", 2)],
)
def test_a_search_finds_names_and_whole_numbers(
    clinic: ClinicWithStaff, clock: ManualClock, search: str, found: int
) -> None:
    patient = settled(clinic, clock, name="Ada Byron")
    settled(clinic, clock, name="Cem")
    with transaction(clinic.id) as session:
        session.add(
            PatientExternalId(
                clinic_id=clinic.id, system="urn:mrn", value="MRN 7", patient_id=patient.id
            )
        )
    assert len(_caseload(clinic, clock, search=search)) == found


def test_those_who_need_somebody_most_come_first(
    clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    quiet, worse, warned = (
        settled(clinic, clock, name=name) for name in ("A quiet", "B worse", "C warned")
    )
    for back in range(14):
        tell(quiet, back, nrs_leg=2)
        tell(worse, back, nrs_leg=6 if back < 7 else 3)
        tell(warned, back, nrs_leg=2, saddle_numb=back == 0)
    ranked = [entry.name for entry in _caseload(clinic, clock)]
    assert ranked == ["C warned", "B worse", "A quiet"]


def test_one_statement_however_many_patients_and_however_long_their_history(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    for place in range(4):
        patient = settled(clinic, clock, name=f"Patient {place}")
        for back in range(20):
            tell(patient, back, nrs_leg=3)
    sent: list[str] = []

    def count(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        assert len(_caseload(clinic, clock)) == 4
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("back", "cause", "state", "reason", "counted"),
    [
        (0, "nudge", "sent", "not_answered", True),
        (1, "nudge", "sent", "not_answered", True),
        (2, "nudge", "sent", "not_answered", False),
        (0, "due", "sent", "not_answered", False),
        (0, "nudge", "dropped", "not_answered", False),
        (0, "nudge", "sent", "paused", False),
    ],
)
def test_what_stays_unanswered_after_its_nudge_is_for_a_person(
    clinic: ClinicWithStaff, clock: ManualClock, back: int, cause: str, state: str,
    reason: str, counted: bool,
) -> None:  # fmt: skip
    """Planted: any delivery taken for a nudge; one that was dropped; the day before yesterday."""
    patient = settled(clinic, clock)
    tell(patient, 0, nrs_leg=1)
    item = plan_item(patient, now=clock())
    happened(item, back, "missed", reason)
    with transaction(clinic.id) as session:
        phone = session.scalar(select(Destination.id).where(Destination.channel == "webpush"))
        assert phone is not None
        (row,) = [each for each in item.rows().values() if each.occ_key.endswith(".a")]
        session.add(
            Delivery(
                clinic_id=clinic.id, occurrence_id=row.id, destination_id=phone, round=1,
                channel="webpush", cause=cause, state=state, reason="confirmed",
                wake_at=clock(), settled_at=clock(),
            )
        )  # fmt: skip
    entry = _only(clinic, clock)
    assert ("nudge_unanswered" in _codes(entry)) is counted
    if counted:
        (told,) = [each for each in entry.reasons if each.code == "nudge_unanswered"]
        words = reason_in_words(parts().content, told, "en")
        assert words == "No answer to a reminder and its repeat"

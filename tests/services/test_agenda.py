"""What the agenda shows: rows, what lies ahead, and nothing that nobody promised."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from recovery_service.database import transaction
from recovery_service.models import Episode, Occurrence, OccurrenceAction
from recovery_service.services.agenda import AgendaEntry, agenda, due_today
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

MARCH = date(2026, 3, 2)
HOUR = timedelta(hours=1)
Read = Callable[..., list[AgendaEntry]]


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


def read(
    patient: PatientAtHome,
    first: date = MARCH,
    last: date = MARCH,
    *,
    now: datetime = MONDAY,
    language: str = "en",
    **more: Any,
) -> list[AgendaEntry]:
    with transaction(patient.clinic_id) as session:
        return agenda(
            session, patient.clinic_id, patient.id, first, last, now=now, language=language, **more
        )


def states(entries: list[AgendaEntry]) -> list[tuple[str, str]]:
    return [(entry.slot, entry.state) for entry in entries]


def set_row(item: Item, key: str, **values: Any) -> None:
    with transaction(item.clinic_id) as session:
        wanted = (Occurrence.lineage_id == item.lineage) & (Occurrence.occ_key == key)
        session.execute(update(Occurrence).where(wanted).values(**values))


def test_what_lies_ahead_is_computed_and_complete(patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    [morning, evening] = read(patient)
    assert morning == AgendaEntry(
        id=item.occurrence_id("20260302.morning"),
        kind="physiotherapy",
        title="Bend and stretch",
        slot="morning",
        local_date=MARCH,
        local_time=time(9),
        due_at=MONDAY,
        expires_at=MONDAY + 4 * HOUR,
        state="due",
        reason=None,
        remind_via="push",
        next_at=None,
    )
    assert morning.deep_link == f"/occurrences/{morning.id}"
    assert morning.valid_until == morning.expires_at
    assert (evening.state, evening.valid_until) == ("upcoming", evening.due_at)


def test_a_row_and_the_place_of_its_schedule_are_one_entry(patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    before = read(patient, MARCH, date(2026, 3, 8))
    materialise(item, now=MONDAY)
    assert read(patient, MARCH, date(2026, 3, 8)) == before
    assert len(before) == 14


def test_a_row_written_ahead_of_time_is_not_shown_twice(patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY + 9 * HOUR)
    set_row(item, "20260302.evening", state="done", closed_at=MONDAY)
    item.change(next_date=MARCH, next_minute=540, next_due_at=MONDAY)
    assert states(read(patient)) == [("morning", "due"), ("evening", "done")]


@pytest.mark.parametrize(
    ("stored", "after", "reads"),
    [
        ({}, 1 * HOUR, ("due", None)),
        ({}, 4 * HOUR, ("missed", "not_answered")),
        ({"state": "done", "closed_at": MONDAY}, 9 * HOUR, ("done", None)),
        (
            {"state": "skipped", "reason": "pain", "closed_at": MONDAY},
            9 * HOUR,
            ("skipped", "pain"),
        ),
        (
            {"state": "missed", "reason": "caught_up", "closed_at": MONDAY},
            HOUR,
            ("missed", "caught_up"),
        ),
        (
            {"state": "cancelled", "reason": "item_removed", "closed_at": MONDAY},
            HOUR,
            ("cancelled", "item_removed"),
        ),
    ],
)
def test_a_stored_state_reads_as_it_is_at_this_moment(
    patient: PatientAtHome, stored: dict[str, Any], after: timedelta, reads: tuple[str, str | None]
) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    if stored:
        set_row(item, "20260302.morning", **stored)
    [morning, _] = read(patient, now=MONDAY + after)
    assert (morning.state, morning.reason) == reads


def test_a_worker_that_stands_still_does_not_hide_what_was_missed(patient: PatientAtHome) -> None:
    plan_item(patient, now=MONDAY)
    days = read(patient, MARCH, date(2026, 3, 4), now=MONDAY + timedelta(days=1, hours=10))
    assert [entry.state for entry in days] == ["missed"] * 3 + ["due", "upcoming", "upcoming"]


def test_a_snoozed_one_says_when_it_speaks_again_and_then_is_due(patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    row = item.rows()["20260302.morning"]
    again = MONDAY + HOUR
    with transaction(patient.clinic_id) as session:
        session.add(
            OccurrenceAction(
                clinic_id=patient.clinic_id,
                id=uuid4(),
                occurrence_id=row.id,
                action="snooze",
                at=MONDAY,
                received_at=MONDAY,
                next_at=again,
            )
        )
    set_row(item, row.occ_key, state="snoozed", round=1)
    first = read(patient)[0]
    assert (first.state, first.next_at, first.valid_until) == ("snoozed", again, again)
    later = read(patient, now=again)[0]
    assert (later.state, later.next_at) == ("due", None)


def test_a_held_or_ended_plan_promises_nothing_and_keeps_its_past(patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    item.change(next_due_at=None)
    assert states(read(patient, MARCH, date(2026, 3, 20))) == [("morning", "due")]
    item.change(next_due_at=MONDAY + 9 * HOUR)
    with transaction(patient.clinic_id) as session:
        held = {"state": "on_hold", "held_at": MONDAY}
        session.execute(update(Episode).where(Episode.id == patient.episode_id).values(**held))
    assert states(read(patient, MARCH, date(2026, 3, 20))) == [("morning", "due")]


def test_the_titles_speak_the_language_asked_for(patient: PatientAtHome) -> None:
    plan_item(patient, now=MONDAY)
    assert read(patient, language="tr")[0].title == "Bend and stretch (tr)"
    assert read(patient, language="fr")[0].title == "Bend and stretch"


def test_what_happens_once_has_its_day_and_its_slot(patient: PatientAtHome) -> None:
    once = {
        "anchor": "discharge",
        "from_day": 3,
        "slots": {"noon": "12:00"},
        "valid_for_minutes": 60,
    }
    item = plan_item(patient, "education", once, now=MONDAY)
    assert read(patient, MARCH, date(2026, 3, 3)) == []
    [entry] = read(patient, date(2026, 3, 3), date(2026, 3, 5))
    assert (entry.id, entry.slot) == (item.occurrence_id("once"), "noon")
    materialise(item, now=datetime(2026, 3, 4, 12, tzinfo=UTC))
    [stored] = read(patient, date(2026, 3, 3), date(2026, 3, 5))
    assert (stored.slot, stored.local_time) == ("noon", time(12))
    assert read(patient, MARCH, date(2026, 3, 3)) == []


ZONES = [
    # A gap: 02:30 does not exist on 29 March, so the first instant after it.
    ("Europe/Berlin", date(2026, 3, 29), "02:30", time(3), datetime(2026, 3, 29, 1, tzinfo=UTC)),
    # A fold: 02:30 exists twice on 25 October, the first counts.
    ("Europe/Berlin", date(2026, 10, 25), "02:30", time(2, 30), "2026-10-25T00:30+00:00"),
    # Half an hour of daylight saving.
    ("Australia/Lord_Howe", date(2026, 10, 4), "02:10", time(2, 30), "2026-10-03T15:30+00:00"),
    ("Asia/Kathmandu", date(2026, 6, 1), "09:00", time(9), "2026-06-01T03:15+00:00"),
    ("Pacific/Kiritimati", date(2026, 6, 1), "00:00", time(0), "2026-05-31T10:00+00:00"),
]


@pytest.mark.parametrize(("zone", "day", "slot", "shown", "due"), ZONES)
def test_each_entry_has_the_time_on_the_wall_and_the_instant(
    clinic: ClinicWithStaff, zone: str, day: date, slot: str, shown: time, due: datetime | str
) -> None:
    patient = make_patient(clinic, now=MONDAY, zone=zone)
    plan_item(patient, rule=DAILY | {"slots": {"only": slot}}, now=MONDAY, zone=zone)
    [entry] = read(patient, day, day)
    assert (entry.local_date, entry.local_time) == (day, shown)
    assert entry.due_at == (datetime.fromisoformat(due) if isinstance(due, str) else due)


def test_travel_leaves_one_entry_for_a_date_and_slot(clinic: ClinicWithStaff) -> None:
    """Auckland to Honolulu gains a day: Monday's exercise is done there already."""
    patient = make_patient(clinic, now=MONDAY, zone="Pacific/Auckland")
    item = plan_item(patient, now=MONDAY - 24 * HOUR, zone="Pacific/Auckland")
    materialise(item, now=MONDAY)
    item.change(
        time_zone="Pacific/Honolulu",
        next_date=MARCH,
        next_minute=540,
        next_due_at=datetime(2026, 3, 2, 19, tzinfo=UTC),
    )
    entries = read(patient, MARCH, date(2026, 3, 3))
    assert [(each.local_date.day, each.slot) for each in entries] == [
        (2, "morning"),
        (2, "evening"),
        (3, "morning"),
        (3, "evening"),
    ]
    # What fell due in Auckland keeps the time of its slot, not Honolulu's of that instant.
    assert entries[0].local_time == time(9)


def test_a_range_far_ahead_is_reached_without_walking_there(patient: PatientAtHome) -> None:
    plan_item(patient, now=MONDAY)
    entries = read(patient, date(2199, 12, 1), date(2199, 12, 31))
    assert len(entries) == 62


def test_today_is_the_patients_day(patient: PatientAtHome) -> None:
    plan_item(patient, now=MONDAY)
    with transaction(patient.clinic_id) as session:
        found = due_today(
            session,
            patient.clinic_id,
            patient.id,
            time_zone="Pacific/Auckland",
            now=datetime(2026, 3, 2, 12, tzinfo=UTC),
            language="en",
        )
    assert {entry.local_date for entry in found} == {date(2026, 3, 3)}


def test_nobody_sees_the_agenda_of_another(
    patient: PatientAtHome, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    plan_item(patient, now=MONDAY)
    colleague = make_patient(clinic, now=MONDAY)
    stranger = make_patient(other_clinic, now=MONDAY)
    assert read(colleague) == []
    assert read(stranger) == []
    with transaction(other_clinic.id) as session:
        assert not agenda(
            session, patient.clinic_id, patient.id, MARCH, MARCH, now=MONDAY, language="en"
        )
    assert read(patient, episode_id=stranger.episode_id) == []
    assert len(read(patient, episode_id=patient.episode_id)) == 2

"""Moved dates, travel and own times: nothing that was sent repeats, what is unsent moves.

Times are those of London in March, where local time is UTC. Defects planted, each of
which turned tests here red: rows that stand not counted as had (`already` left empty);
rows that nobody met not taken away; a row that was sent taken for one that nobody met.
"""

from datetime import UTC, date, datetime

import pytest

from recovery_service.database import transaction
from recovery_service.models import Patient
from recovery_service.services.schedules import replan_patient
from tests.factories import ClinicWithStaff, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item
from tests.services.courses import Home, due_times, send, standing, states, unsent

pytestmark = pytest.mark.usefixtures("app_context")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of March 2026."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def march(day: int) -> date:
    return date(2026, 3, day)


@pytest.fixture
def home(clinic: ClinicWithStaff) -> Home:
    """Return a patient who went home on Sunday 1 March."""
    return Home(make_patient(clinic, now=at(2, 7)))


@pytest.fixture
def item(home: Home) -> Item:
    """Return an exercise at 09:00 and 18:00, planned on Monday at seven."""
    return plan_item(home.patient, now=at(2, 7))


# --- the anchor moves ------------------------------------------------------------------------


def test_what_was_sent_stands_and_does_not_repeat_when_discharge_moves_and_comes_back(
    home: Home, item: Item
) -> None:
    materialise(item, now=at(2, 9))
    send(item, now=at(2, 9))
    before = [each.id for each in item.deliveries()]
    home.move(now=at(2, 10), discharge_date=march(4))
    assert (standing(item), states(item)) == ("03-04 540", {"20260302.morning": "due"})
    home.move(now=at(2, 11), discharge_date=march(1))
    assert standing(item) == "03-02 1080"
    materialise(item, now=at(2, 18))
    assert states(item) == {"20260302.evening": "due", "20260302.morning": "due"}
    sent = [each for each in item.deliveries() if each.state == "sent"]
    assert [each.id for each in sent] == before


def test_what_is_sent_on_a_day_is_not_sent_again_on_that_day(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 9))
    send(item, now=at(2, 9))
    for day in (1, 2, 1, 2):
        home.move(now=at(2, 8, 30), discharge_date=march(day))  # the clock may even jump back
        assert standing(item) == "03-02 1080"
    assert len(item.deliveries()) == 2


def test_an_unsent_row_goes_when_discharge_moves_into_the_future(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 9))
    home.move(now=at(2, 9, 1), discharge_date=march(5))
    assert (states(item), unsent(item), standing(item)) == ({}, 0, "03-05 540")


def test_a_discharge_moved_away_and_back_finds_this_mornings_again(home: Home, item: Item) -> None:
    """Planted: a schedule whose gate had not opened was replanned as one that ran."""
    materialise(item, now=at(2, 9))
    home.move(now=at(2, 9, 1), discharge_date=march(5))
    home.move(now=at(2, 10), discharge_date=march(1))
    assert states(item) == {"20260302.morning": "due"}
    assert (due_times(item), standing(item)) == ({"20260302.morning": "03-02 09:00"}, "03-02 1080")


def test_an_unsent_row_stays_when_its_time_does_not_change(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 9))
    home.move(now=at(2, 9, 1), discharge_date=date(2026, 2, 28))
    assert (states(item), standing(item)) == ({"20260302.morning": "due"}, "03-02 1080")
    assert unsent(item) == 2
    assert due_times(item) == {"20260302.morning": "03-02 09:00"}


def test_what_a_stopped_worker_owes_is_not_swallowed_by_an_edit(home: Home, item: Item) -> None:
    home.move(now=at(2, 9, 30), discharge_date=date(2026, 2, 28))  # nobody materialised 09:00
    assert (states(item), standing(item)) == ({"20260302.morning": "due"}, "03-02 1080")


def test_a_row_that_a_sender_holds_is_met(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 9))
    with transaction(item.clinic_id) as session:
        for each in item.deliveries():
            session.merge(each).attempts = 1
    home.move(now=at(2, 9, 1), discharge_date=march(5))
    assert states(item) == {"20260302.morning": "due"}
    home.move(now=at(2, 9, 2), discharge_date=march(1))
    assert standing(item) == "03-02 1080"


def test_an_item_that_counts_from_surgery_follows_the_surgery_date(home: Home) -> None:
    rule = DAILY | {"anchor": "surgery", "from_day": 7}
    item = plan_item(home.patient, rule=rule, anchor=date(2026, 2, 27), now=at(2, 7))
    assert standing(item) == "03-06 540"
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 25))
    assert standing(item) == "03-04 540"
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 27))
    assert standing(item) == "03-06 540"


def test_discharge_is_the_gate_of_what_counts_from_surgery(home: Home) -> None:
    rule = DAILY | {"anchor": "surgery", "from_day": 0}
    item = plan_item(home.patient, rule=rule, anchor=date(2026, 2, 27), now=at(2, 7))
    home.move(now=at(2, 8), discharge_date=march(9))
    assert standing(item) == "03-09 540"


def test_a_second_replanning_changes_nothing(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 9))
    home.move(now=at(2, 9, 1), discharge_date=march(1))
    first = states(item), due_times(item), standing(item), unsent(item)
    home.move(now=at(2, 9, 1), discharge_date=march(1))
    assert (states(item), due_times(item), standing(item), unsent(item)) == first


# --- what happens once -----------------------------------------------------------------------

ONCE = {
    "anchor": "surgery",
    "from_day": 14,
    "to_day": 14,
    "slots": {"noon": "12:00"},
    "valid_for_minutes": 24 * 60,
}


@pytest.fixture
def lesson(home: Home) -> Item:
    """Something to read on day 14 after surgery, 13 March."""
    surgery = date(2026, 2, 27)
    return plan_item(home.patient, "education", ONCE, anchor=surgery, now=at(2, 7))


def test_an_unsent_step_whose_new_day_has_passed_is_missed_with_its_reason(
    home: Home, lesson: Item
) -> None:
    assert standing(lesson) == "03-13 720"
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 10))
    assert states(lesson) == {"once": "missed passed_before_start"}
    assert (standing(lesson), unsent(lesson)) == (None, 0)


def test_a_step_that_was_missed_by_a_moved_date_comes_back_with_the_date(
    home: Home, lesson: Item
) -> None:
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 10))
    home.move(now=at(2, 9), surgery_date=date(2026, 2, 27))
    assert (states(lesson), standing(lesson)) == ({}, "03-13 720")


def test_an_unsent_step_whose_new_day_is_still_valid_is_due_now(home: Home, lesson: Item) -> None:
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 15))  # its day was yesterday noon
    assert lesson.schedule().next_due_at == at(2, 8)
    materialise(lesson, now=at(2, 8))
    assert due_times(lesson) == {"once": "03-02 08:00"}


def test_a_step_that_was_sent_is_not_sent_on_its_new_day(home: Home, lesson: Item) -> None:
    home.move(now=at(2, 8), surgery_date=date(2026, 2, 16))  # today at noon
    materialise(lesson, now=at(2, 12))
    send(lesson, now=at(2, 12))
    home.move(now=at(2, 13), surgery_date=date(2026, 2, 27))
    assert (states(lesson), standing(lesson)) == ({"once": "due"}, None)
    assert len(lesson.deliveries()) == 2


# --- travel and own times --------------------------------------------------------------------


def test_a_traveller_has_each_slot_of_a_local_date_once(clinic: ClinicWithStaff) -> None:
    """From Auckland to Honolulu, 23 hours back, where the same date begins again."""
    auckland, honolulu = "Pacific/Auckland", "Pacific/Honolulu"
    home = Home(make_patient(clinic, now=at(1, 19), zone=auckland))
    item = plan_item(home.patient, zone=auckland, now=at(1, 19))
    for now in (at(1, 20), at(2, 5), at(2, 20)):
        materialise(item, now=now)
        send(item, now=now)
    seen = {"20260302.morning", "20260302.evening", "20260303.morning"}
    assert item.rows().keys() == seen

    home.travel(honolulu, now=at(2, 21))  # Monday 2 March, eleven in the morning
    assert standing(item) == "03-03 1080"  # Monday's evening and Tuesday's morning were had
    materialise(item, now=at(4, 4))
    send(item, now=at(4, 4))
    home.travel(auckland, now=at(4, 6))  # Wednesday, seven in the evening
    assert standing(item) == "03-05 540"
    assert item.rows().keys() == seen | {"20260303.evening"}
    assert len(item.deliveries()) == 2 * 4


def test_a_new_zone_moves_what_is_unsent_to_its_local_time(home: Home, item: Item) -> None:
    home.travel("Asia/Tokyo", now=at(2, 8))  # 17:00 in Tokyo
    assert standing(item) == "03-02 1080"
    assert item.schedule().next_due_at == at(2, 9)
    assert item.schedule().time_zone == "Asia/Tokyo"


def test_own_times_move_the_patients_slots_and_nobody_elses(
    clinic: ClinicWithStaff, home: Home, item: Item
) -> None:
    other = plan_item(make_patient(clinic, now=at(2, 7)), now=at(2, 7))
    with transaction(clinic.id) as session:
        patient = session.get_one(Patient, (clinic.id, home.patient.id))
        patient.preferences = {"reminder_times": {"physiotherapy": {"morning": "08:30"}}}
        session.flush()
        replan_patient(session, patient, now=at(2, 8))
    assert (standing(item), standing(other)) == ("03-02 510", "03-02 540")


def test_a_patient_without_an_episode_has_nothing_to_replan(clinic: ClinicWithStaff) -> None:
    home = Home(make_patient(clinic, now=at(2, 7)))
    home.edit(lambda session, _, patient: replan_patient(session, patient, now=at(2, 8)))
    assert home.snapshot()["schedule"] == []

"""A plan is published, edited, held and ended; its schedules follow, whole or not at all.

Defects planted, each of which turned a test here red: today's single step left to
tomorrow's gate; rows that stand not counted as had; the revision not counted up.
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from recovery_service.database import transaction
from recovery_service.models import Schedule
from recovery_service.services import schedules
from tests.factories import ClinicWithStaff, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item
from tests.services.courses import (
    FaultError,
    Home,
    due_times,
    failing_at,
    send,
    standing,
    states,
    unsent,
)

pytestmark = pytest.mark.usefixtures("app_context")
TODAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 3)
PHYSIO = "physiotherapy"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of March 2026, in London the local time as well."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def with_slots(**slots: str) -> dict[str, Any]:
    return DAILY | {"slots": slots}


@pytest.fixture
def home(clinic: ClinicWithStaff) -> Home:
    """Return a patient who went home on Sunday 1 March."""
    return Home(make_patient(clinic, now=at(2, 7)))


@pytest.fixture
def item(home: Home) -> Item:
    """Return an exercise at 09:00 and 18:00 of a live plan; the morning's was sent."""
    item = plan_item(home.patient, now=at(2, 7))
    materialise(item, now=at(2, 9))
    send(item, now=at(2, 9))
    return item


def edit_at_noon(home: Home, item: Item, rule: dict[str, Any], day: date = TODAY) -> None:
    home.publish((item, PHYSIO, rule), now=at(2, 12), effective_from=day)


# --- publishing ------------------------------------------------------------------------------


def test_a_first_plan_begins_with_what_is_still_ahead(home: Home) -> None:
    item = home.new_item()
    home.publish((item, PHYSIO, DAILY), now=at(2, 8), effective_from=TODAY)
    assert (standing(item), states(item)) == ("03-02 540", {})


def test_a_plan_published_late_still_shows_the_latest_that_is_valid(home: Home) -> None:
    item = home.new_item()
    home.publish((item, PHYSIO, DAILY), now=at(2, 10), effective_from=TODAY)
    assert (states(item), standing(item)) == ({"20260302.morning": "due"}, "03-02 1080")
    assert unsent(item) == 2  # the inbox and the phone


def test_a_plan_for_a_later_day_is_silent_until_then(home: Home) -> None:
    item = home.new_item()
    home.publish((item, PHYSIO, DAILY), now=at(2, 10), effective_from=date(2026, 3, 9))
    assert (standing(item), states(item)) == ("03-09 540", {})


def test_what_is_left_to_a_device_that_cannot_know_of_it_yet_is_taken_over(home: Home) -> None:
    item = home.new_item()
    rule = DAILY | {"remind_via": "device"}
    home.publish((item, PHYSIO, rule), now=at(2, 10), effective_from=TODAY)
    assert (states(item), unsent(item)) == ({"20260302.morning": "due"}, 2)


def test_a_muted_kind_is_written_and_not_sent(home: Home) -> None:
    with transaction(home.patient.clinic_id) as session:
        session.connection().exec_driver_sql("UPDATE destination SET muted_kinds = '{walking}'")
    walk, item = home.new_item(), home.new_item()
    home.publish(
        (walk, "walking", DAILY), (item, PHYSIO, DAILY), now=at(2, 10), effective_from=TODAY
    )
    assert (unsent(walk), unsent(item)) == (0, 2)


def test_equal_rules_are_stored_once(home: Home) -> None:
    pair = home.new_item(), home.new_item()
    home.publish(*((each, PHYSIO, DAILY) for each in pair), now=at(2, 8), effective_from=TODAY)
    assert len(home.snapshot()["schedule_rule"]) == 1
    assert len(home.snapshot()["schedule"]) == 2


# --- slots edited at noon --------------------------------------------------------------------


def test_a_slot_that_is_ahead_moves_today(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="09:00", evening="17:00"))
    assert standing(item) == "03-02 1020"


def test_a_slot_whose_new_time_has_passed_moves_from_tomorrow(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="09:00", evening="11:00"))
    assert due_times(item) == {
        "20260302.evening": "03-02 18:00",
        "20260302.morning": "03-02 09:00",
    }
    assert standing(item) == "03-03 540"


def test_a_slot_that_was_sent_does_not_speak_again_at_its_new_time(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="15:00", evening="18:00"))
    assert standing(item) == "03-02 1080"
    materialise(item, now=at(3, 15))
    assert due_times(item)["20260303.morning"] == "03-03 15:00"


def test_a_slot_that_is_added_speaks_today_if_it_is_ahead(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="09:00", lunch="13:00", evening="18:00"))
    assert standing(item) == "03-02 780"
    edit_at_noon(home, item, with_slots(early="08:00", morning="09:00", evening="18:00"))
    assert standing(item) == "03-02 1080"
    assert "20260302.early" not in item.rows()


def test_a_slot_that_is_removed_does_not_speak_today(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="09:00"))
    assert (standing(item), states(item)) == ("03-03 540", {"20260302.morning": "due"})


def test_from_thirty_minutes_to_sixty_nothing_is_repeated(home: Home) -> None:
    window = {"from": "09:00", "to": "17:00"}
    half = {key: value for key, value in DAILY.items() if key != "slots"} | window
    half |= {"every_minutes": 30, "valid_for_minutes": 30}
    item = plan_item(home.patient, "posture", half, now=at(2, 7))
    materialise(item, now=at(2, 11, 30))
    send(item, now=at(2, 11, 30))
    before = set(item.rows())
    home.publish(
        (item, "posture", half | {"every_minutes": 60}), now=at(2, 11, 40), effective_from=TODAY
    )
    assert (set(item.rows()), standing(item)) == (before, "03-02 720")
    materialise(item, now=at(2, 17))
    assert set(item.rows()) - before == {f"20260302.s{hour}00" for hour in range(12, 18)}


def test_a_change_for_tomorrow_leaves_today_as_it_is(home: Home, item: Item) -> None:
    edit_at_noon(home, item, with_slots(morning="08:00", evening="17:00"), TOMORROW)
    assert due_times(item) == {
        "20260302.evening": "03-02 18:00",
        "20260302.morning": "03-02 09:00",
    }
    assert standing(item) == "03-03 480"


def test_a_change_for_tomorrow_leaves_todays_single_step_as_it_is(home: Home) -> None:
    rule = {"anchor": "discharge", "from_day": 1, "to_day": 1, "slots": {"noon": "12:00"}}
    rule |= {"valid_for_minutes": 240, "identity": "once"}
    lesson = plan_item(home.patient, "education", rule, now=at(2, 7))
    home.publish((lesson, "education", rule), now=at(2, 8), effective_from=TOMORROW)
    assert (states(lesson), due_times(lesson)) == ({"once": "due"}, {"once": "03-02 12:00"})
    assert (standing(lesson), unsent(lesson)) == (None, 2)


def test_an_item_that_a_revision_no_longer_has_falls_silent(home: Home, item: Item) -> None:
    other = plan_item(home.patient, now=at(2, 7))
    materialise(other, now=at(2, 9))
    home.publish((item, PHYSIO, DAILY), now=at(2, 9, 5), effective_from=TODAY)
    assert (standing(other), unsent(other)) == (None, 0)
    assert standing(item) == "03-02 1080"


def test_what_was_sent_of_a_removed_item_is_cancelled_with_its_reason(
    home: Home, item: Item
) -> None:
    other = home.new_item()
    home.publish((other, PHYSIO, DAILY), now=at(2, 9, 5), effective_from=TODAY)
    assert states(item) == {"20260302.morning": "cancelled item_removed"}
    assert {each.state for each in item.deliveries()} == {"sent"}


# --- held, released, ended -------------------------------------------------------------------


def hold(home: Home, *, now: datetime) -> None:
    home.edit(lambda s, episode, _: schedules.hold_schedules(s, episode, reason="on_hold", now=now))


def release(home: Home, *, now: datetime) -> None:
    def released(session: Any, episode: Any, patient: Any) -> None:
        episode.released_at = now
        schedules.release_schedules(session, episode, patient, now=now)

    home.edit(released)


def test_a_hold_silences_what_is_open_and_unsent(home: Home) -> None:
    item = plan_item(home.patient, now=at(2, 7))
    materialise(item, now=at(2, 9))
    hold(home, now=at(2, 9, 5))
    assert (states(item), standing(item)) == ({"20260302.morning": "cancelled on_hold"}, None)
    assert {(each.state, each.reason) for each in item.deliveries()} == {("dropped", "on_hold")}


def test_a_release_begins_at_its_moment_and_owes_nothing(home: Home, item: Item) -> None:
    hold(home, now=at(2, 12))
    release(home, now=at(5, 10))
    assert standing(item) == "03-05 1080"
    assert states(item) == {"20260302.morning": "cancelled on_hold"}
    home.move(now=at(5, 11), discharge_date=date(2026, 2, 28))  # a later edit owes nothing either
    assert standing(item) == "03-05 1080"
    assert states(item) == {"20260302.morning": "cancelled on_hold"}


def test_a_hold_and_a_release_within_a_morning_repeat_nothing(home: Home, item: Item) -> None:
    hold(home, now=at(2, 8, 30))
    release(home, now=at(2, 8, 40))
    assert standing(item) == "03-02 1080"


def test_while_held_nothing_is_replanned(home: Home, item: Item) -> None:
    def held(session: Any, episode: Any, _: Any) -> None:
        episode.state, episode.held_at = "on_hold", at(2, 12)
        schedules.hold_schedules(session, episode, reason="on_hold", now=at(2, 12))

    home.edit(held)
    home.move(now=at(2, 13), discharge_date=date(2026, 3, 4))
    assert standing(item) is None


def test_the_end_of_an_episode_ends_everything(home: Home, item: Item) -> None:
    materialise(item, now=at(2, 18))
    home.edit(
        lambda s, episode, _: schedules.end_schedules(
            s, episode, reason="episode_ended", now=at(2, 18, 1)
        )
    )
    assert (standing(item), unsent(item)) == (None, 0)
    assert set(states(item).values()) == {"cancelled episode_ended"}
    assert {each.reason for each in item.deliveries()} == {None, "episode_ended"}


# --- whole or not at all ---------------------------------------------------------------------


def moved(home: Home, item: Item) -> None:
    home.move(now=at(2, 12), discharge_date=date(2026, 3, 6))


def published(home: Home, item: Item) -> None:
    other = home.new_item()
    rule = with_slots(morning="09:00", evening="11:00")
    home.publish(
        (item, PHYSIO, rule), (other, "walking", DAILY), now=at(2, 12), effective_from=TODAY
    )


def held(home: Home, item: Item) -> None:
    hold(home, now=at(2, 12))


def travelled(home: Home, item: Item) -> None:
    home.travel("Asia/Tokyo", now=at(2, 12))


@pytest.mark.parametrize("edit", [moved, published, held, travelled])
def test_a_fault_at_any_statement_leaves_nothing_half_written(
    home: Home, item: Item, edit: Any
) -> None:
    second = plan_item(home.patient, rule=with_slots(lunch="11:30"), now=at(2, 7))
    materialise(second, now=at(2, 11, 30))  # due, and not sent
    before = home.snapshot()
    number = 1
    while True:
        with failing_at(number) as sent:
            try:
                edit(home, item)
                break
            except FaultError:
                pass
        assert home.snapshot() == before, sent[-1]
        number += 1
    assert number > 5
    assert home.snapshot() != before


def test_a_fault_at_the_commit_leaves_nothing_half_written(home: Home, item: Item) -> None:
    before = home.snapshot()

    def broken(session: Any, episode: Any, patient: Any) -> None:
        episode.discharge_date = date(2026, 3, 6)
        schedules.replan_episode(session, episode, patient, now=at(2, 12))
        raise FaultError

    with pytest.raises(FaultError):
        home.edit(broken)
    assert home.snapshot() == before


def test_an_edit_counts_up_what_the_loop_compares(home: Home, item: Item) -> None:
    """A batch that the loop computed before the edit no longer fits the row."""
    before = item.schedule().revision
    moved(home, item)
    hold(home, now=at(2, 13))
    assert item.schedule().revision == before + 2


def test_another_patient_is_not_touched(clinic: ClinicWithStaff, home: Home, item: Item) -> None:
    other = Home(make_patient(clinic, now=at(2, 7)))
    theirs = plan_item(other.patient, now=at(2, 7))
    materialise(theirs, now=at(2, 9))

    def of_the_other() -> tuple[Any, ...]:
        with transaction(clinic.id) as session:
            row = session.get_one(Schedule, (clinic.id, theirs.lineage))
            return row.revision, row.next_due_at, states(theirs), unsent(theirs)

    before = of_the_other()
    for edit in (moved, published, held):
        edit(home, item)
    assert of_the_other() == before

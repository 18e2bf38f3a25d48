"""What would become of a reminder, asked of the code that decides, and taken back.

Planted, each seen red: the transaction kept (an occurrence and a page of the ledger stayed);
the moment of asking taken for the moment of deciding (nothing was seen ahead).
"""

from datetime import timedelta
from uuid import UUID

import pytest

from recovery_service.domain import occurrence_ids
from recovery_service.domain.keys import Keys
from recovery_service.domain.notification_ids import encode
from recovery_service.reminders.foresight import Foreseen, foresee
from recovery_service.reminders.story import NothingOfThatName, Story, find, read_story
from tests.conftest import MONDAY, SECRET
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

KEYS = Keys(SECRET)
ROWS = "SELECT (SELECT count(*) FROM occurrence), (SELECT count(*) FROM delivery),"
LEDGER = " (SELECT count(*) FROM reminder_day)"


def story_of(bench: Bench, name: str) -> Story:
    with bench.transaction() as session:
        return read_story(session, *find(session, KEYS, name))


def ahead(bench: Bench, lineage: UUID, key: str) -> list[Foreseen]:
    story = story_of(bench, occurrence_ids.encode(lineage, key))
    return foresee(bench.transaction, story, now=bench.clock())


def test_what_is_not_due_yet_is_decided_as_of_its_moment_and_nothing_stays(bench: Bench) -> None:
    night = rule(slots={"night": "23:00"}, valid_for_minutes=120)
    lineage = bench.plan(bench.patient(bench.clinic()), night)
    before = bench.rows(ROWS + LEDGER)
    by_channel = {each.channel: each for each in ahead(bench, lineage, "20260302.night")}
    due = MONDAY + timedelta(hours=14)
    assert (by_channel["inbox"].state, by_channel["inbox"].at) == ("sent", due)
    push = by_channel["webpush"]
    assert (push.state, push.reason, push.at) == ("dropped", "quiet_hours", due)
    assert bench.rows(ROWS + LEDGER) == before == [(0, 0, 0)]


def test_what_waits_is_told_with_what_it_waits_for(bench: Bench) -> None:
    lineage = bench.plan(
        bench.patient(bench.clinic()), rule(slots={"night": "23:00"}, valid_for_minutes=900)
    )
    found = ahead(bench, lineage, "20260302.night")
    (push,) = [each for each in found if each.channel == "webpush"]
    assert (push.state, push.reason) == ("ready", "quiet_hours")
    assert push.until == MONDAY + timedelta(hours=23)


def test_what_was_sent_has_nothing_ahead_but_its_nudge(bench: Bench) -> None:
    lineage = bench.plan(bench.patient(bench.clinic()), rule(valid_for_minutes=600))
    bench.tick()
    before = bench.rows(ROWS + LEDGER)
    (nudge,) = ahead(bench, lineage, "20260302.morning")
    assert (nudge.cause, nudge.state) == ("nudge", "sent")
    assert nudge.at == MONDAY + timedelta(hours=2)
    assert bench.rows(ROWS + LEDGER) == before
    (_, rows, _) = before[0]
    assert rows == 3
    assert [row[0] for row in bench.follow_ups()] == ["nudge"]


def test_a_notification_leads_to_its_occurrence(bench: Bench) -> None:
    bench.clinic()
    clinic = bench.clinic()
    lineage = bench.plan(bench.patient(clinic), rule())
    bench.tick()
    ((delivery_id,),) = bench.rows("SELECT id FROM delivery WHERE channel = 'webpush'")
    story = story_of(bench, encode(KEYS, clinic.id, delivery_id))
    assert (story.standing.lineage_id, story.occ_key) == (lineage, "20260302.morning")
    assert {each.state for each in story.deliveries} == {"sent"}


def test_what_the_plan_does_not_give_is_neither_stored_nor_planned(bench: Bench) -> None:
    lineage = bench.plan(bench.patient(bench.clinic()), rule())
    story = story_of(bench, occurrence_ids.encode(lineage, "20260302.noon"))
    assert (story.fallen, story.planned) == (None, None)
    assert foresee(bench.transaction, story, now=bench.clock()) == []


def test_a_name_of_nothing_is_refused(bench: Bench) -> None:
    with pytest.raises(NothingOfThatName):
        story_of(bench, "no-such-thing")
    with pytest.raises(NothingOfThatName):
        story_of(bench, occurrence_ids.encode(UUID(int=7), "once"))

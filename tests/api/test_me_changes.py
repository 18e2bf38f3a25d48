"""What a patient changes: zone, language, preferences; and that it holds at once.

Defects planted, each seen red here: `mute` without `_DROP_MUTED`; the patch written over
the preferences instead of merged; `replan_patient` not called.
"""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from recovery_service.database import transaction
from recovery_service.models import AuditEvent, Destination, Patient
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, phone_of, pointers
from tests.plan_rows import Item, materialise, plan_item


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY)


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


@pytest.fixture
def item(app: Flask, patient: PatientAtHome) -> Item:
    with app.app_context():
        made = plan_item(patient, now=MONDAY - timedelta(hours=1))
        materialise(made, now=MONDAY)
        return made


def patch(phone: Phone, body: Any) -> Any:
    return phone.call("PATCH", "/me", body)


def test_the_zone_moves_what_is_ahead(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item
) -> None:
    me = patch(phone, {"time_zone": "Europe/Istanbul"}).get_json()
    assert me["profile"]["time_zone"] == "Europe/Istanbul"
    assert me["zone_suggestion"] == "Europe/London"
    evening = me["due_today"][-1]
    assert (evening["slot"], evening["local_time"]) == ("evening", "18:00")
    assert evening["due_at"].startswith("2026-03-02T15:00:00")
    assert item_schedule(app, item).time_zone == "Europe/Istanbul"


def item_schedule(app: Flask, item: Item) -> Any:
    with app.app_context():
        return item.schedule()


def test_a_change_is_versioned_and_audited_once(
    app: Flask, phone: Phone, patient: PatientAtHome
) -> None:
    for _ in range(2):
        assert patch(phone, {"locale": "tr", "time_zone": "Europe/Istanbul"}).status_code == 200
    with app.app_context(), transaction(patient.clinic_id) as session:
        stored = session.get_one(Patient, (patient.clinic_id, patient.id))
        events = session.scalars(select(AuditEvent.action)).all()
    assert (stored.version, stored.locale) == (2, "tr")
    assert events == ["profile_changed"]


def test_preferences_are_merged(phone: Phone, item: Item) -> None:
    patch(phone, {"preferences": {"quiet_hours": {"from": "22:00", "to": "07:00"}}})
    patch(phone, {"preferences": {"reminder_times": {"physiotherapy": {"morning": "08:15"}}}})
    patch(phone, {"preferences": {"quiet_hours": {"to": "06:30"}}})
    me = patch(phone, {"preferences": {"pause": {"from": "2026-03-05", "to": "2026-03-07"}}})
    assert me.get_json()["profile"]["preferences"] == {
        "quiet_hours": {"from": "22:00", "to": "06:30"},
        "reminder_times": {"physiotherapy": {"morning": "08:15"}},
        "pause": {"from": "2026-03-05", "to": "2026-03-07"},
    }
    me = patch(phone, {"preferences": {"pause": None, "reminder_times": {"physiotherapy": None}}})
    assert me.get_json()["profile"]["preferences"] == {
        "quiet_hours": {"from": "22:00", "to": "06:30"},
        "reminder_times": {},
    }


def test_the_patients_own_time_holds_for_what_is_ahead(phone: Phone, item: Item) -> None:
    for name in ("physiotherapy", str(item.lineage), f"item_{item.lineage.hex[:8]}"):
        times = {name: {"evening": "19:45"}}
        me = patch(phone, {"preferences": {"reminder_times": times}}).get_json()
        assert me["due_today"][-1]["local_time"] == "19:45"
        patch(phone, {"preferences": {"reminder_times": None}})


def test_a_muted_channel_carries_nothing_more(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item
) -> None:
    patch(phone, {"preferences": {"channels": {"physiotherapy": ["inbox"]}}})
    with app.app_context():
        with transaction(patient.clinic_id) as session:
            muted = {
                each.channel: each.muted_kinds for each in session.scalars(select(Destination))
            }
            channels = {each.id: each.channel for each in session.scalars(select(Destination))}
        sent = {channels[each.destination_id]: each for each in item.deliveries()}
    assert muted == {"inbox": [], "webpush": ["physiotherapy"]}
    assert (sent["inbox"].state, sent["inbox"].reason) == ("ready", None)
    assert (sent["webpush"].state, sent["webpush"].reason) == ("dropped", "muted")
    patch(phone, {"preferences": {"channels": None}})
    with app.app_context(), transaction(patient.clinic_id) as session:
        assert [each.muted_kinds for each in session.scalars(select(Destination))] == [[], []]


def test_a_new_subscription_is_as_muted_as_the_old_one(
    app: Flask, phone: Phone, patient: PatientAtHome
) -> None:
    patch(phone, {"preferences": {"channels": {"posture": []}}})
    body = {
        "platform": "fcm",
        "token": "another:" + "APA91b" * 20,
        "permission": "granted",
        "time_zone": "Europe/London",
        "locale": "en",
        "app_version": "1",
    }
    assert phone.call("PUT", f"/me/devices/{patient.device_id}", body).status_code == 200
    with app.app_context(), transaction(patient.clinic_id) as session:
        fresh = session.scalars(select(Destination).where(Destination.channel == "fcm")).one()
    assert fresh.muted_kinds == ["posture"]


def test_a_choice_for_an_item_that_has_gone_does_not_stand_in_the_way(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item
) -> None:
    gone = {"reminder_times": {"gone": {"noon": "12:00"}}}
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(update(Patient).values(preferences=gone))
    answer = patch(phone, {"preferences": {"reminder_times": {"walking": None}}})
    assert answer.status_code == 200
    assert patch(phone, {"preferences": {"reminder_times": {"gone": None}}}).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"name": "Other"}, "/name"),
        ({"time_zone": "Europe/Atlantis"}, "/time_zone"),
        ({"time_zone": None}, "/time_zone"),
        ({"locale": "klingon!"}, "/locale"),
        ({"preferences": {"theme": "dark"}}, "/preferences/theme"),
        ({"preferences": {"quiet_hours": {"from": "22:00"}}}, "/preferences/quiet_hours/to"),
        (
            {"preferences": {"quiet_hours": {"from": "25:00", "to": "07:00"}}},
            "/preferences/quiet_hours/from",
        ),
        (
            {"preferences": {"quiet_hours": {"from": "07:00", "to": "07:00"}}},
            "/preferences/quiet_hours/to",
        ),
        (
            {"preferences": {"pause": {"from": "2026-03-09", "to": "2026-03-08"}}},
            "/preferences/pause/to",
        ),
        (
            {"preferences": {"pause": {"from": "2026-02-30", "to": "2026-03-08"}}},
            "/preferences/pause/from",
        ),
        ({"preferences": {"channels": {"gym": ["push"]}}}, "/preferences/channels/gym"),
        (
            {"preferences": {"channels": {"walking": ["inbox", "pigeon"]}}},
            "/preferences/channels/walking/1",
        ),
        (
            {"preferences": {"reminder_times": {"gym": {"morning": "08:00"}}}},
            "/preferences/reminder_times/gym",
        ),
        (
            {"preferences": {"reminder_times": {"a/b": {"morning": "08:00"}}}},
            "/preferences/reminder_times/a~1b",
        ),
        (
            {"preferences": {"reminder_times": {"physiotherapy": {"noon": "12:00"}}}},
            "/preferences/reminder_times/physiotherapy/noon",
        ),
        (
            {"preferences": {"reminder_times": {"physiotherapy": {"morning": "8:00"}}}},
            "/preferences/reminder_times/physiotherapy/morning",
        ),
        (
            {"preferences": {"reminder_times": {"physiotherapy": {"morning": "18:00"}}}},
            "/preferences/reminder_times/physiotherapy/morning",
        ),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item, body: Any, pointer: str
) -> None:
    before = phone.get("/me").get_json()
    refused = patch(phone, body)
    assert refused.status_code == 422
    assert {each.partition(" ")[0] for each in pointers(refused)} == {pointer}
    assert phone.get("/me").get_json() == before

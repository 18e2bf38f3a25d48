"""The inbox and the receipts.

Defects planted, each seen red here: the receipt's owner not asked for; `coalesce`
turned around (the last word won); `least` left out (a phone's clock ran ahead);
`state = 'sent'` left out; the order of what was sent at one instant turned around.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from recovery_service.api.notifications import _PLACES
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.notification_ids import encode
from recovery_service.extensions import parts
from recovery_service.models import Delivery, Destination
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, code_of, phone_of, pointers
from tests.plan_rows import Item, materialise, plan_item

HOUR = timedelta(hours=1)


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY)


@pytest.fixture
def item(app: Flask, patient: PatientAtHome, clock: ManualClock) -> Item:
    """Two days of a plan, of which everything fell due."""
    with app.app_context():
        made = plan_item(patient, now=MONDAY - HOUR, title="Canary exercise")
        materialise(made, now=clock.advance(timedelta(days=1, hours=12)))
        return made


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome, item: Item) -> Phone:
    """Sign in after the clock has moved: an access token lives for ten minutes."""
    return phone_of(app, patient)


def send(app: Flask, item: Item, channel: str, *, at: datetime) -> list[str]:
    """Settle all deliveries of a channel as sent; return their public ids, oldest first."""
    with app.app_context(), transaction(item.clinic_id) as session:
        to = select(Destination.id).where(Destination.channel == channel)
        session.execute(
            update(Delivery)
            .where(Delivery.destination_id.in_(to))
            .values(state="sent", settled_at=at)
        )
        ids = session.scalars(
            select(Delivery.id).where(Delivery.destination_id.in_(to)).order_by(Delivery.id)
        )
        return [encode(parts().keys, item.clinic_id, each) for each in ids]


def receipt(phone: Phone, notification_id: str, name: str, at: datetime) -> Any:
    body = {"event": name, "at": at.isoformat()}
    return phone.call("POST", f"/me/notifications/{notification_id}/receipt", body)


def test_the_inbox_shows_what_was_sent_to_it_and_nothing_of_the_plan(
    app: Flask, phone: Phone, item: Item
) -> None:
    assert phone.get("/me/notifications").get_json() == {"items": [], "next_cursor": None}
    send(app, item, "webpush", at=MONDAY)
    assert phone.get("/me/notifications").get_json()["items"] == []
    ids = send(app, item, "inbox", at=MONDAY)
    answer = phone.get("/me/notifications")
    items = answer.get_json()["items"]
    assert [each["id"] for each in items] == ids[::-1]
    first = items[-1]
    assert first["occurrence_id"] == item.occurrence_id("20260302.morning")
    assert first["deep_link"] == f"/occurrences/{first['occurrence_id']}"
    assert (first["kind"], first["title"]) == ("physiotherapy", "Your plan")
    assert first["sent_at"].startswith("2026-03-02T09:00:00")
    assert (first["delivered_at"], first["opened_at"], first["dismissed_at"]) == (None, None, None)
    assert "Canary" not in answer.get_data(as_text=True)


def test_the_texts_are_in_the_language_asked_for(app: Flask, phone: Phone, item: Item) -> None:
    send(app, item, "inbox", at=MONDAY)
    turkish = phone.get("/me/notifications", **{"Accept-Language": "tr"}).get_json()["items"][0]
    assert turkish["title"] == "Planınız"  # noqa: RUF001 - Turkish


def test_pages_follow_each_other_though_all_was_sent_at_once(
    app: Flask, phone: Phone, item: Item
) -> None:
    ids = send(app, item, "inbox", at=MONDAY)
    seen: list[str] = []
    path = "/me/notifications?limit=2"
    while path:
        page = phone.get(path).get_json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        path = f"/me/notifications?limit=2&cursor={cursor}" if cursor else ""
    assert seen == ids[::-1]
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?limit=0", "?limit"),
        ("?limit=201", "?limit"),
        ("?cursor=abc", "?cursor"),
        ("?unread=1", "?unread"),
    ],
)
def test_a_bad_query_is_named(phone: Phone, query: str, pointer: str) -> None:
    refused = phone.get(f"/me/notifications{query}")
    assert (refused.status_code, pointers(refused)) == (422, {pointer})


def test_a_cursor_with_another_clinics_id_is_refused(
    app: Flask, phone: Phone, item: Item, other_clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        foreign = encode(parts().keys, other_clinic.id, 1)
    cursor = _PLACES.encode(MONDAY, foreign)
    refused = phone.get(f"/me/notifications?cursor={cursor}")
    assert (refused.status_code, code_of(refused)) == (422, "invalid_cursor")


def test_what_was_opened_has_arrived_and_the_first_word_stands(
    app: Flask, phone: Phone, item: Item, clock: ManualClock
) -> None:
    for channel in ("inbox", "webpush"):
        wanted = send(app, item, channel, at=MONDAY)[0]
        opened = receipt(phone, wanted, "opened", MONDAY + HOUR)
        assert opened.status_code == 200
        later = receipt(phone, wanted, "opened", MONDAY + 2 * HOUR)
        assert later.get_json() == opened.get_json()
        receipt(phone, wanted, "delivered", MONDAY)
        fate = receipt(phone, wanted, "dismissed", MONDAY + 3 * HOUR).get_json()
        assert fate["id"] == wanted
        assert [fate[name][11:13] for name in ("delivered_at", "opened_at", "dismissed_at")] == [
            "10",
            "10",
            "12",
        ]


def test_a_phone_whose_clock_runs_ahead_says_now(
    app: Flask, phone: Phone, item: Item, clock: ManualClock
) -> None:
    wanted = send(app, item, "inbox", at=MONDAY)[0]
    fate = receipt(phone, wanted, "delivered", clock() + timedelta(days=400)).get_json()
    assert datetime.fromisoformat(fate["delivered_at"]) == clock()


def test_somebody_elses_notification_is_nobodys(
    app: Flask,
    clinic: ClinicWithStaff,
    other_clinic: ClinicWithStaff,
    patient: PatientAtHome,
    item: Item,
) -> None:
    wanted = send(app, item, "inbox", at=MONDAY)[0]
    with app.app_context():
        others = [make_patient(each, now=MONDAY) for each in (clinic, other_clinic)]
    for other in others:
        stranger = phone_of(app, other)
        refused = receipt(stranger, wanted, "opened", MONDAY)
        assert (refused.status_code, code_of(refused)) == (404, "no_such_object")
        assert stranger.get("/me/notifications").get_json()["items"] == []
    with app.app_context():
        assert {each.opened_at for each in item.deliveries()} == {None}


@pytest.mark.parametrize("made_up", ["1", "a" * 24, "%F0%9F%92%8A", "a" * 300])
def test_an_id_that_is_none_is_a_404(phone: Phone, made_up: str) -> None:
    assert receipt(phone, made_up, "opened", MONDAY).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"event": "seen", "at": "2026-03-02T09:00:00Z"}, "/event"),
        ({"event": "opened", "at": "2026-03-02T09:00:00"}, "/at"),
        ({"event": "opened", "at": "2026-02-30T09:00:00Z"}, "/at"),
        ({"event": "opened"}, "/at"),
        ({"event": "opened", "at": "2026-03-02T09:00:00Z", "pain": 9}, "/pain"),
    ],
)
def test_bad_input_is_named(app: Flask, phone: Phone, item: Item, body: Any, pointer: str) -> None:
    wanted = send(app, item, "inbox", at=MONDAY)[0]
    refused = phone.call("POST", f"/me/notifications/{wanted}/receipt", body)
    assert (refused.status_code, pointers(refused)) == (422, {pointer})


def settle(app: Flask, item: Item, channel: str, **values: Any) -> None:
    """Settle the deliveries of a channel with these values."""
    with app.app_context(), transaction(item.clinic_id) as session:
        chosen = update(Delivery).where(Delivery.channel == channel)
        session.execute(chosen.values(settled_at=MONDAY, **values))


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("sent", None, "It was due."),
        ("dropped", "over_budget", "The day had enough reminders; what matters more came first."),
        ("dead", "gone", "The app or browser no longer takes notifications. It was not sent."),
    ],
)
def test_the_inbox_says_why_a_push_came_or_did_not(
    app: Flask, phone: Phone, item: Item, state: str, reason: str | None, why: str
) -> None:
    """Planted: the inbox's own delivery taken for the push (always "It was due.")."""
    send(app, item, "inbox", at=MONDAY)
    settle(app, item, "webpush", state=state, reason=reason)
    assert {each["why"] for each in phone.get("/me/notifications").get_json()["items"]} == {why}


def test_the_inbox_says_that_nothing_but_the_inbox_takes_reminders(
    app: Flask, phone: Phone, item: Item
) -> None:
    send(app, item, "inbox", at=MONDAY)
    with app.app_context(), transaction(item.clinic_id) as session:
        session.execute(delete(Delivery).where(Delivery.channel == "webpush"))
    (why,) = {each["why"] for each in phone.get("/me/notifications").get_json()["items"]}
    assert why == "It is in the inbox only: no device or address takes this kind."


def test_what_another_carried_has_arrived_with_that_one(
    app: Flask, phone: Phone, item: Item
) -> None:
    """Planted: the row's own instants only."""
    ids = send(app, item, "webpush", at=MONDAY)
    lead, carried = item_deliveries(app, item, "webpush")[:2]
    with app.app_context(), transaction(item.clinic_id) as session:
        both = update(Delivery).where(Delivery.id.in_([lead, carried]))
        session.execute(both.values(lead_id=lead))
    first = receipt(phone, ids[0], "opened", MONDAY + timedelta(minutes=1)).get_json()
    later = receipt(phone, ids[1], "delivered", MONDAY + timedelta(minutes=9)).get_json()
    assert (later["delivered_at"], later["opened_at"]) == (
        first["delivered_at"],
        first["opened_at"],
    )


def item_deliveries(app: Flask, item: Item, channel: str) -> list[int]:
    with app.app_context(), transaction(item.clinic_id) as session:
        chosen = select(Delivery.id).where(Delivery.channel == channel).order_by(Delivery.id)
        return list(session.scalars(chosen))

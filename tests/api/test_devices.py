"""Devices: how reminders reach them, and taking one away.

Defects planted, each seen red here: `check_endpoint` left out; the point not tried on
the curve; the old destination kept on a change (the unique index then refused); a
destination made anew on every report; another patient's device looked up by id alone;
`revoked_at` of a device not read on PUT.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Destination
from tests.conftest import MONDAY, running_app, settings_for
from tests.contract.phone_rigs import APNS_TOKEN, FCM_TOKEN
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient
from tests.fakes.push_device import PushDevice
from tests.phones import Phone, code_of, phone_of, pointers

ENDPOINT = "https://push.example/send/1"


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY)


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


def report(**changes: Any) -> dict[str, Any]:
    own = {
        "platform": "webpush",
        "permission": "granted",
        "time_zone": "Europe/London",
        "locale": "en",
        "app_version": "1.2.0",
    }
    return own | changes


def subscribed(endpoint: str = ENDPOINT, **changes: Any) -> dict[str, Any]:
    return report(subscription=PushDevice.new(endpoint).subscription(), **changes)


def put(phone: Phone, device_id: UUID | None, body: dict[str, Any]) -> Any:
    return phone.call("PUT", f"/me/devices/{device_id}", body)


def pushes(app: Flask, patient: PatientAtHome) -> list[Destination]:
    """Return all push destinations that the patient ever had, oldest first."""
    with app.app_context(), transaction(patient.clinic_id) as session:
        wanted = select(Destination).where(
            Destination.patient_id == patient.id, Destination.device_id.is_not(None)
        )
        return list(session.scalars(wanted.order_by(Destination.created_at, Destination.id)))


def test_a_subscription_takes_the_place_of_the_one_before(
    app: Flask, patient: PatientAtHome, phone: Phone, clock: ManualClock
) -> None:
    later = clock.advance(timedelta(minutes=1))
    body = subscribed()
    answer = put(phone, patient.device_id, body)
    assert answer.status_code == 200
    assert answer.get_json()["push"]["channel"] == "webpush"
    old, new = pushes(app, patient)
    assert (old.retired_at, old.retired_reason) == (later, "replaced")
    assert (new.subscription, new.retired_at) == (body["subscription"], None)


def test_the_same_report_again_changes_nothing(
    app: Flask, patient: PatientAtHome, phone: Phone
) -> None:
    body = subscribed()
    first = put(phone, patient.device_id, body)
    before = [each.id for each in pushes(app, patient)]
    padded = body["subscription"]["keys"]
    body["subscription"] = body["subscription"] | {
        "expirationTime": None,
        "keys": {name: text + "=" * (-len(text) % 4) for name, text in padded.items()},
    }
    again = put(phone, patient.device_id, body)
    assert again.status_code == 200
    assert again.get_json() == first.get_json()
    assert [each.id for each in pushes(app, patient)] == before


def test_a_report_without_a_subscription_leaves_it(
    app: Flask, patient: PatientAtHome, phone: Phone
) -> None:
    body = report(plan_revision=3, scheduled_until="2026-03-05T09:00:00+01:00", name="Kitchen")
    shown = put(phone, patient.device_id, body).get_json()
    assert shown["plan_revision"] == 3
    assert shown["scheduled_until"].startswith("2026-03-05T08:00:00")
    assert (shown["name"], shown["current"]) == ("Kitchen", True)
    assert [each.retired_at for each in pushes(app, patient)] == [None]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"permission": "denied"}, "denied"), ({"subscription": None}, "withdrawn")],
)
def test_a_device_that_may_not_or_will_not_be_pushed_to(
    app: Flask, patient: PatientAtHome, phone: Phone, change: dict[str, Any], reason: str
) -> None:
    shown = put(phone, patient.device_id, report(**change)).get_json()
    assert shown["push"] is None
    assert [each.retired_reason for each in pushes(app, patient)] == [reason]


def test_a_token_of_fcm_is_kept_and_never_shown(
    app: Flask, patient: PatientAtHome, phone: Phone
) -> None:
    shown = put(phone, patient.device_id, report(platform="fcm", token=FCM_TOKEN))
    assert shown.get_json()["push"]["channel"] == "fcm"
    assert FCM_TOKEN not in shown.get_data(as_text=True)
    assert FCM_TOKEN not in phone.get("/me/devices").get_data(as_text=True)
    living = [each for each in pushes(app, patient) if each.retired_at is None]
    assert [(each.channel, each.subscription) for each in living] == [("fcm", {"token": FCM_TOKEN})]


def test_a_token_of_apns_has_one_form(app: Flask, patient: PatientAtHome, phone: Phone) -> None:
    for token in (APNS_TOKEN.upper(), APNS_TOKEN):
        assert (
            put(phone, patient.device_id, report(platform="apns", token=token)).status_code == 200
        )
    living = [each for each in pushes(app, patient) if each.channel == "apns"]
    assert [each.subscription for each in living] == [{"token": APNS_TOKEN}]


def test_an_unknown_device_is_made(app: Flask, patient: PatientAtHome, phone: Phone) -> None:
    tablet = uuid4()
    answer = put(phone, tablet, subscribed())
    assert answer.status_code == 201
    assert answer.get_json()["current"] is False
    assert put(phone, tablet, report()).status_code == 200
    listed = phone.get("/me/devices").get_json()["items"]
    assert {each["id"] for each in listed} == {str(tablet), str(patient.device_id)}


def test_devices_are_listed_newest_first_in_pages(
    patient: PatientAtHome, phone: Phone, clock: ManualClock
) -> None:
    made = [str(patient.device_id)]
    for _ in range(3):
        clock.advance(timedelta(seconds=1))
        made.append(put(phone, uuid4(), report()).get_json()["id"])
    seen: list[str] = []
    page = phone.get("/me/devices?limit=3").get_json()
    seen += [each["id"] for each in page["items"]]
    page = phone.get(f"/me/devices?limit=3&cursor={page['next_cursor']}").get_json()
    seen += [each["id"] for each in page["items"]]
    assert seen == made[::-1]
    assert page["next_cursor"] is None


def test_a_patient_has_ten_devices_at_most(phone: Phone) -> None:
    for _ in range(9):
        assert put(phone, uuid4(), report()).status_code == 201
    refused = put(phone, uuid4(), report())
    assert (refused.status_code, code_of(refused)) == (409, "too_many_devices")


def test_revoking_a_device_ends_it_and_no_other(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome, phone: Phone
) -> None:
    tablet = uuid4()
    put(phone, tablet, subscribed())
    assert phone.call("DELETE", f"/me/devices/{tablet}").status_code == 204
    assert phone.get("/me").status_code == 200
    ended = {each.device_id: each.retired_reason for each in pushes(app, patient)}
    assert ended == {tablet: "revoked", patient.device_id: None}
    assert phone.call("DELETE", f"/me/devices/{patient.device_id}").status_code == 204
    assert code_of(phone.get("/me")) == "session_expired"


def test_a_revoked_device_enrols_again_instead_of_coming_back(
    patient: PatientAtHome, phone: Phone
) -> None:
    tablet = uuid4()
    put(phone, tablet, report())
    phone.call("DELETE", f"/me/devices/{tablet}")
    assert put(phone, tablet, report()).status_code == 404
    assert str(tablet) not in phone.get("/me/devices").get_data(as_text=True)


def test_a_strangers_device_is_nobodys(
    app: Flask, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff, phone: Phone
) -> None:
    with app.app_context():
        neighbour = make_patient(clinic, now=MONDAY)
        foreigner = make_patient(other_clinic, now=MONDAY)
    assert put(phone, neighbour.device_id, subscribed()).status_code == 404
    assert phone.call("DELETE", f"/me/devices/{neighbour.device_id}").status_code == 404
    assert phone.call("DELETE", f"/me/devices/{foreigner.device_id}").status_code == 404
    assert phone_of(app, neighbour).get("/me").status_code == 200
    # An id in use in another clinic is free here: the key holds the clinic.
    assert put(phone, foreigner.device_id, report()).status_code == 201
    assert len(phone_of(app, foreigner).get("/me/devices").get_json()["items"]) == 1


def test_two_reports_at_once_leave_one_living_destination(
    app: Flask, patient: PatientAtHome, phone: Phone
) -> None:
    bodies = [subscribed(f"{ENDPOINT}{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda body: put(phone, patient.device_id, body), bodies))
    assert {answer.status_code for answer in answers} == {200}
    found = pushes(app, patient)
    assert len(found) == 7
    assert len([each for each in found if each.retired_at is None]) == 1


POINT = PushDevice.new(ENDPOINT).subscription()["keys"]["p256dh"]
AUTH = PushDevice.new(ENDPOINT).subscription()["keys"]["auth"]
OFF_CURVE = "BA" + "A" * 85


def keys(p256dh: str = POINT, auth: str = AUTH) -> dict[str, Any]:
    return {"subscription": {"endpoint": ENDPOINT, "keys": {"p256dh": p256dh, "auth": auth}}}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"platform": "pigeon"}, "/platform"),
        ({"permission": "maybe"}, "/permission"),
        ({"time_zone": "Europe/Atlantis"}, "/time_zone"),
        ({"time_zone": "../../etc/passwd"}, "/time_zone"),
        ({"scheduled_until": "2026-03-05T09:00:00"}, "/scheduled_until"),
        ({"plan_revision": True}, "/plan_revision"),
        ({"plan_revision": 2**31}, "/plan_revision"),
        ({"name": "x" * 101}, "/name"),
        ({"patient_id": "x"}, "/patient_id"),
        ({"token": "x"}, "/token"),
        ({"platform": "fcm", "token": "x"}, "/token"),
        ({"platform": "fcm", "token": "x" * 4097}, "/token"),
        ({"platform": "fcm", "token": "two words are no token"}, "/token"),
        ({"platform": "fcm", "token": "x" * 20 + "\n" + "x" * 20}, "/token"),
        ({"platform": "apns", "token": FCM_TOKEN}, "/token"),
        ({"platform": "apns", "token": "ab" * 31}, "/token"),
        ({"platform": "apns", "token": "ab" * 101}, "/token"),
        ({"platform": "apns", "token": "ab" * 32 + "/../x"}, "/token"),
        ({"platform": "apns"} | keys(), "/subscription"),
        ({"subscription": {"endpoint": ENDPOINT}}, "/subscription/keys"),
        (keys(p256dh=OFF_CURVE), "/subscription/keys/p256dh"),
        (keys(p256dh=POINT[:40]), "/subscription/keys/p256dh"),
        (keys(p256dh="!" * 87), "/subscription/keys/p256dh"),
        (keys(auth=AUTH[:8]), "/subscription/keys/auth"),
        ({"subscription": keys()["subscription"] | {"endpoint": "ftp://push.example"}},
         "/subscription/endpoint"),
        ({"subscription": keys()["subscription"] | {"endpoint": "https://a:b@push.example"}},
         "/subscription/endpoint"),
        ({"subscription": keys()["subscription"] | {"endpoint": "https://" + "x" * 2050}},
         "/subscription/endpoint"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_leaves_nothing(
    app: Flask, patient: PatientAtHome, phone: Phone, change: dict[str, Any], pointer: str
) -> None:
    refused = put(phone, patient.device_id, report(**change))
    assert (refused.status_code, pointers(refused)) == (422, {pointer})
    assert [each.retired_at for each in pushes(app, patient)] == [None]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/1",
        "https://127.0.0.1/1",
        "https://[::1]/1",
        "https://10.0.0.7/1",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/1",
        "https://93.184.215.14:8443/1",
    ],
)
def test_an_endpoint_inside_somebodys_network_is_refused(
    postgres: Any, own_database: str, clock: ManualClock, endpoint: str
) -> None:
    """Outside tests and the demo no endpoint may lead to a private address."""
    settings = settings_for(postgres, own_database, RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS="false")
    with running_app(settings, ManualClock(MONDAY)) as app:
        with app.app_context():
            patient = make_patient(make_clinic(now=MONDAY), now=MONDAY)
        refused = put(phone_of(app, patient), patient.device_id, subscribed(endpoint))
        assert (refused.status_code, pointers(refused)) == (422, {"/subscription/endpoint"})


def test_staff_have_no_devices(app: Flask, clinic: ClinicWithStaff) -> None:
    with app.app_context():
        staff = Phone(app, clinic.bearer())
    assert staff.get("/me/devices").status_code == 403


def test_an_id_that_is_none_is_a_404(phone: Phone) -> None:
    assert phone.call("PUT", "/me/devices/7", report()).status_code == 404

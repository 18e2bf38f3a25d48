"""Webhooks over the API: admins register, follow up, rotate, try out and replay.

Defects planted, each seen red: the address not looked at when it is changed;
`replay` of another endpoint's event; a sandbox's clock that does not wake for events; an
application that lets events go inside.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import AuditEvent, WebhookDelivery, WebhookEndpoint
from recovery_service.reminders.channels.events import Endpoint, Event
from recovery_service.reminders.channels.protocol import Dead
from recovery_service.services.webhooks import MAX_ENDPOINTS
from tests.calls import Caller
from tests.conftest import MONDAY, running_app, settings_for
from tests.factories import ClinicWithStaff, make_clinic, make_patient
from tests.fakes.http_server import HttpFake, Received, Reply
from tests.plan_rows import plan_item
from tests.standard_webhooks import verified

URL = "https://hooks.hospital.example/recovery"


class Hospital(HttpFake):
    """A receiver that takes everything."""

    def answer(self, request: Received) -> Reply:  # noqa: ARG002 - it takes everything
        return Reply(204)


@pytest.fixture
def admin(app: Flask, client: FlaskClient, clinic: ClinicWithStaff) -> Iterator[Caller]:
    with app.app_context():
        yield Caller(client, lambda: clinic.bearer("admin"))


def register(admin: Caller, **changes: Any) -> Any:
    wanted = {"url": URL, "events": ["alert.raised"], **changes}
    return admin("POST", "/webhooks", json=wanted)


def test_the_secret_is_shown_once_and_sealed(admin: Caller, clinic: ClinicWithStaff) -> None:
    made = register(admin, description="The hospital's integration engine")
    assert made.status_code == 201
    secret, webhook = made.json["secret"], made.json["webhook"]
    assert secret.startswith("whsec_")
    assert (webhook["enabled"], webhook["disabled_reason"], webhook["failing_since"]) == (
        True,
        None,
        None,
    )
    shown = admin("GET", f"/webhooks/{webhook['id']}")
    listed = admin("GET", "/webhooks")
    assert shown.json == listed.json["items"][0] == webhook
    assert secret not in shown.text + listed.text
    with transaction(clinic.id) as session:
        (row,) = session.query(WebhookEndpoint).all()
        assert secret.encode() not in (row.sealed or b"")
        traced = [each.action for each in session.query(AuditEvent).all()]
        assert "webhook_added" in traced


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"events": []}, "/events"),
        ({"events": ["alert.raised", "alert.raised"]}, "/events"),
        ({"events": ["alert.invented"]}, "/events/0"),
        ({"events": ["webhook.test"]}, "/events/0"),
        ({"url": "ftp://hooks.example/x"}, "/url"),
        ({"url": "https://user:pw@hooks.example/x"}, "/url"),
        ({"url": ""}, "/url"),
        ({"secret": "whsec_mine"}, "/secret"),
    ],
)
def test_what_is_wrong_is_named(admin: Caller, changes: Any, pointer: str) -> None:
    refused = register(admin, **changes)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json["errors"]] == [pointer]
    assert admin("GET", "/webhooks").json["items"] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.hospital.example/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://localhost/x",
        "https://203.0.113.9:8443/x",
    ],
)
def test_where_a_clinics_server_must_not_go_is_refused(
    postgres: EmbeddedPostgres, shared_database: str, url: str
) -> None:
    """Without the setting for tests and the demo; at registering and at a change."""
    settings = settings_for(
        postgres, shared_database, RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS="false"
    )
    with running_app(settings, ManualClock(MONDAY)) as app, app.app_context():
        clinic = make_clinic(now=MONDAY)
        admin = Caller(app.test_client(), lambda: clinic.bearer("admin"))
        refused = register(admin, url=url)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/url")
        webhook = register(admin, url="https://1.1.1.1/x").json["webhook"]["id"]
        refused = admin("PATCH", f"/webhooks/{webhook}", json={"url": url})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/url")


def test_the_services_own_way_of_sending_leads_nowhere_inside(
    postgres: EmbeddedPostgres, shared_database: str, hospital: Hospital
) -> None:
    """Planted: the application lets events go where its settings let nothing go."""
    settings = settings_for(
        postgres, shared_database, RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS="false"
    )
    its_id = uuid4()
    words: dict[str, Any] = dict.fromkeys(
        ("occurrence_id", "kind", "title", "line", "language", "collapse"), ""
    )
    event = Event(delivery_id=str(its_id), ttl=60, body=b"{}", **words)
    with running_app(settings, ManualClock(MONDAY)) as app:
        own = app.extensions["recovery_service"].webhooks
        for url in (hospital.origin, f"https://127.0.0.1:{hospital.port}/", "https://127.0.0.1/"):
            to = Endpoint(destination_id=its_id, channel="events", address=url, keys=(b"k" * 32,))
            assert own.send([(to, event)]) == [Dead("unsafe_endpoint")]
        own.close()
    assert hospital.connections == 0


def test_it_is_changed_disabled_enabled_and_deleted(admin: Caller) -> None:
    webhook = f"/webhooks/{register(admin).json['webhook']['id']}"
    changed = admin("PATCH", webhook, json={"events": ["plan.published"], "enabled": False})
    assert changed.json["events"] == ["plan.published"]
    assert (changed.json["enabled"], changed.json["disabled_reason"]) == (False, "by_staff")
    for way in ("test", f"deliveries/{changed.json['id']}/replay"):
        refused = admin("POST", f"{webhook}/{way}")
        assert (refused.status_code, refused.json["code"]) == (409, "webhook_disabled")
    assert admin("PATCH", webhook, json={"enabled": True}).json["disabled_reason"] is None
    assert admin("PATCH", webhook, json={}).status_code == 422
    assert admin("DELETE", webhook).status_code == 204
    assert admin("GET", webhook).status_code == 404
    assert admin("GET", f"{webhook}/deliveries").status_code == 404
    assert admin("GET", "/webhooks").json["items"] == []


def test_a_clinic_may_have_ten(admin: Caller) -> None:
    for _ in range(MAX_ENDPOINTS):
        assert register(admin).status_code == 201
    refused = register(admin)
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_webhooks")
    page = admin("GET", "/webhooks?limit=6").json
    rest = admin("GET", f"/webhooks?limit=6&cursor={page['next_cursor']}").json
    ids = [each["id"] for each in page["items"] + rest["items"]]
    assert len(set(ids)) == MAX_ENDPOINTS
    admin("DELETE", f"/webhooks/{ids[0]}")
    assert register(admin).status_code == 201


def test_a_new_secret_is_another_and_says_until_when_the_old_one_signs(admin: Caller) -> None:
    made = register(admin).json
    rotated = admin("POST", f"/webhooks/{made['webhook']['id']}/rotate-secret")
    assert rotated.json["secret"] != made["secret"]
    until = (MONDAY + timedelta(days=1)).isoformat()
    assert rotated.json["webhook"]["previous_secret_until"] == until
    assert rotated.headers["ETag"] == '"v2"'


def test_an_event_is_replayed_under_its_id_and_only_at_its_own_endpoint(
    admin: Caller, clinic: ClinicWithStaff
) -> None:
    mine, other = (register(admin).json["webhook"]["id"] for _ in range(2))
    sent = admin("POST", f"/webhooks/{mine}/test")
    assert (sent.status_code, sent.json["state"], sent.json["type"]) == (
        202,
        "waiting",
        "webhook.test",
    )
    with transaction(clinic.id) as session:
        (row,) = session.query(WebhookDelivery).all()
        row.state, row.settled_at, row.reason, row.attempts = "dead", MONDAY, "status_500", 140
    (shown,) = admin("GET", f"/webhooks/{mine}/deliveries").json["items"]
    assert (shown["state"], shown["reason"], shown["next_try_at"]) == ("failed", "status_500", None)
    assert admin("GET", f"/webhooks/{other}/deliveries").json["items"] == []
    path = f"deliveries/{shown['id']}/replay"
    assert admin("POST", f"/webhooks/{other}/{path}").status_code == 404
    again = admin("POST", f"/webhooks/{mine}/{path}")
    assert (again.status_code, again.json["id"]) == (202, shown["id"])
    assert (again.json["state"], again.json["attempts"]) == ("waiting", 0)
    assert again.json["next_try_at"] == MONDAY.isoformat()


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with Hospital() as receiver:
        yield receiver


def test_in_a_sandbox_events_are_sent_on_the_way(
    postgres: EmbeddedPostgres, own_database: str, hospital: Hospital
) -> None:
    settings = settings_for(postgres, own_database)
    with running_app(settings, ManualClock(MONDAY)) as app, app.app_context():
        sandbox = make_clinic(now=MONDAY, kind="sandbox", approved=False)
        bearer: Callable[[], dict[str, str]] = lambda: sandbox.bearer("admin")  # noqa: E731
        admin = Caller(app.test_client(), bearer)
        patient = make_patient(sandbox, now=MONDAY)
        plan_item(patient, now=MONDAY)
        made = register(admin, url=f"{hospital.origin}/x", events=["occurrence.missed"]).json
        hospital.reply = Reply(500)
        moved = admin("POST", "/sandbox/clock", json={"to": "2026-03-04T12:00:00Z"}).json
        hospital.reply = None
        admin("POST", "/sandbox/clock", json={"to": "2026-03-04T13:00:00Z"})
        webhook = f"/webhooks/{made['webhook']['id']}"
        sent = admin("GET", f"{webhook}/deliveries").json["items"]
    assert len(hospital.received) > len(sent) > 1
    assert {each["state"] for each in sent} == {"delivered"}
    assert max(each["attempts"] for each in sent) > 10
    assert any("webhooks_ready" in each["counts"] for each in moved["steps"])
    now = SystemClock()().timestamp()
    for each in hospital.received:
        assert verified(made["secret"], each.headers, each.body, now=now)

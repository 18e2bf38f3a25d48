"""Who may call what: every route, every role, and ids that are one's own or are not.

The routes are those of the application, so a new one is tried as soon as it exists. Who
should get in is written down here a second time, by what an address is about: a route
that is opened too far fails although it declares it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from config.content import read_content
from recovery_service.auth.access import access_rule
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Device
from tests.calls import Caller
from tests.conventions.objects import (
    furnish,
    objects_of_nobody,
    piece,
    somebody,
    template,
)
from tests.domain.made_up_questionnaires import like_the_rmdq
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic

PREFIX = "/api/v1"
CLINICIANS = {"physiotherapist", "surgeon"}
CARE = CLINICIANS | {"coordinator"}
STAFF = CARE | {"admin"}
ROLES = (*sorted(STAFF), "patient")

#: What anybody may call, because it is how one becomes somebody.
OPEN = {
    "POST /enrolments",
    "POST /staff/tokens",
    "POST /tokens/refresh",
    "GET /openapi.json",
    "GET /safety-rules/keys",
}
#: Who may, by the first pattern that fits the method and the address.
EXPECTED: tuple[tuple[str, set[str]], ...] = (
    (r"\w+ /me(/|$)", {"patient"}),
    (r"\w+ /staff/me/", STAFF),
    (r"DELETE /tokens/current", STAFF | {"patient"}),
    (
        r"POST /episodes/<>/(hold|release|end|phase|plan/publish|restrictions(/<>/end)?)$",
        CLINICIANS,
    ),
    (r"\w+ /(patients|episodes|appointments|call-tasks|alerts|messages)(/|$)", CARE),
    (r"GET /(clinic|sites|staff|plan-templates|questionnaires|instruments)(/|$)", STAFF),
    (r"POST /plan-templates", CLINICIANS),
    (r"GET /content-approvals(/|$)", STAFF),
    (r"POST /content-approvals(/|$)", CLINICIANS),
    (r"POST /questionnaires", CLINICIANS | {"admin"}),
    (r"POST /rules", CLINICIANS),
    (r"\w+ /sandbox/clock", STAFF),
    (r"\w+ /(clinic|sites|staff|audit-events|webhooks)(/|$)", {"admin"}),
)
REPORT = {
    "date": "2026-03-02",
    "recorded_at": "2026-03-02T09:00:00Z",
    "time_zone": "Europe/London",
    "form_version": "1",
    "answers": {},
}
ANSWERED = {"instrument": "psfs", "authored_at": "2026-03-02T09:00:00Z", "answers": {}}
ANSWERED_IN_FHIR = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": "urn:recovery-service:instrument:psfs",
    "status": "in-progress",
    "authored": "2026-03-02T09:00:00Z",
}
RULE = {
    "anchor": "discharge",
    "from_day": 0,
    "every_days": 1,
    "slots": {"noon": "12:00"},
    "valid_for_minutes": 60,
}
EPISODE = {"procedure": "lumbar_decompression", "discharge_date": "2026-03-02"}
PATIENT = {"name": "A", "date_of_birth": "1960-01-01", "time_zone": "UTC", "locale": "en"}
BROWSER = {
    "endpoint": "https://203.0.113.7/push/1",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZ"
        "GH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
#: Bodies that are well-formed, so that what decides is who asks for what.
BODIES: dict[str, Any] = {
    "PATCH /clinic": {"name": "B"},
    "POST /sandbox/clock": {"to": "2026-03-02T09:00:00Z"},
    "POST /sites": {"name": "B", "time_zone": "UTC", "country": "GB"},
    "PATCH /sites/<>": {"name": "B"},
    "PUT /sites/<>/holidays": {"holidays": [{"day": "2026-12-25"}]},
    "POST /sites/<>/holidays": {"day": "2026-01-01"},
    "POST /webhooks": {"url": "https://203.0.113.7/x", "events": ["alert.raised"]},
    "PATCH /webhooks/<>": {"description": "B"},
    "POST /staff": {"email": "a@b.example", "name": "B", "roles": ["admin"]},
    "PATCH /staff/<>": {"name": "B"},
    "POST /staff/<>/absences": {"from": "2026-03-02", "to": "2026-03-03"},
    "POST /alerts/acknowledge": {"ids": ["<alert_id>"]},
    "POST /alerts/<>/assign": {"staff_id": "<staff_id>"},
    "POST /alerts/<>/resolve": {"resolution": "advised"},
    "POST /alerts/<>/notes": {"note": "x"},
    "POST /me/advice/<>/response": {"response": "called"},
    "POST /patients": PATIENT | {"episode": EPISODE},
    "PATCH /patients/<>": {"name": "B"},
    "PUT /patients/<>/addresses": {"addresses": []},
    "PUT /patients/<>/care-team": {"staff": []},
    "POST /patients/<>/episodes": EPISODE,
    "POST /episodes/<>/hold": {"reason": "x"},
    "POST /episodes/<>/end": {"reason": "completed"},
    "POST /episodes/<>/appointments": {"kind": "visit"},
    "PATCH /appointments/<>": {"location": "B"},
    "POST /episodes/<>/plan/items": {"kind": "walking", "title": {"en": "B"}, "rule": RULE},
    "PATCH /episodes/<>/plan/items/<>": {"title": {"en": "B"}},
    "POST /episodes/<>/restrictions": {"code": "brace", "text": {"en": "B"}, "reason": "x"},
    "POST /episodes/<>/restrictions/<>/end": {"reason": "x"},
    "POST /episodes/<>/phase": {"phase": "stabilise", "decision": "accept"},
    "POST /me/occurrences/<>/actions": {"action": "complete", "at": "2026-03-02T09:00:00Z"},
    "POST /me/appointments/<>/response": {"response": "confirm"},
    "POST /me/check-ins": REPORT,
    "POST /me/appointment-feed": {},
    "POST /me/messages": {"text": "x"},
    "POST /me/messages/read": {"up_to": 1},
    "POST /episodes/<>/messages": {"text": "x"},
    "POST /episodes/<>/messages/read": {"up_to": 1},
    "POST /episodes/<>/check-ins": REPORT,
    "POST /me/questionnaire-responses": ANSWERED,
    "POST /episodes/<>/questionnaire-responses": ANSWERED,
    "POST /me/questionnaire-responses/fhir": ANSWERED_IN_FHIR,
    "POST /episodes/<>/questionnaire-responses/fhir": ANSWERED_IN_FHIR,
    "POST /questionnaires": {"instrument": "rmdq", "content": like_the_rmdq()},
    "PUT /me/devices/<>": {
        "platform": "webpush",
        "permission": "unknown",
        "time_zone": "UTC",
        "locale": "en",
        "app_version": "1",
    },
    "PATCH /staff/me/alert-preferences": {"mail": "same_day"},
    "PUT /staff/me/devices/<>": {"subscription": BROWSER},
    "POST /me/notifications/<>/receipt": {"event": "opened", "at": "2026-03-02T09:00:00Z"},
    "POST /me/sync": {"sent_at": "2026-03-02T09:00:00Z", "operations": []},
    "PATCH /me": {"locale": "en"},
    "POST /rules/backtest": {"rules": read_content()["red_flags"]},
}
CREATES = (
    "/actions",
    "/check-ins",
    "/response",
    "/questionnaire-responses",
    "/questionnaire-responses/fhir",
    "/messages",
)
#: The client chooses this id; one that another clinic knows is a new one here.
CLIENT_CHOOSES = "PUT /me/devices/<>"
#: So does each browser of staff; a colleague's is taken.
BROWSERS = "PUT /staff/me/devices/<>"
CHOSEN = {CLIENT_CHOOSES: {201}, BROWSERS: {201, 409}}


class Route(NamedTuple):
    """One method of one address."""

    method: str
    rule: str

    @property
    def name(self) -> str:
        """The method and the address without the names of its ids."""
        return f"{self.method} {re.sub('<[^>]+>', '<>', self.rule)}"

    @property
    def ids(self) -> list[str]:
        """The names of the ids in the address."""
        return re.findall(r"<(?:\w+:)?(\w+)>", self.rule)

    @property
    def roles(self) -> set[str]:
        """Who should get in."""
        return next(roles for pattern, roles in EXPECTED if re.match(pattern, self.name))

    def path(self, ids: dict[str, str]) -> str:
        """Return the address with these ids."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids[found[1]], self.rule)

    def body(self, ids: dict[str, str]) -> dict[str, Any] | None:
        """Return a body that is well-formed, with an id of its own where the client gives one."""
        if self.method in {"GET", "DELETE"}:
            return None
        words = json.dumps(BODIES.get(self.name, {}))
        body: dict[str, Any] = json.loads(re.sub(r"<(\w+)>", lambda found: ids[found[1]], words))
        if self.name == "POST /plan-templates":
            body = {"content": template("a_new_one")}
        if self.name == "POST /content-approvals":
            body = {"pieces": [piece()]}
        return body | ({"id": str(uuid4())} if self.name.endswith(CREATES) else {})


def routes(app: Flask) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(method, rule.rule.removeprefix(PREFIX))


def closed_routes(app: Flask) -> list[Route]:
    return [route for route in routes(app) if route.name not in OPEN]


@pytest.fixture
def world(app: Flask, app_context: None, clock: ManualClock) -> Any:
    """Return two furnished clinics."""
    made = [make_clinic(now=clock()), make_clinic(now=clock(), name="Other")]
    for clinic in made:
        furnish(clinic, now=clock())
    return made


def call(
    client: FlaskClient, role: str, clinic: ClinicWithStaff, patient: PatientAtHome, route: Route,
    ids: dict[str, str],
) -> Any:  # fmt: skip
    bearer = patient.bearer if role == "patient" else lambda: clinic.bearer(role)
    return Caller(client, bearer)(route.method, route.path(ids), json=route.body(ids))


def told(route: Route, role: str, answer: Any) -> str:
    detail = (answer.get_json(force=True, silent=True) or {}) if answer.data else {}
    return f"{role}: {route.name} -> {answer.status_code} {detail.get('errors') or ''}"


def test_every_route_is_open_by_intention_or_declares_a_token(app: Flask) -> None:
    declared = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/"):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                access = access_rule(app, rule.endpoint)
                route = Route(method, rule.rule.removeprefix(PREFIX))
                declared[route.name] = access.by if access else None
    assert {name for name, by in declared.items() if by == "nothing"} == OPEN
    assert {by for name, by in declared.items() if name not in OPEN} == {"token"}
    assert len(declared) > 50


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic YTpi", "Bearer"])
def test_nobody_gets_in_without_a_token(
    app: Flask, client: FlaskClient, world: list[ClinicWithStaff], header: str | None
) -> None:
    ids = objects_of_nobody(world[0])
    headers = {} if header is None else {"Authorization": header}
    wrong = []
    for route in closed_routes(app):
        path = PREFIX + route.path(ids)
        answer = client.open(path, method=route.method, json=route.body(ids), headers=headers)
        if answer.status_code != 401:
            wrong.append(told(route, "nobody", answer))
    assert wrong == [], "\n".join(wrong)


def test_each_role_gets_in_where_it_should_and_nowhere_else(
    app: Flask, client: FlaskClient, world: list[ClinicWithStaff], clock: ManualClock
) -> None:
    clinic, wrong = world[0], []
    own = somebody(clinic, now=clock())
    for route in closed_routes(app):
        for role in ROLES:
            # What is allowed may change things: it gets a patient of its own.
            patient, ids = somebody(clinic, now=clock()) if role in route.roles else own
            if route.name == "DELETE /staff/me/devices/<>" and role in route.roles:
                call(client, role, clinic, patient, Route("PUT", route.rule), ids)
            answer = call(client, role, clinic, patient, route, ids)
            refused = answer.status_code == 403
            odd = answer.status_code in {401, 404, 422} or answer.status_code >= 500
            if refused == (role in route.roles) or odd:
                wrong.append(told(route, role, answer))
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("whose", ["another clinic's", "nobody's"])
def test_what_is_not_of_the_clinic_does_not_exist(
    app: Flask, client: FlaskClient, world: list[ClinicWithStaff], clock: ManualClock, whose: str
) -> None:
    clinic, stranger = world
    patient, own = somebody(clinic, now=clock())
    theirs, foreign = somebody(stranger, now=clock())
    if whose == "nobody's":
        foreign = objects_of_nobody(clinic)
    wrong = []
    # The client's choice comes last: from then on its device is one of the clinic.
    for route in sorted(closed_routes(app), key=lambda route: route.name in CHOSEN):
        for ids in _mixed(route, own, foreign):
            for role in sorted(route.roles):
                answer = call(client, role, clinic, patient, route, ids)
                if answer.status_code not in CHOSEN.get(route.name, {404}):
                    wrong.append(told(route, role, answer))
    assert wrong == [], "\n".join(wrong)
    with transaction(stranger.id) as session:
        (device,) = session.scalars(select(Device).where(Device.patient_id == theirs.id))
        assert device.app_version == ""


def _mixed(route: Route, own: dict[str, str], foreign: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield ids of which one, or all, are not one's own."""
    telling = [name for name in route.ids if name not in {"number", "day", "kind"}]
    for name in telling:
        yield own | {name: foreign[name]}
    if len(telling) > 1:
        yield foreign


def test_what_is_another_patients_does_not_exist_for_a_patient(
    app: Flask, client: FlaskClient, world: list[ClinicWithStaff], clock: ManualClock
) -> None:
    clinic = world[0]
    patient, _ = somebody(clinic, now=clock())
    _, others = somebody(clinic, now=clock())
    tried, wrong = 0, []
    for route in closed_routes(app):
        if route.ids and route.roles == {"patient"}:
            tried += 1
            answer = call(client, "patient", clinic, patient, route, others)
            if answer.status_code != 404:
                wrong.append(told(route, "patient", answer))
    assert wrong == [], "\n".join(wrong)
    assert tried >= 4

"""Every route that changes something bears being called twice, and by two people at once.

The routes are those of the application. What is let off is written down here a second time,
with its reason, so that nothing is let off by the way.

Planted, each seen red: `If-Match` not compared for one method; one PATCH that opts out; a POST
that opts out.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.api import ApiBlueprint
from recovery_service.api.guards import (
    CLIENT_ID,
    CONDITION,
    KEY,
    TAGGED,
    UndeclaredGuardError,
    guard_of,
)
from recovery_service.api.repeats import IN_SCOPE, PARTS
from recovery_service.clock import ManualClock
from tests.conventions.objects import furnish, somebody
from tests.conventions.test_access_matrix import PREFIX, Route, call, closed_routes, told
from tests.factories import ClinicWithStaff, PatientAtHome

#: The client sends the id of what it creates.
CREATED_BY_ID = {
    "POST /episodes/<>/check-ins",
    "POST /episodes/<>/messages",
    "POST /episodes/<>/questionnaire-responses",
    "POST /episodes/<>/questionnaire-responses/fhir",
    "POST /me/advice/<>/response",
    "POST /me/appointments/<>/response",
    "POST /me/check-ins",
    "POST /me/messages",
    "POST /me/occurrences/<>/actions",
    "POST /me/questionnaire-responses",
    "POST /me/questionnaire-responses/fhir",
}
#: POSTs that need neither, and why.
KEYLESS = {
    "POST /enrolments": "nobody is known yet, and a code works once",
    "POST /episodes/<>/messages/read": "reading on never goes back",
    "POST /me/messages/read": "reading on never goes back",
    "POST /me/notifications/<>/receipt": "the first receipt of an event stands",
    "POST /me/sync": "each operation has an id of its own",
    "POST /sandbox/clock": "an instant is reached once",
    "POST /staff/tokens": "nobody is known yet; another token does no harm",
    "POST /tokens/refresh": "the same refresh token gets the same successor",
}
#: Edits that overwrite nobody's work, and why.
UNCONDITIONAL = {
    "DELETE /me/appointment-feed": "a feed is never changed",
    "DELETE /me/devices/<>": "the patient's own, whatever it said",
    "DELETE /sites/<>/holidays/<>": "a day is closed or it is not",
    "DELETE /staff/<>/absences/<>": "an absence is never changed",
    "DELETE /staff/me/devices/<>": "one's own, whatever it said",
    "DELETE /tokens/current": "a token is never changed",
    "DELETE /webhooks/<>": "told nothing more, whatever it said",
    "PATCH /me": "it is the patient's own, and a merge of what is named",
    "PATCH /staff/me/alert-preferences": "it is one's own, and a merge of what is named",
    "PUT /me/devices/<>": "a device reports how it is itself",
    "PUT /staff/me/devices/<>": "a browser reports how it is itself",
}
#: Where what is edited is read, if not at the same address.
READ_AT = {
    "PUT /patients/<>/addresses": "/patients/<uuid:patient_id>",
    "PUT /patients/<>/care-team": "/patients/<uuid:patient_id>",
    "PATCH /episodes/<>/plan/items/<>": "/episodes/<uuid:episode_id>/plan",
    "DELETE /episodes/<>/plan/items/<>": "/episodes/<uuid:episode_id>/plan",
}
ADMINS = ("/clinic", "/sites", "/staff", "/webhooks")


@pytest.fixture
def home(clinic: ClinicWithStaff, app_context: None, clock: ManualClock) -> ClinicWithStaff:
    """Return a furnished clinic."""
    furnish(clinic, now=clock())
    return clinic


def guards(app: Flask, *methods: str) -> dict[str, str | None]:
    """Return what the routes of these methods say, by name."""
    return {
        Route(method, rule.rule.removeprefix(PREFIX)).name: guard_of(
            app.view_functions[rule.endpoint]
        )
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{PREFIX}/")
        for method in (rule.methods or set()) & set(methods)
    }


def guarded(app: Flask, guard: str) -> list[Route]:
    return [
        route
        for route in closed_routes(app)
        if guards(app, route.method).get(route.name) == guard and route.method != "GET"
    ]


def who(route: Route) -> str:
    return "admin" if route.rule.startswith(ADMINS) else "physiotherapist"


def bearer_for(route: Route, home: ClinicWithStaff, patient: PatientAtHome) -> dict[str, str]:
    """Return the headers of somebody who may call a route."""
    return patient.bearer() if route.rule.startswith("/me/") else home.bearer(who(route))


def test_every_post_has_a_key_or_an_id_or_a_reason(app: Flask) -> None:
    said = guards(app, "POST")
    assert {name for name, guard in said.items() if guard == CLIENT_ID} == CREATED_BY_ID
    rest = {name: guard for name, guard in said.items() if guard not in {KEY, CLIENT_ID}}
    assert rest == KEYLESS
    assert len(said) > 35


def test_every_edit_has_a_condition_or_a_reason(app: Flask) -> None:
    said = guards(app, "PATCH", "PUT", "DELETE")
    assert {name: guard for name, guard in said.items() if guard != CONDITION} == UNCONDITIONAL
    assert len(said) > 15


@pytest.mark.parametrize("method", ["patch", "put", "delete"])
def test_an_edit_that_says_neither_cannot_be_served(method: str) -> None:
    blueprint = ApiBlueprint("bare", __name__)
    with pytest.raises(UndeclaredGuardError, match="/it"):
        getattr(blueprint, method)("/it")
    with pytest.raises(UndeclaredGuardError):
        getattr(blueprint, method)("/it", tag=lambda *_, **__: "v1", unconditional="both")


def test_what_an_edit_names_can_be_read(app: Flask) -> None:
    reads = guards(app, "GET")
    for route in guarded(app, CONDITION):
        read = Route("GET", READ_AT.get(route.name, route.rule))
        assert reads[read.name] == TAGGED, route.name


def test_what_an_answer_is_about_is_looked_up_again_before_it_is_repeated(app: Flask) -> None:
    for route in guarded(app, KEY):
        assert set(route.ids) <= IN_SCOPE.keys() | PARTS, route.name


def test_the_document_says_what_each_operation_takes(app: Flask, client: FlaskClient) -> None:
    paths = client.get(f"{PREFIX}/openapi.json").get_json()["paths"]
    wanted = {KEY: ("Idempotency-Key", {"400", "409", "422"}),
              CONDITION: ("If-Match", {"412", "428"})}  # fmt: skip
    told_of = 0
    for path, operations in paths.items():
        for method in operations.keys() & {"get", "post", "put", "patch", "delete"}:
            operation = operations[method]
            name = Route(method.upper(), path.removeprefix(PREFIX).replace("{", "<")
                         .replace("}", ">")).name  # fmt: skip
            guard = guards(app, method.upper()).get(name)
            headers = {each["name"] for each in operation.get("parameters", [])
                       if each.get("in") == "header"}  # fmt: skip
            header, refusals = wanted.get(str(guard), (None, set()))
            assert headers == ({header} if header else set()), name
            assert refusals <= operation["responses"].keys(), name
            told_of += header is not None
    assert told_of > 40


def test_a_post_without_a_key_is_refused_and_one_with_it_is_answered_once(
    app: Flask, client: FlaskClient, home: ClinicWithStaff, clock: ManualClock
) -> None:
    wrong, repeated = [], 0
    for route in guarded(app, KEY):
        patient, ids = somebody(home, now=clock())
        sent: dict[str, Any] = {"json": route.body(ids)}
        bearer = bearer_for(route, home, patient)

        def send(
            key: str | None, at: str = PREFIX + route.path(ids), sent: Any = sent, who: Any = bearer
        ) -> Any:
            return client.post(at, headers=who | {"Idempotency-Key": key}, **sent)

        bare, key = send(None), f'"{uuid4()}"'
        if (bare.status_code, bare.json["code"]) != (400, "idempotency_key_missing"):
            wrong.append(told(route, "without", bare))
        first, again = send(key), send(key)
        if first.status_code >= 300:
            continue
        repeated += 1
        same = (first.status_code, first.data) == (again.status_code, again.data)
        if not same or again.headers.get("Idempotent-Replayed") != "true":
            wrong.append(told(route, "again", again))
        if "Idempotent-Replayed" in first.headers:
            wrong.append(told(route, "first", first))
    assert wrong == [], "\n".join(wrong)
    assert repeated >= 20


class Edit:
    """One edit of one object, as it is tried with several conditions."""

    def __init__(self, client: FlaskClient, home: ClinicWithStaff, route: Route, ids: Any) -> None:
        self._client, self._route, self._ids = client, route, ids
        self._bearer = home.bearer(who(route))
        self._read = Route("GET", READ_AT.get(route.name, route.rule))

    def tag(self) -> str:
        answer = self._client.get(PREFIX + self._read.path(self._ids), headers=self._bearer)
        return str(answer.headers["ETag"])

    def send(self, condition: str | None) -> Any:
        return self._client.open(
            PREFIX + self._route.path(self._ids),
            method=self._route.method,
            json=self._route.body(self._ids),
            headers=self._bearer | {"If-Match": condition},
        )


def refused(edit: Edit) -> Iterator[str]:
    """Yield what is wrong about the refusals of an edit that names another state, or none."""
    stands = edit.tag()
    refusals = {None: 428, '"of-yesterday"': 412, f"W/{stands}": 412, "v1": 400}
    for condition, status in refusals.items():
        answer = edit.send(condition)
        if answer.status_code != status:
            yield f"{condition}: {answer.status_code}"
        elif status == 412 and {answer.headers["ETag"], answer.json["etag"]} != {stands}:
            yield f"{condition}: does not tell what stands"
    if edit.tag() != stands:
        yield "something was changed"


def let_through(edit: Edit, *, adds: bool) -> Iterator[str]:
    """Yield what is wrong about an edit that names what stands; it `adds` something or other."""
    stood = edit.tag()
    done = edit.send(f'"something-else", {stood}')
    if done.status_code >= 300 or done.headers.get("ETag") != edit.tag():
        yield f"as read: {done.status_code}"
    if done.headers.get("ETag") == stood and adds:
        yield "no trace of the edit in the tag"
    if edit.send(stood).status_code != 412 and adds:
        yield "the same state was edited twice"


def test_an_edit_holds_only_for_what_was_read(
    app: Flask, client: FlaskClient, home: ClinicWithStaff, clock: ManualClock
) -> None:
    wrong = []
    for route in guarded(app, CONDITION):
        edit = Edit(client, home, route, somebody(home, now=clock())[1])
        # The days of a site are the same afterwards: what they say is their tag.
        found = [*refused(edit), *let_through(edit, adds="holidays" not in route.rule)]
        wrong += [f"{route.name}: {each}" for each in found]
    assert wrong == [], "\n".join(wrong)


def test_whatever_stands_may_be_asked_for(
    app: Flask, client: FlaskClient, home: ClinicWithStaff, clock: ManualClock
) -> None:
    for route in guarded(app, CONDITION):
        patient, ids = somebody(home, now=clock())
        answer = call(client, who(route), home, patient, route, ids)  # the client sends "*"
        assert answer.status_code < 300, told(route, "*", answer)

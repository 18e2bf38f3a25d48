"""Members of staff: added, changed, disabled; the clinic keeps an admin."""

from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import any_, func, literal, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.access import Actor, Role
from recovery_service.errors import LastAdmin
from recovery_service.extensions import parts
from recovery_service.models import StaffMember, StaffSession
from recovery_service.services import directory
from recovery_service.services.staff import change_member
from tests.calls import Caller
from tests.factories import ClinicWithStaff

PASSWORD = "seven green lamps in a row"


@pytest.fixture
def call(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    return Caller(client, lambda: clinic.bearer("admin"))


def new_member(call: Caller, **changes: Any) -> dict[str, Any]:
    body = {"email": f"{uuid4().hex}@clinic.example", "name": "New Colleague"}
    answer = call("POST", "/staff", json=body | {"roles": ["coordinator"]} | changes)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def signs_in(client: FlaskClient, email: str, password: str) -> Any:
    return client.post("/api/v1/staff/tokens", json={"email": email, "password": password})


def test_somebody_new_signs_in_with_what_the_admin_gave(call: Caller, client: FlaskClient) -> None:
    email = f"{uuid4().hex}@Clinic.Example"
    member = new_member(
        call, email=email, roles=["surgeon", "admin", "surgeon"], password=PASSWORD, locale="tr"
    )
    assert member["email"] == email.lower()
    assert member["roles"] == ["admin", "surgeon"]
    assert "password" not in str(member)
    answer = signs_in(client, email, PASSWORD)
    assert answer.status_code in {200, 201}
    bearer = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
    assert client.get("/api/v1/staff", headers=bearer).status_code == 200


def test_without_a_password_nobody_signs_in(call: Caller, client: FlaskClient) -> None:
    member = new_member(call)
    assert signs_in(client, member["email"], "").status_code in {401, 422}
    assert signs_in(client, member["email"], PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@b.example, c@d.example"}, "/email"),
        ({"roles": []}, "/roles"),
        ({"roles": ["patient"]}, "/roles/0"),
        ({"roles": ["owner"]}, "/roles/0"),
        ({"locale": "de"}, "/locale"),
        ({"password": "too short"}, "/password"),
        ({"password": "New Colleague New Colleague"}, "/password"),
        ({"totp_seed": "x"}, "/totp_seed"),
        ({"disabled_at": None}, "/disabled_at"),
        ({"name": "\u0007"}, "/name"),
    ],
)
def test_what_cannot_be_names_its_field(call: Caller, body: Any, pointer: str) -> None:
    good = {"email": "x@clinic.example", "name": "New Colleague", "roles": ["admin"]}
    answer = call("POST", "/staff", json=good | body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert len(call("GET", "/staff").json["items"]) == 4


def test_an_address_signs_in_one_person_of_a_clinic(
    call: Caller, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    taken = clinic.emails["surgeon"]
    body = {"email": taken.upper(), "name": "Twin", "roles": ["surgeon"]}
    answer = call("POST", "/staff", json=body)
    assert (answer.status_code, answer.json["code"]) == (409, "email_taken")
    moved = call("PATCH", f"/staff/{clinic.staff['coordinator']}", json={"email": taken})
    assert (moved.status_code, moved.json["code"]) == (409, "email_taken")
    # Somebody may work for two clinics; neither learns of the other.
    assert new_member(call, email=other_clinic.emails["surgeon"])["roles"] == ["coordinator"]


def test_a_moved_address_signs_in_and_the_old_one_does_not(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    member = new_member(call, password=PASSWORD)
    wanted = f"{uuid4().hex}@clinic.example"
    assert call("PATCH", f"/staff/{member['id']}", json={"email": wanted}).status_code == 200
    assert signs_in(client, wanted, PASSWORD).status_code in {200, 201}
    assert signs_in(client, member["email"], PASSWORD).status_code == 401
    with transaction(clinic.id) as session:
        keys = parts().keys
        old = directory.clinics_of(session, "staff_email", keys.staff_email(member["email"]))
        new = directory.clinics_of(session, "staff_email", keys.staff_email(wanted))
    assert (old, new) == ([], [clinic.id])


def test_who_is_disabled_is_out_at_the_next_request(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    path = f"/staff/{clinic.staff['surgeon']}"
    held = clinic.bearer("surgeon")
    _open_browser(clinic, clock)
    assert client.get("/api/v1/clinic", headers=held).status_code == 200
    answer = call("PATCH", path, json={"disabled": True})
    assert answer.json["disabled_at"] is not None
    refused = client.get("/api/v1/clinic", headers=held)
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (401, "session_expired")
    with transaction(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(StaffSession)) == 0
    # Being let in again revives no old token.
    assert call("PATCH", path, json={"disabled": False}).json["disabled_at"] is None
    assert client.get("/api/v1/clinic", headers=held).status_code == 401
    assert client.get("/api/v1/clinic", headers=clinic.bearer("surgeon")).status_code == 200


def _open_browser(clinic: ClinicWithStaff, clock: ManualClock) -> None:
    with transaction(clinic.id) as session:
        session.add(
            StaffSession(
                clinic_id=clinic.id, token_hash=bytes(32), staff_id=clinic.staff["surgeon"],
                csrf_token="x", seen_at=clock(), expires_at=clock(), created_at=clock(),
            )
        )  # fmt: skip


def test_a_new_password_ends_what_the_old_one_opened(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    held = clinic.bearer("surgeon")
    path = f"/staff/{clinic.staff['surgeon']}"
    assert call("PATCH", path, json={"password": "short"}).status_code == 422
    assert client.get("/api/v1/clinic", headers=held).status_code == 200
    assert call("PATCH", path, json={"password": PASSWORD}).status_code == 200
    assert client.get("/api/v1/clinic", headers=held).status_code == 401
    assert signs_in(client, clinic.emails["surgeon"], PASSWORD).status_code in {200, 201}


def test_roles_hold_from_the_next_request_on(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    held = clinic.bearer("coordinator")
    path = f"/staff/{clinic.staff['coordinator']}"
    assert client.get("/api/v1/audit-events", headers=held).status_code == 403
    assert call("PATCH", path, json={"roles": ["admin"]}).json["roles"] == ["admin"]
    assert client.get("/api/v1/audit-events", headers=held).status_code == 200


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": ["surgeon"]}])
def test_the_last_admin_stays(call: Caller, clinic: ClinicWithStaff, change: Any) -> None:
    answer = call("PATCH", f"/staff/{clinic.staff['admin']}", json=change)
    assert (answer.status_code, answer.json["code"]) == (409, "last_admin")
    # One who is disabled is no admin to fall back on.
    spare = new_member(call, roles=["admin"])
    assert call("PATCH", f"/staff/{spare['id']}", json={"disabled": True}).status_code == 200
    answer = call("PATCH", f"/staff/{clinic.staff['admin']}", json=change)
    assert (answer.status_code, answer.json["code"]) == (409, "last_admin")


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": ["admin", "surgeon"]}])
def test_nobody_changes_their_own_powers(
    call: Caller, clinic: ClinicWithStaff, change: Any
) -> None:
    new_member(call, roles=["admin"])
    own = f"/staff/{clinic.staff['admin']}"
    assert call("PATCH", own, json=change).status_code == 403
    assert call("PATCH", own, json={"name": "Same Powers"}).json["name"] == "Same Powers"


def test_of_two_admins_who_demote_each_other_one_remains(
    app: Flask, call: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    first = clinic.staff["admin"]
    second = UUID(new_member(call, roles=["admin"])["id"])
    start = Barrier(2)
    refused: list[type[Exception]] = []

    def demote(one: UUID, other: UUID) -> None:
        with app.app_context():
            actor = Actor(clinic_id=clinic.id, kind="staff", id=one, roles=frozenset({Role.ADMIN}))
            start.wait()
            try:
                with transaction(clinic.id) as session:
                    keys, wish = parts().keys, {"roles": ["surgeon"]}
                    change_member(session, actor, keys, other, wish, now=clock())
            except LastAdmin as refusal:
                refused.append(type(refusal))

    threads = [Thread(target=demote, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction(clinic.id) as session:
        admins = select(func.count()).where(literal("admin") == any_(StaffMember.roles))
        assert session.scalar(admins) == 1
    assert refused == [LastAdmin]


def test_colleagues_see_names_and_admins_see_the_rest(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    short = {"id", "name", "roles", "disabled_at"}
    rest_of = {
        "email", "locale", "second_factor", "alert_mail", "version", "created_at", "updated_at",
    }  # fmt: skip
    listed = Caller(client, clinic.bearer)("GET", "/staff").json["items"]
    assert {each["id"] for each in listed} == {str(each) for each in clinic.staff.values()}
    assert all(set(each) == short for each in listed)
    full = call("GET", "/staff").json["items"]
    assert all(set(each) - short == rest_of for each in full)
    first = call("GET", "/staff?limit=3").json
    rest = call("GET", f"/staff?limit=3&cursor={first['next_cursor']}").json
    assert first["items"] + rest["items"] == full


def test_somebody_elses_staff_does_not_exist(call: Caller, other_clinic: ClinicWithStaff) -> None:
    for staff_id in (uuid4(), other_clinic.staff["surgeon"]):
        answer = call("PATCH", f"/staff/{staff_id}", json={"name": "Mine"})
        assert answer.status_code == 404

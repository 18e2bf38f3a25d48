"""Bearer tokens: one that is wrong, forged, old or revoked is refused on the very next request."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.tokens import Token
from recovery_service.models import StaffMember
from recovery_service.services.tokens import issue_tokens, revoke_families
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, issuer

PATH = "/api/v1/patients"


@pytest.fixture
def bearer(app: Flask, clinic: ClinicWithStaff) -> dict[str, str]:
    with app.app_context():
        return clinic.bearer()


def refusal(client: FlaskClient, headers: dict[str, str]) -> str | None:
    """Return the code of a refusal, None when the request is answered."""
    answer = client.get(PATH, headers=headers)
    if answer.status_code == 200:
        return None
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    return str(answer.get_json()["code"])


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "." * 66, "Bearer \u00e9" * 3]
)
def test_what_is_no_token_is_refused(client: FlaskClient, header: str) -> None:
    assert refusal(client, {"Authorization": header}) == "not_authenticated"


def test_a_forged_clinic_finds_nothing(
    client: FlaskClient, bearer: dict[str, str], other_clinic: ClinicWithStaff
) -> None:
    secret = Token.parse(bearer["Authorization"].removeprefix("Bearer ")).secret
    forged = Token(other_clinic.id, secret).text
    assert refusal(client, {"Authorization": f"Bearer {forged}"}) == "session_expired"
    assert refusal(client, bearer) is None


def test_an_access_token_ends_by_the_clock(
    client: FlaskClient, bearer: dict[str, str], clock: ManualClock
) -> None:
    clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
    assert refusal(client, bearer) is None
    clock.advance(timedelta(seconds=1))
    assert refusal(client, bearer) == "session_expired"


@pytest.mark.parametrize("reason", ["session_expired", "access_ended"])
def test_a_revoked_token_says_why(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, bearer: dict[str, str], reason: str
) -> None:
    staff_id = clinic.staff["physiotherapist"]
    with app.app_context(), transaction(clinic.id) as session:
        revoke_families(session, clinic.id, reason=reason, now=MONDAY, staff_id=staff_id)
    assert refusal(client, bearer) == reason


def test_a_disabled_account_ends_with_the_next_request(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, bearer: dict[str, str]
) -> None:
    assert refusal(client, bearer) is None
    with app.app_context(), transaction(clinic.id) as session:
        key = (clinic.id, clinic.staff["physiotherapist"])
        session.get_one(StaffMember, key).disabled_at = MONDAY
    assert refusal(client, bearer) == "session_expired"


def test_the_end_of_the_family_is_the_end_of_its_tokens(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context(), transaction(clinic.id) as session:
        pair = issue_tokens(
            session,
            issuer(),
            clinic.id,
            now=MONDAY,
            ends=MONDAY + timedelta(minutes=1),
            staff_id=clinic.staff["surgeon"],
        )
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    assert refusal(client, headers) is None
    clock.advance(timedelta(minutes=1))
    assert refusal(client, headers) == "session_expired"

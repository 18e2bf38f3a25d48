"""The rule bundle over HTTP: one's own procedure, signed, and asked for again cheaply."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask.testing import FlaskClient
from sqlalchemy import delete, event, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.keys import Keys
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.extensions import db, parts
from recovery_service.models import Episode, Patient, Site
from recovery_service.services.safety_rules import BundleSigner
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.safety_rules.phone import Phone, started

pytestmark = pytest.mark.usefixtures("app_context")
PATH = "/me/safety-rules"


@pytest.fixture
def patient(clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture(scope="module")
def phone() -> Any:
    with started() as running:
        yield running


def opened(part: str) -> Any:
    return json.loads(_bytes(part))


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check(signed: dict[str, str], jwk: dict[str, str]) -> None:
    key = Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
    message = f"{signed['protected']}.{signed['payload']}".encode()
    key.verify(_bytes(signed["signature"]), message)


def test_every_procedure_has_a_bundle_that_verifies(
    client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock, phone: Phone
) -> None:
    """Planted: sign the payload without the header; leave a procedure out."""
    keys = client.get("/api/v1/safety-rules/keys").get_json()["keys"]
    for procedure in PROCEDURES:
        somebody = make_patient(clinic, now=clock(), procedure=procedure)
        answer = Caller(client, somebody.bearer)("GET", PATH)
        assert (answer.status_code, answer.mimetype) == (200, "application/jose+json")
        check(answer.json, keys[0])
        found = phone.verify(answer.json, keys, clock().isoformat())
        assert found["isOld"] is False
        assert found["bundle"]["procedure"] == procedure
        assert found["bundle"] == opened(answer.json["payload"])


def test_a_changed_bundle_does_not_verify(call: Caller) -> None:
    signed = call("GET", PATH).json
    jwk = dict(parts().safety_rules.signer.jwk)
    header = opened(signed["protected"])
    assert header == {"alg": "EdDSA", "kid": jwk["kid"], "typ": "safety-rules"}
    for name in ("payload", "protected"):
        swapped = signed[name][:40] + ("A" if signed[name][40] != "A" else "B") + signed[name][41:]
        with pytest.raises(InvalidSignature):
            check({**signed, name: swapped}, jwk)


def test_another_secret_is_another_key_and_the_same_one_the_same() -> None:
    """Planted: a key that is made anew at each start."""
    one, same, other = (BundleSigner.of(Keys(secret)) for secret in ("a" * 32, "a" * 32, "b" * 32))
    assert one.jwk == same.jwk
    assert one.sign({"a": 1}) == same.sign({"a": 1})
    assert one.jwk["kid"] != other.jwk["kid"]
    assert "a" * 32 not in repr(one)


def test_the_bundle_says_whom_to_call_and_that_nobody_has_seen_it(
    call: Caller, clinic: ClinicWithStaff
) -> None:
    """Planted: the sentence of a check-in that was received."""
    bundle = opened(call("GET", PATH).json["payload"])
    assert bundle["phones"] == {"clinic": "+442079460000", "emergency": "999"}
    assert bundle["offline"].keys() == {"en", "tr"}
    for text in bundle["offline"].values():
        assert "+442079460000" in text
        assert "999" in text
    assert bundle["offline"]["en"].startswith("Nobody has seen this yet")
    with transaction(clinic.id) as session:
        session.execute(update(Site).values(phones={"out_of_hours": "+441"}))
    bundle = opened(call("GET", PATH).json["payload"])
    assert "your local emergency number" in bundle["offline"]["en"]
    assert "+441" in bundle["offline"]["tr"]


def test_abroad_the_emergency_number_is_that_of_the_country_or_none(
    call: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    """Planted: the site's own numbers wherever the patient is."""
    for zone, number in (("Europe/Istanbul", "112"), ("America/Paramaribo", None)):
        with transaction(clinic.id) as session:
            session.execute(update(Patient).where(Patient.id == patient.id).values(time_zone=zone))
        bundle = opened(call("GET", PATH).json["payload"])
        assert bundle["time_zone"] == zone
        assert bundle["phones"].get("emergency") == number
        assert "999" not in bundle["offline"]["en"]
        assert "another country" in bundle["offline"]["en"]
    assert bundle["calls"]["emergency"] == ["emergency"]


def test_it_is_asked_for_again_without_being_sent_again(call: Caller, clock: ManualClock) -> None:
    """Planted: a validity that counts from the request (no answer is then ever the same)."""
    first = call("GET", PATH)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = call("GET", PATH, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert call("GET", PATH, headers={"If-None-Match": '"another"'}).status_code == 200
    clock.set(MONDAY + timedelta(days=6, hours=14))
    assert call("GET", PATH, headers={"If-None-Match": tag}).status_code == 304
    clock.set(MONDAY + timedelta(days=7))
    later = call("GET", PATH, headers={"If-None-Match": tag})
    assert later.status_code == 200
    before, after = opened(first.json["payload"]), opened(later.json["payload"])
    assert at(before["issued_at"]) <= MONDAY < at(after["issued_at"])
    assert at(before["valid_until"]) - MONDAY > timedelta(days=28)
    assert before["version"] == after["version"]


def test_another_phone_number_is_sent_at_once(call: Caller, clinic: ClinicWithStaff) -> None:
    """Planted: a tag of the rules alone."""
    tag = call("GET", PATH).headers["ETag"]
    with transaction(clinic.id) as session:
        session.execute(update(Site).values(phones={"clinic": "+44", "emergency": "112"}))
    changed = call("GET", PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert opened(changed.json["payload"])["phones"]["emergency"] == "112"


def test_one_statement_tells_it(call: Caller, patient: PatientAtHome) -> None:
    patient.bearer()
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "episode" in statement or "site" in statement:
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        call("GET", PATH)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(sent) == 1


def test_the_episode_that_has_not_ended_counts_and_an_ended_one_still_has_rules(
    call: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    with transaction(clinic.id) as session:
        session.execute(
            update(Episode).values(state="ended", end_reason="completed", ended_on=clock().date())
        )
    assert opened(call("GET", PATH).json["payload"])["procedure"] == "lumbar_microdiscectomy"


def test_without_an_episode_there_are_no_rules(
    call: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    with transaction(clinic.id) as session:
        session.execute(delete(Episode))
    assert call("GET", PATH).status_code == 404


def test_the_keys_are_public_and_may_be_kept_for_an_hour(client: FlaskClient) -> None:
    answer = client.get("/api/v1/safety-rules/keys")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    [key] = answer.get_json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "alg", "use"}  # no private part
    assert key == dict(parts().safety_rules.signer.jwk)

"""Approval of content: no code before it, by whom, for exactly which version, and who sees it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.content_pieces import FILES_BY_KIND, PieceKey
from recovery_service.extensions import parts
from recovery_service.models import (
    AuditEvent,
    ContentApproval,
    Device,
    EnrolmentCode,
    Patient,
    StaffMember,
)
from recovery_service.services.content_approvals import approve
from tests.api.test_patients import body
from tests.calls import Caller
from tests.content_releases import DISCECTOMY, another_word, one_minute_more, release
from tests.conventions.objects import template
from tests.factories import ClinicWithStaff, make_clinic, make_patient
from tests.phones import Phone, enrolment, new_code, phone_of

SHARED = set(FILES_BY_KIND.values())
People = Callable[[str], Caller]


@pytest.fixture
def unread(app: Flask, clock: ManualClock) -> ClinicWithStaff:
    """Return a production clinic in which nobody approved anything."""
    with app.app_context():
        return make_clinic(now=clock(), approved=False)


def people(client: FlaskClient, clinic: ClinicWithStaff) -> People:
    return lambda role: Caller(client, lambda: clinic.bearer(role))


@pytest.fixture
def ask(app_context: None, client: FlaskClient, unread: ClinicWithStaff) -> People:
    """Return who asks in the clinic without approvals, by role."""
    return people(client, unread)


def register(ask: People) -> dict[str, dict[str, Any]]:
    answer = ask("coordinator")("GET", "/content-approvals")
    assert answer.status_code == 200
    return {each["code"]: each for each in answer.json["items"]}


def reference(piece: dict[str, Any]) -> dict[str, str]:
    return {name: piece[name] for name in ("kind", "code", "content_hash")}


def approving(ask: People, *codes: str, role: str = "physiotherapist", **more: Any) -> Any:
    known = register(ask)
    pieces = [reference(known[code]) for code in codes or known]
    return ask(role)("POST", "/content-approvals", json={"pieces": pieces} | more)


def registering(ask: People, **changes: Any) -> dict[str, Any]:
    answer = ask("coordinator")("POST", "/patients", json=body(**changes))
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def renewing(ask: People, patient_id: Any, **wish: Any) -> Any:
    return ask("coordinator")("POST", f"/patients/{patient_id}/enrolment-codes", json=wish)


def count(clinic: ClinicWithStaff, model: Any, *where: Any) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def test_without_approval_a_patient_is_registered_without_a_code_and_told_why(
    ask: People, unread: ClinicWithStaff
) -> None:
    """Planted: the gate asked after the code was made, or not at all."""
    done = registering(ask)
    withheld = done["enrolment_code_withheld"]
    assert done["enrolment_code"] is None
    assert withheld["code"] == "content_not_approved"
    assert {each["code"] for each in withheld["missing"]} == SHARED | {DISCECTOMY}
    assert all(each["title"].keys() == {"en", "tr"} for each in withheld["missing"])
    assert "red_flag_rules red_flags version 1" in withheld["detail"]
    assert (count(unread, Patient), count(unread, EnrolmentCode)) == (1, 0)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "is not approved"), ("tr", "gerektirdiği içerik")]
)
def test_a_code_of_its_own_is_refused_in_the_readers_language(
    ask: People, unread: ClinicWithStaff, language: str, words: str
) -> None:
    patient_id = registering(ask)["patient"]["id"]
    answer = ask("coordinator")(
        "POST",
        f"/patients/{patient_id}/enrolment-codes",
        json={},
        headers={"Accept-Language": language},
    )
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (409, "content_not_approved")
    assert words in problem["title"]
    assert count(unread, EnrolmentCode) == 0
    told = {"action": "enrolment_code_withheld", "actor_id": unread.staff["coordinator"]}
    assert count(unread, AuditEvent, *(getattr(AuditEvent, k) == v for k, v in told.items())) == 1


def test_what_the_operation_uses_is_enough(app: Flask, ask: People) -> None:
    """Templates of other operations may wait. Planted: one shared file left out of the gate."""
    for code in sorted(SHARED):
        assert approving(ask, code).status_code == 201
    assert registering(ask)["enrolment_code"] is None
    assert approving(ask, DISCECTOMY).status_code == 201
    done = registering(ask)
    assert done["enrolment_code_withheld"] is None
    answer = Phone(app).call(
        "POST", "/enrolments", enrolment(done["enrolment_code"], born="1961-05-04")
    )
    assert answer.status_code in {200, 201}
    other = registering(ask, episode={"procedure": "cervical_anterior"})
    missing = other["enrolment_code_withheld"]["missing"]
    assert [each["code"] for each in missing] == ["cervical_anterior"]


@pytest.mark.parametrize("left_out", sorted(SHARED))
def test_each_shared_file_is_needed(ask: People, left_out: str) -> None:
    approving(ask, *(SHARED - {left_out}), DISCECTOMY)
    withheld = registering(ask)["enrolment_code_withheld"]
    assert [each["code"] for each in withheld["missing"]] == [left_out]


def test_who_is_not_reached_by_an_app_is_withheld_nothing(ask: People) -> None:
    done = registering(ask, contact_mode="phone")
    assert (done["enrolment_code"], done["enrolment_code_withheld"]) == (None, None)


@pytest.mark.parametrize("kind", ["demo", "sandbox"])
def test_demo_and_sandbox_need_no_approval(
    app_context: None, client: FlaskClient, clock: ManualClock, kind: str
) -> None:
    """Planted: the kind of the clinic not asked for."""
    ask = people(client, make_clinic(now=clock(), kind=kind, approved=False))
    assert registering(ask)["enrolment_code"] is not None
    assert ask("admin")("GET", "/content-approvals").json["required"] is False


def test_the_register_says_who_approved_which_version_and_when(
    ask: People, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    assert {each["state"] for each in register(ask).values()} == {"unapproved"}
    answer = approving(ask, "red_flags", role="surgeon", statement="Read with the guideline.")
    entry = next(each for each in answer.json["items"] if each["code"] == "red_flags")
    assert entry["state"] == "approved"
    decision = entry["decision"]
    assert decision["decided_by"] == str(unread.staff["surgeon"])
    assert (decision["decided_by_name"], decision["decided_as"]) == ("Test Surgeon", "surgeon")
    assert decision["content_hash"] == entry["content_hash"]
    assert decision["decided_at"] == clock().isoformat()
    assert decision["statement"] == "Read with the guideline."
    assert count(unread, AuditEvent, AuditEvent.action == "content_approved") == 1
    assert answer.json["required"] is True


@pytest.mark.parametrize("role", ["coordinator", "admin"])
def test_only_clinicians_approve_and_withdraw(
    ask: People, unread: ClinicWithStaff, role: str
) -> None:
    assert approving(ask, role=role).status_code == 403
    approving(ask, "red_flags")
    approval = register(ask)["red_flags"]["decision"]["id"]
    answer = ask(role)("POST", f"/content-approvals/{approval}/withdraw", json={})
    assert answer.status_code == 403
    assert count(unread, ContentApproval) == 1


def test_another_clinics_approval_does_not_count(
    ask: People, app_context: None, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    """The other clinic has approved everything; two walls hold, our filter and the database's."""
    assert registering(people(client, clinic))["enrolment_code"] is not None
    assert registering(ask)["enrolment_code"] is None
    theirs = register(people(client, clinic))["red_flags"]["decision"]["id"]
    answer = ask("surgeon")("POST", f"/content-approvals/{theirs}/withdraw", json={})
    assert answer.status_code == 404


def test_a_changed_file_is_unapproved_again_and_says_what_changed(
    app: Flask, ask: People, unread: ClinicWithStaff
) -> None:
    """Planted: the gate looking at kind and code alone, or at the version instead of the hash."""
    approving(ask)
    with release(app, one_minute_more):
        entry = register(ask)[DISCECTOMY]
        assert entry["state"] == "changed_since"
        assert entry["decision"] is None
        assert entry["before"]["decided_by_name"] == "Test Physiotherapist"
        assert entry["before"]["content_hash"] != entry["content_hash"]
        withheld = registering(ask)["enrolment_code_withheld"]
        assert [each["code"] for each in withheld["missing"]] == [DISCECTOMY]
        reading = ask("surgeon")("GET", f"/content-approvals/plan_template/{DISCECTOMY}").json
        (change,) = reading["changes"]
        assert change["place"].endswith("/dose/minutes")
        assert change["after"] == change["before"] + 1
        approving(ask, DISCECTOMY)
        assert registering(ask)["enrolment_code"] is not None
        assert register(ask)[DISCECTOMY]["before"] is not None
    # The file as it was before is still the one that was read.
    assert register(ask)[DISCECTOMY]["state"] == "approved"


def test_who_is_enrolled_goes_on_when_content_changes(
    app: Flask, ask: People, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    approving(ask)
    patient = make_patient(unread, now=clock())
    phone = phone_of(app, patient)
    code = new_code(app, patient)
    with release(app, another_word):
        assert phone.get("/me").status_code == 200
        assert phone.get("/me/check-in-form").status_code == 200
        assert renewing(ask, patient.id).status_code == 409
        # A code that was given out while all was approved stays good.
        answer = Phone(app).call("POST", "/enrolments", enrolment(code))
        assert answer.status_code in {200, 201}


def test_a_lost_phone_is_locked_though_no_code_can_be_made(
    app: Flask, ask: People, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: the refusal raised inside the transaction, which then undoes the lock."""
    approving(ask)
    patient = make_patient(unread, now=clock())
    phone, code = phone_of(app, patient), new_code(app, patient)
    with release(app, another_word):
        assert renewing(ask, patient.id).status_code == 409
        assert phone.get("/me").status_code == 200
        assert renewing(ask, patient.id, lost_device=True).status_code == 409
    assert phone.get("/me").status_code == 401
    assert count(unread, Device, Device.revoked_at.is_(None)) == 0
    assert Phone(app).call("POST", "/enrolments", enrolment(code)).status_code == 422


def test_a_hash_that_is_not_the_current_one_is_refused_and_nothing_is_stored(
    app: Flask, ask: People, unread: ClinicWithStaff
) -> None:
    """What was on the screen is not what the service has now. Planted: the hash not compared."""
    seen = register(ask)
    wish = {"pieces": [reference(seen["check_in_items"]), reference(seen["red_flags"])]}
    with release(app, another_word):
        answer = ask("physiotherapist")("POST", "/content-approvals", json=wish)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (409, "content_changed")
    assert [each["pointer"] for each in problem["errors"]] == ["/pieces/1/content_hash"]
    assert count(unread, ContentApproval) == 0


def test_a_template_that_changes_while_it_is_approved_is_not_approved_by_it(
    ask: People, unread: ClinicWithStaff
) -> None:
    content = {"content": template("own_way")}
    assert ask("surgeon")("POST", "/plan-templates", json=content).status_code == 201
    seen = register(ask)["own_way"]
    assert (seen["origin"], seen["state"], seen["version"]) == ("clinic", "unapproved", 1)
    assert ask("surgeon")("POST", "/plan-templates", json=content).status_code == 201
    stale = ask("surgeon")("POST", "/content-approvals", json={"pieces": [reference(seen)]})
    assert stale.status_code == 409
    assert register(ask)["own_way"]["state"] == "unapproved"


def test_a_clinics_own_template_is_approved_like_any_other(ask: People) -> None:
    approving(ask)
    ask("surgeon")("POST", "/plan-templates", json={"content": template("own_way")})
    wish = {"procedure": "lumbar_decompression", "plan_template": "own_way"}
    withheld = registering(ask, episode=wish)["enrolment_code_withheld"]
    assert [each["code"] for each in withheld["missing"]] == ["own_way"]
    approving(ask, "own_way")
    assert registering(ask, episode=wish)["enrolment_code"] is not None


def test_what_counts_is_the_version_that_the_plan_was_drafted_from(app: Flask, ask: People) -> None:
    """Approved or not. Planted: the current version asked for, whatever the plan is made of."""
    first = registering(ask)["patient"]
    drafted = f"/episodes/{first['episode']['id']}/plan"
    assert ask("physiotherapist")("POST", drafted, json={}).status_code == 201
    with release(app, one_minute_more):
        approving(ask)
        problem = renewing(ask, first["id"])
        assert problem.status_code == 409
        assert registering(ask)["enrolment_code"] is not None
    approving(ask, DISCECTOMY)
    with release(app, one_minute_more):
        assert renewing(ask, first["id"]).status_code == 201


def test_an_approval_is_taken_back_once_and_stays_in_the_history(
    ask: People, unread: ClinicWithStaff
) -> None:
    """Planted: the oldest decision counts; a withdrawal counts as an approval."""
    approving(ask)
    approval = register(ask)["red_flags"]["decision"]["id"]
    path = f"/content-approvals/{approval}/withdraw"
    answer = ask("surgeon")("POST", path, json={"statement": "A rule is wrong."})
    assert answer.status_code == 200
    entry = register(ask)["red_flags"]
    assert (entry["state"], entry["decision"]["statement"]) == ("withdrawn", "A rule is wrong.")
    assert registering(ask)["enrolment_code"] is None
    again = ask("surgeon")("POST", path, json={})
    assert (again.status_code, again.json["code"]) == (409, "approval_withdrawn")
    assert count(unread, AuditEvent, AuditEvent.action == "content_approval_withdrawn") == 1
    approving(ask, "red_flags")
    assert registering(ask)["enrolment_code"] is not None
    page = ask("admin")("GET", "/content-approvals/history?limit=2").json
    assert [each["decision"] for each in page["items"]] == ["approve", "withdraw"]
    cursor = page["next_cursor"]
    rest = ask("admin")("GET", f"/content-approvals/history?limit=200&cursor={cursor}").json
    assert {each["decision"] for each in rest["items"]} == {"approve"}
    assert len(rest["items"]) == len(register(ask))


def test_what_was_taken_back_is_nothing_that_was_approved_before(app: Flask, ask: People) -> None:
    """Planted: the last approval shown as standing although it was withdrawn."""
    approving(ask, "red_flags")
    approval = register(ask)["red_flags"]["decision"]["id"]
    ask("surgeon")("POST", f"/content-approvals/{approval}/withdraw", json={})
    with release(app, another_word):
        entry = register(ask)["red_flags"]
    assert (entry["state"], entry["before"]) == ("unapproved", None)


def test_approving_twice_is_one_decision_and_a_colleagues_is_another(
    ask: People, unread: ClinicWithStaff
) -> None:
    for _ in range(2):
        assert approving(ask, "red_flags", "red_flags").status_code == 201
    assert count(unread, ContentApproval) == 1
    approving(ask, "red_flags", role="surgeon")
    assert count(unread, ContentApproval) == 2


def test_two_clinicians_at_once_take_turns_in_the_register(
    app: Flask, app_context: None, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: no turn taken; then both take the same number and one of them fails."""
    key = PieceKey("red_flag_rules", "red_flags", parts().content.red_flags.content_hash)

    def decide(role: str) -> None:
        with app.app_context(), transaction(unread.id) as session:
            approve(
                session, unread.actor(role), parts().content, [key],
                statement=None, now=clock(),
            )  # fmt: skip

    with ThreadPoolExecutor(1) as pool:
        with transaction(unread.id) as session:
            approve(
                session, unread.actor("surgeon"), parts().content, [key],
                statement=None, now=clock(),
            )  # fmt: skip
            colleague = pool.submit(decide, "physiotherapist")
            with pytest.raises(TimeoutError):
                colleague.result(timeout=0.3)
        colleague.result(timeout=5)
    with transaction(unread.id) as session:
        numbers = session.scalars(select(ContentApproval.number).order_by(ContentApproval.number))
        assert numbers.all() == [1, 2]


def test_an_approval_keeps_what_was_read(ask: People, unread: ClinicWithStaff) -> None:
    """Planted: an empty table kept in its place."""
    approving(ask, "crisis_words")
    with transaction(unread.id) as session:
        kept = session.scalars(select(ContentApproval.content)).one()
    assert kept == parts().content.files["crisis_words"].raw
    shown = ask("admin")("GET", "/content-approvals/crisis_words/crisis_words").json
    assert (shown["content"], shown["changes"]) == (kept, [])


def test_an_approval_outlives_its_authors_account(
    ask: People, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    approving(ask, role="surgeon")
    with transaction(unread.id) as session:
        session.get_one(StaffMember, (unread.id, unread.staff["surgeon"])).disabled_at = clock()
    assert registering(ask)["enrolment_code"] is not None
    assert register(ask)["red_flags"]["decision"]["decided_by_name"] == "Test Surgeon"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"pieces": []}, "/pieces"),
        ({"pieces": [{"kind": "rules", "code": "x", "content_hash": "0" * 64}]}, "/pieces/0/code"),
        ({"pieces": [{"kind": "rules", "code": "x", "content_hash": "0"}]},
         "/pieces/0/content_hash"),
        ({"statement": "x" * 2001}, "/statement"),
        ({"statement": "a\x07"}, "/statement"),
        ({"approved": True}, "/approved"),
    ],
)  # fmt: skip
def test_a_malformed_approval_names_its_field_and_stores_nothing(
    ask: People, unread: ClinicWithStaff, changes: dict[str, Any], pointer: str
) -> None:
    wish = {"pieces": [reference(register(ask)["red_flags"])]} | changes
    answer = ask("surgeon")("POST", "/content-approvals", json=wish)
    problem = answer.get_json(force=True)
    assert answer.status_code == 422
    assert [each["pointer"] for each in problem["errors"]] == [pointer]
    assert count(unread, ContentApproval) == 0


@pytest.mark.parametrize(
    "path", ["plan_template/none", "rules/red_flags", "plan_template/red_flags"]
)
def test_a_piece_that_is_not_there_is_not_found(ask: People, path: str) -> None:
    assert ask("surgeon")("GET", f"/content-approvals/{path}").status_code == 404

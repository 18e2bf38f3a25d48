"""A plan goes live on approved content only; who lives by it goes on.

Defects planted, each seen red: edits of a running plan asked for approval again; another
template let through because some plan is live.
"""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.content_pieces import FILES_BY_KIND
from recovery_service.models import Delivery, PlanRevision, Schedule
from tests.api.test_content_approvals import approving, people, register
from tests.calls import Caller
from tests.content_releases import DISCECTOMY, one_minute_more, release
from tests.dashboard.browser import patient_of, registration, signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient

SHARED = set(FILES_BY_KIND.values())
People = Callable[[str], Caller]


@pytest.fixture
def unread(app: Flask, clock: ManualClock) -> ClinicWithStaff:
    """Return a production clinic in which nobody approved anything."""
    with app.app_context():
        return make_clinic(now=clock(), approved=False)


@pytest.fixture
def ask(app_context: None, client: FlaskClient, unread: ClinicWithStaff) -> People:
    return people(client, unread)


@pytest.fixture
def patient(app_context: None, unread: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(unread, now=clock())


@pytest.fixture
def plan(ask: People, patient: PatientAtHome) -> str:
    """Draft the plan and return its address."""
    path = f"/episodes/{patient.episode_id}/plan"
    assert ask("coordinator")("POST", path, json={}).status_code == 201
    return path


def publishing(ask: People, plan: str, role: str = "physiotherapist") -> Any:
    return ask(role)("POST", f"{plan}/publish", json={})


def live(ask: People, plan: str) -> Any:
    return ask("surgeon")("GET", plan).json["live"]


def refused(answer: Any) -> set[str]:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (409, "plan_not_approved"), problem
    return {each["code"] for each in problem["missing"]}


def test_a_first_plan_names_what_waits_and_changes_nothing(
    ask: People, plan: str, unread: ClinicWithStaff
) -> None:
    answer = publishing(ask, plan)
    assert refused(answer) == SHARED | {DISCECTOMY}
    assert "/api/v1/content-approvals" in answer.headers["Link"]
    with transaction(unread.id) as session:
        assert session.scalars(select(PlanRevision.state)).all() == ["draft"]
        assert session.scalar(select(func.count()).select_from(Schedule)) == 0
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0


def test_what_is_missing_is_what_the_register_takes(ask: People, plan: str) -> None:
    problem = publishing(ask, plan).get_json(force=True)
    pieces = [
        {name: each[name] for name in ("kind", "code", "content_hash")}
        for each in problem["missing"]
    ]
    done = ask("surgeon")("POST", "/content-approvals", json={"pieces": pieces})
    assert done.status_code == 201
    assert publishing(ask, plan).status_code == 200


def test_the_preview_says_what_waits(ask: People, plan: str) -> None:
    shown = ask("coordinator")("GET", f"{plan}/preview").json
    assert {each["code"] for each in shown["not_approved"]} == SHARED | {DISCECTOMY}
    approving(ask)
    assert ask("coordinator")("GET", f"{plan}/preview").json["not_approved"] == []


def test_the_template_alone_is_missed_where_the_rest_is_approved(ask: People, plan: str) -> None:
    approving(ask, *SHARED)
    assert refused(publishing(ask, plan)) == {DISCECTOMY}


def test_edits_of_an_approved_template_are_the_clinicians_own(ask: People, plan: str) -> None:
    approving(ask)
    assert ask("physiotherapist")("PATCH", plan, json={"restrictions": []}).status_code == 200
    assert publishing(ask, plan).status_code == 200


def test_a_running_plan_goes_on_and_is_edited_when_content_changes_or_is_withdrawn(
    app: Flask, ask: People, plan: str
) -> None:
    approving(ask)
    assert publishing(ask, plan).status_code == 200
    taken = register(ask)[DISCECTOMY]["decision"]["id"]
    withdrawn = ask("surgeon")("POST", f"/content-approvals/{taken}/withdraw", json={})
    assert withdrawn.status_code in (200, 201), withdrawn.json
    with release(app, one_minute_more):
        assert ask("coordinator")("PATCH", plan, json={"note": "Less."}).status_code == 200
        assert publishing(ask, plan).status_code == 200
        assert live(ask, plan)["number"] == 2


def test_a_new_draft_of_a_new_version_waits_while_the_old_plan_goes_on(
    app: Flask, ask: People, plan: str
) -> None:
    approving(ask)
    assert publishing(ask, plan).status_code == 200
    with release(app, one_minute_more):
        drafted = ask("coordinator")("POST", plan, json={"template": DISCECTOMY})
        assert drafted.status_code == 201
        assert refused(publishing(ask, plan)) == {DISCECTOMY}
        assert live(ask, plan)["number"] == 1
        approving(ask, DISCECTOMY)
        assert publishing(ask, plan).status_code == 200


def test_a_revision_of_withdrawn_content_is_not_brought_back(
    app: Flask, ask: People, plan: str
) -> None:
    approving(ask)
    assert publishing(ask, plan).status_code == 200
    taken = register(ask)[DISCECTOMY]["decision"]["id"]
    with release(app, one_minute_more):
        approving(ask, DISCECTOMY)
        ask("coordinator")("POST", plan, json={"template": DISCECTOMY})
        assert publishing(ask, plan).status_code == 200
        ask("surgeon")("POST", f"/content-approvals/{taken}/withdraw", json={})
        restored = ask("coordinator")("POST", f"{plan}/revisions/1/restore", json={})
        assert restored.status_code == 201
        problem = publishing(ask, plan).get_json(force=True)
        assert [each["replaced"] for each in problem["missing"]] == [True]
        assert live(ask, plan)["number"] == 2


@pytest.mark.parametrize("kind", ["demo", "sandbox"])
def test_a_demo_needs_no_approvals(
    app_context: None, client: FlaskClient, clock: ManualClock, kind: str
) -> None:
    clinic = make_clinic(now=clock(), kind=kind, approved=False)
    made = make_patient(clinic, now=clock())
    ask, path = people(client, clinic), f"/episodes/{made.episode_id}/plan"
    ask("coordinator")("POST", path, json={})
    assert publishing(ask, path).status_code == 200


def test_the_page_says_what_waits_instead_of_the_button(
    app: Flask, ask: People, plan: str, patient: PatientAtHome, unread: ClinicWithStaff
) -> None:
    browser = signed_in(app, unread)
    page = browser.get(f"/patients/{patient.id}").text
    assert "Not publishable yet" in page
    assert 'href="/content-approvals"' in page
    assert "Publish the plan" not in page
    sent = browser.send(
        f"/patients/{patient.id}/plan/publish", {}, shown_on=f"/patients/{patient.id}"
    )
    assert sent.status_code == 409
    assert (
        "is not approved, so it is not published" in sent.text
        or "is not published until" in sent.text
    )
    approving(ask)
    assert "Publish the plan" in browser.get(f"/patients/{patient.id}").text


def test_registering_with_publication_keeps_the_draft_where_content_waits(
    app: Flask, app_context: None, unread: ClinicWithStaff
) -> None:
    browser = signed_in(app, unread)
    answer = browser.send("/patients/new", registration(plan="publish"), shown_on="/patients/new")
    assert answer.status_code == 303
    assert "Not publishable yet" in browser.get(f"/patients/{patient_of(answer)}").text

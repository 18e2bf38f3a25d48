"""The register in the browser: read, approve, take back; and a sheet that says what is missing."""

from typing import Any

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.content_pieces import FILES_BY_KIND
from recovery_service.extensions import parts
from recovery_service.models import ContentApproval, Device, EnrolmentCode
from tests.content_releases import DISCECTOMY, another_word, release
from tests.dashboard.browser import Browser, hidden, patient_of, registration, signed_in
from tests.factories import ClinicWithStaff, make_clinic, make_patient

RULES = "/content-approvals/red_flag_rules/red_flags"
NEEDED = (
    *(f"/content-approvals/{kind}/{name}" for kind, name in FILES_BY_KIND.items()),
    f"/content-approvals/plan_template/{DISCECTOMY}",
)
TURKISH = {"Accept-Language": "tr"}


@pytest.fixture
def unread(app: Flask, clock: ManualClock) -> ClinicWithStaff:
    """Return a production clinic in which nobody approved anything."""
    with app.app_context():
        return make_clinic(now=clock(), approved=False)


def approve(browser: Browser, path: str, **form: str) -> Any:
    shown = browser.get(path)
    known = {name: hidden(shown, name) for name in ("csrf_token", "content_hash")}
    return browser.post(path, known | form)


def approvals(clinic: ClinicWithStaff) -> list[ContentApproval]:
    with transaction(clinic.id) as session:
        return list(session.scalars(select(ContentApproval).order_by(ContentApproval.number)))


def codes(clinic: ClinicWithStaff) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(EnrolmentCode)) or 0


def test_a_physiotherapist_reads_and_approves_with_the_browser_alone(
    app: Flask, unread: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, unread)
    assert "Not approved" in browser.get("/content-approvals").text
    page = browser.get(RULES).text
    assert "SHA-256" in page
    for rule in parts().content.red_flags.rules:
        assert f"<dd>{rule.id}</dd>" in page
        assert all(f'<dd lang="{one}">{escape(rule.text[one])}</dd>' in page for one in rule.text)
    for path in NEEDED:
        assert approve(browser, path, statement="Read <b>all</b>.").status_code == 303
    register = browser.get("/content-approvals").text
    assert "Test Physiotherapist, physiotherapist, 2 Mar 2026, 09:00" in register
    assert "Read &lt;b&gt;all&lt;/b&gt;." in register
    answer = browser.send("/patients/new", registration(), shown_on="/patients/new")
    assert '<p class="code">' in browser.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, ("No enrolment code yet", "Red-flag rules", "May approve here: Test Physiotherapist")),
        (TURKISH, ("Henüz kay", "işareti kurallar", "Burada onaylayabilecekler")),
    ],
)
def test_the_sheet_without_a_code_says_what_is_missing_and_who_can_approve(
    app: Flask, unread: ClinicWithStaff, app_context: None,
    headers: dict[str, str], words: tuple[str, ...],
) -> None:  # fmt: skip
    browser = signed_in(app, unread, "coordinator")
    answer = browser.send("/patients/new", registration(locale="tr"), shown_on="/patients/new")
    assert answer.status_code == 303
    path = answer.headers["Location"]
    sheet = browser.client.get(path, headers={"Accept": "text/html"} | headers).text
    for word in words:
        assert word in sheet
    assert "Test Admin" not in sheet
    assert '<p class="code">' not in sheet
    assert "kodunu kliniğiniz size daha sonra verecek" in sheet
    assert codes(unread) == 0
    again = browser.send(
        f"/patients/{patient_of(answer)}/enrolment-codes", {}, shown_on="/content-approvals"
    )
    assert again.status_code == 409
    assert "No enrolment code yet" in again.text


def test_a_lost_phone_is_locked_and_the_sheet_says_so(
    app: Flask, clinic: ClinicWithStaff, app_context: None, clock: ManualClock
) -> None:
    """Planted: the lock undone with the refusal."""
    patient = make_patient(clinic, now=clock())
    browser = signed_in(app, clinic)
    path = f"/patients/{patient.id}/enrolment-codes"
    with release(app, another_word):
        answer = browser.send(path, {"lost_device": "yes"}, shown_on="/content-approvals")
    assert answer.status_code == 409
    assert "The old phone is locked" in answer.text
    with transaction(clinic.id) as session:
        (device,) = session.scalars(select(Device).where(Device.patient_id == patient.id))
    assert device.revoked_at == clock()


@pytest.mark.parametrize("kind", ["demo", "production"])
def test_the_form_warns_before_registering_only_where_approvals_are_needed_and_missing(
    app: Flask, app_context: None, clock: ManualClock, kind: str
) -> None:
    open_clinic = make_clinic(now=clock(), kind=kind, approved=False)
    form = signed_in(app, open_clinic).get("/patients/new").text
    assert ("Some content is not approved" in form) == (kind == "production")
    done = make_clinic(now=clock(), kind=kind)
    assert "Some content is not approved" not in signed_in(app, done).get("/patients/new").text


@pytest.mark.parametrize("role", ["admin", "coordinator", "surgeon"])
def test_the_first_page_of_a_new_clinic_leads_to_what_is_to_be_approved(
    app: Flask, unread: ClinicWithStaff, clinic: ClinicWithStaff, app_context: None, role: str
) -> None:
    page = signed_in(app, unread, role).get("/").text
    assert "Some content is not approved" in page
    assert 'href="/content-approvals"' in page
    assert "Some content is not approved" not in signed_in(app, clinic, role).get("/").text


def test_what_was_read_is_what_is_approved(
    app: Flask, unread: ClinicWithStaff, app_context: None
) -> None:
    """The file changes between reading and the button. Planted: the form without its hash."""
    browser = signed_in(app, unread)
    shown = browser.get(RULES)
    form = {name: hidden(shown, name) for name in ("csrf_token", "content_hash")}
    with release(app, another_word) as content:
        answer = browser.post(RULES, form)
        assert answer.status_code == 409
        assert "The content changed while you read it" in answer.text
        assert hidden(answer, "content_hash") == content.red_flags.content_hash
    assert approvals(unread) == []


def test_a_change_is_shown_beside_what_was_approved(
    app: Flask, unread: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, unread)
    approve(browser, RULES)
    with release(app, another_word):
        page = browser.get(RULES).text
        assert "Changed since it was approved" in page
        assert "What changed since Test Physiotherapist approved version 1" in page
        assert "/text/tr</code>" in page


def test_an_approval_is_taken_back_with_the_browser(
    app: Flask, unread: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, unread)
    approve(browser, RULES)
    (approval,) = approvals(unread)
    path = f"/content-approvals/decisions/{approval.id}/withdraw"
    token = hidden(browser.get(RULES), "csrf_token")
    for _ in range(2):
        answer = browser.post(path, {"csrf_token": token, "statement": "Wrong."})
        assert answer.status_code == 303
    assert [each.decision for each in approvals(unread)] == ["approve", "withdraw"]
    assert "Approval withdrawn" in browser.get("/content-approvals").text


@pytest.mark.parametrize("role", ["coordinator", "admin"])
def test_others_read_but_find_no_button_and_get_nowhere_without_one(
    app: Flask, unread: ClinicWithStaff, app_context: None, role: str
) -> None:
    browser = signed_in(app, unread, role)
    page = browser.get(RULES)
    assert "Only physiotherapists and surgeons approve content." in page.text
    assert 'name="content_hash"' not in page.text
    form = {"csrf_token": hidden(page, "csrf_token"), "content_hash": "0" * 64}
    assert browser.post(RULES, form).status_code == 403
    assert approvals(unread) == []


def test_a_form_of_another_site_approves_nothing(
    app: Flask, unread: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, unread)
    known = hidden(browser.get(RULES), "content_hash")
    assert browser.post(RULES, {"content_hash": known}).status_code == 403
    assert approve(browser, RULES, csrf_token="x").status_code == 403
    assert approvals(unread) == []


@pytest.mark.parametrize("statement", ["x" * 2001, "bell\x07"])
def test_a_statement_that_cannot_be_kept_is_refused(
    app: Flask, unread: ClinicWithStaff, app_context: None, statement: str
) -> None:
    answer = approve(signed_in(app, unread), RULES, statement=statement)
    assert answer.status_code == 422
    assert "At most 2000 characters" in answer.text
    assert approvals(unread) == []


@pytest.mark.parametrize("path", ["rules/red_flags", "plan_template/none"])
def test_a_piece_that_is_not_there_has_no_page(
    app: Flask, unread: ClinicWithStaff, path: str
) -> None:
    browser = signed_in(app, unread)
    address = f"/content-approvals/{path}"
    assert browser.get(address).status_code == 404
    assert browser.send(address, {"content_hash": "0" * 64}, shown_on=RULES).status_code == 404


def test_the_register_speaks_turkish_to_who_reads_turkish(
    app: Flask, unread: ClinicWithStaff
) -> None:
    browser = signed_in(app, unread)
    page = browser.client.get("/content-approvals", headers={"Accept": "text/html"} | TURKISH)
    assert "İçeriğin onaylanmas" in page.text
    assert "değil" in page.text
    assert 'lang="tr"' in page.text

"""Signing in and out: sessions begin, idle away and end; forms of others are refused."""

from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from recovery_service.clock import ManualClock
from recovery_service.dashboard.sign_in import local_path
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import AuditEvent, StaffMember, StaffSession
from recovery_service.services import totp
from tests.dashboard.browser import Browser, hidden, signed_in
from tests.factories import ClinicWithStaff


def test_a_physiotherapist_signs_in_and_sees_the_caseload(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    browser = Browser(app)
    first = browser.get("/")
    assert (first.status_code, first.headers["Location"]) == (302, "/sign-in")
    answer = browser.sign_in(clinic.emails["physiotherapist"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = browser.get("/")
    assert page.status_code == 200
    assert "<h1>Patients</h1>" in page.text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    browser = Browser(app)
    cookies = browser.sign_in(clinic.emails["surgeon"]).headers.getlist("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("recovery="))
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "Path=/" in session


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("physiotherapist", "not the password"),
        ("nobody@elsewhere.example", "correct horse battery staple"),
    ],
)
def test_a_wrong_password_and_an_unknown_address_read_alike_and_keep_the_address(
    app: Flask, clinic: ClinicWithStaff, email: str, password: str
) -> None:
    typed = clinic.emails.get(email, email)
    answer = Browser(app).sign_in(typed, password)
    assert answer.status_code == 401
    assert "E-mail address, password or code is wrong." in answer.text
    assert f'value="{typed}"' in answer.text
    assert password not in answer.text


def test_a_disabled_account_is_out_at_its_very_next_request(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    browser = signed_in(app, clinic)
    with app.app_context(), transaction(clinic.id) as session:
        session.execute(
            update(StaffMember)
            .where(StaffMember.id == clinic.staff["physiotherapist"])
            .values(disabled_at=clock())
        )
    assert browser.get("/").status_code == 302


def test_signing_in_again_begins_a_new_session_and_the_old_one_is_dead(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    browser = signed_in(app, clinic)
    old = browser.cookie()
    # The form is still open in another tab; the browser sends its old session along.
    stale = Browser(app)
    assert old is not None
    token = hidden(stale.get("/sign-in"), "form_token")
    stale.client.set_cookie("recovery", old)
    form = {"form_token": token, "email": clinic.emails["physiotherapist"]}
    answer = stale.post("/sign-in", form | {"password": "correct horse battery staple"})
    assert answer.status_code == 303
    assert stale.cookie() != old
    assert stale.get("/").status_code == 200
    assert browser.get("/").status_code == 302


def test_a_session_of_ones_own_choosing_is_never_taken_up(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    browser = Browser(app)
    browser.client.set_cookie("recovery", "A" * 22 + "." + "A" * 43)
    browser.sign_in(clinic.emails["physiotherapist"])
    assert browser.cookie() != "A" * 22 + "." + "A" * 43


def test_signing_out_ends_the_session_on_the_server_too(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    browser = signed_in(app, clinic)
    kept = browser.cookie()
    assert kept is not None
    answer = browser.send("/sign-out", {})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert browser.cookie() is None
    thief = Browser(app)
    thief.client.set_cookie("recovery", kept)
    assert thief.get("/").status_code == 302


def test_an_idle_session_ends_and_a_used_one_goes_on(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    used, idle = signed_in(app, clinic), signed_in(app, clinic)
    clock.advance(timedelta(minutes=10))
    assert used.get("/").status_code == 200
    clock.advance(timedelta(minutes=10))
    assert used.get("/").status_code == 200
    assert idle.get("/").status_code == 302


def test_no_session_outlives_twelve_hours_of_work(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    browser = signed_in(app, clinic)
    for _ in range(12 * 6 - 1):
        clock.advance(timedelta(minutes=10))
        assert browser.get("/sign-in").status_code == 302
    clock.advance(timedelta(minutes=10))
    assert browser.get("/").status_code == 302


def test_a_form_without_its_token_changes_nothing(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = signed_in(app, clinic)
    assert browser.post("/sign-out", {}).status_code == 403
    assert browser.post("/sign-out", {"csrf_token": "guess"}).status_code == 403
    assert browser.get("/").status_code == 200


def test_a_form_from_another_site_is_refused(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = signed_in(app, clinic)
    token = hidden(browser.get("/"), "csrf_token")
    evil = browser.post("/sign-out", {"csrf_token": token}, Origin="https://evil.example")
    assert evil.status_code == 403
    own = browser.post("/sign-out", {"csrf_token": token}, Origin="http://localhost")
    assert own.status_code == 303


def test_signing_in_cannot_be_forged_either(app: Flask, clinic: ClinicWithStaff) -> None:
    form = {"email": clinic.emails["surgeon"], "password": "correct horse battery staple"}
    assert Browser(app).post("/sign-in", form).status_code == 403
    other = hidden(Browser(app).get("/sign-in"), "form_token")
    victim = Browser(app)
    victim.get("/sign-in")
    assert victim.post("/sign-in", form | {"form_token": other}).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "goal"),
    [
        ("/patients/new", "/patients/new"),
        ("/?q=ada&sort=name", "/?q=ada&sort=name"),
        (None, "/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\tevil", "/"),
        ("javascript:alert(1)", "/"),
        ("patients", "/"),
    ],
)
def test_after_signing_in_one_goes_on_to_this_site_only(
    app: Flask, wanted: str | None, goal: str
) -> None:
    with app.test_request_context("/sign-in"):
        assert local_path(wanted) == goal


def test_a_second_factor_is_asked_for_and_each_code_opens_once(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    seed = totp.new_seed()
    surgeon = clinic.staff["surgeon"]
    with app.app_context(), transaction(clinic.id) as session:
        sealed = totp.seal_seed(parts().keys, clinic.id, surgeon, seed)
        session.execute(
            update(StaffMember).where(StaffMember.id == surgeon).values(totp_seed=sealed)
        )
    browser = Browser(app)
    asked = browser.sign_in(clinic.emails["surgeon"])
    assert asked.status_code == 401
    assert 'autocomplete="one-time-code"' in asked.text
    assert browser.sign_in(clinic.emails["surgeon"], otp="000000").status_code == 401
    code = pyotp.TOTP(seed).at(clock())
    assert browser.sign_in(clinic.emails["surgeon"], otp=code).status_code == 303
    assert Browser(app).sign_in(clinic.emails["surgeon"], otp=code).status_code == 401


def test_too_many_tries_are_told_when_to_come_back(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = Browser(app)
    for _ in range(10):
        assert browser.sign_in(clinic.emails["coordinator"], "wrong").status_code == 401
    answer = browser.sign_in(clinic.emails["coordinator"])
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "wait 15 minutes" in answer.text


def test_the_sign_ins_leave_one_line_each(
    app: Flask, clinic: ClinicWithStaff, app_context: None
) -> None:
    signed_in(app, clinic).send("/sign-out", {})
    with transaction(clinic.id) as session:
        for action in ("staff_signed_in", "staff_signed_out"):
            wanted = select(func.count()).where(AuditEvent.action == action)
            assert session.scalar(wanted.where(AuditEvent.clinic_id == clinic.id)) == 1
        assert session.scalar(select(func.count()).select_from(StaffSession)) == 0

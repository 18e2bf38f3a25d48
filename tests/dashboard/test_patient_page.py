"""One patient's page, its buttons, and the sheet that goes home."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.identifiers import new_id
from recovery_service.models import (
    AuditEvent,
    Base,
    CheckIn,
    Delivery,
    Device,
    Episode,
    PlanRevision,
)
from tests.dashboard.browser import Browser, hidden, patient_of, registration, signed_in
from tests.factories import ClinicWithStaff, make_patient
from tests.plan_rows import materialise, plan_item

CODE = re.compile(r'<p class="code">([0-9A-Z]{4}-[0-9A-Z]{4})</p>')
PAYLOAD = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def browser(app: Flask, clinic: ClinicWithStaff) -> Browser:
    """Return the browser of a physiotherapist who signed in."""
    return signed_in(app, clinic)


def _registered(browser: Browser, **changes: str) -> UUID:
    form = registration(**changes)
    return patient_of(browser.send("/patients/new", form, shown_on="/patients/new"))


def _tell(
    app: Flask, clinic: ClinicWithStaff, patient_id: UUID, clock: ManualClock, **answers: object
) -> None:
    with app.app_context(), transaction(clinic.id) as session:
        episode = session.scalars(select(Episode).where(Episode.patient_id == patient_id)).one()
        session.add(
            CheckIn(
                clinic_id=clinic.id, id=new_id(now=clock()), episode_id=episode.id,
                local_date=date(2026, 3, 2), recorded_at=clock(), received_at=clock(),
                time_zone="Europe/London", form_version="1", note=answers.pop("note", None),
                answers=answers,
            )
        )  # fmt: skip


def test_a_draft_is_published_with_a_button(
    app: Flask, browser: Browser, clinic: ClinicWithStaff
) -> None:
    patient_id = _registered(browser, plan="later")
    page = f"/patients/{patient_id}"
    assert "No plan yet." in browser.get(page).text
    template = {"template": "lumbar_microdiscectomy_early_return_2w"}
    assert browser.send(f"{page}/plan/draft", template).status_code == 303
    assert "Publish the plan" in browser.get(page).text
    assert browser.send(f"{page}/plan/publish", {}).status_code == 303
    assert "Publish the plan" not in browser.get(page).text
    with app.app_context(), transaction(clinic.id) as session:
        assert session.scalars(select(PlanRevision.state)).all() == ["live"]


def test_publishing_twice_says_that_there_is_nothing_to_publish(browser: Browser) -> None:
    page = f"/patients/{_registered(browser, plan='publish')}"
    answer = browser.send(f"{page}/plan/publish", {})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


def test_a_plan_that_counts_from_an_unknown_surgery_asks_for_leave_to_assume_it(
    browser: Browser,
) -> None:
    page = f"/patients/{_registered(browser, surgery_date='')}"
    assert browser.send(f"{page}/plan/publish", {}).status_code == 422
    assumed = browser.send(f"{page}/plan/publish", {"surgery_date_assumed": "yes"})
    assert assumed.status_code == 303
    assert "(assumed)" in browser.get(page).text


def test_a_coordinator_sees_the_draft_and_cannot_publish_it(
    app: Flask, clinic: ClinicWithStaff, browser: Browser
) -> None:
    page = f"/patients/{_registered(browser)}"
    coordinator = signed_in(app, clinic, "coordinator")
    assert "Publish the plan" not in coordinator.get(page).text
    assert coordinator.send(f"{page}/plan/publish", {}).status_code == 403
    assert browser.send(f"{page}/plan/publish", {}).status_code == 303


@pytest.mark.parametrize("path", ["", "/sheet"])
def test_a_patient_of_another_clinic_does_not_exist(
    app: Flask, browser: Browser, other_clinic: ClinicWithStaff, clock: ManualClock, path: str
) -> None:
    with app.app_context():
        foreign = make_patient(other_clinic, now=clock(), name="Foreign Person")
    answer = browser.get(f"/patients/{foreign.id}{path}")
    unknown = browser.get(f"/patients/{uuid4()}{path}")
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert "Foreign Person" not in answer.text


@pytest.mark.parametrize("path", ["plan/draft", "plan/publish", "enrolment-codes"])
def test_nothing_is_done_to_a_patient_of_another_clinic(
    app: Flask, browser: Browser, other_clinic: ClinicWithStaff, clock: ManualClock, path: str
) -> None:
    with app.app_context():
        foreign = make_patient(other_clinic, now=clock())
    form = {"template": "lumbar_microdiscectomy_restricted_6w"}
    assert browser.send(f"/patients/{foreign.id}/{path}", form).status_code == 404


@pytest.mark.parametrize("path", ["plan/draft", "plan/publish", "enrolment-codes"])
def test_every_button_needs_the_pages_token(browser: Browser, path: str) -> None:
    patient_id = _registered(browser)
    assert browser.post(f"/patients/{patient_id}/{path}", {}).status_code == 403


def test_an_admin_is_told_why_there_are_no_patients(app: Flask, clinic: ClinicWithStaff) -> None:
    admin = signed_in(app, clinic, "admin")
    page = admin.get("/")
    assert page.status_code == 200
    assert "No patients here for an administrator" in page.text
    assert admin.get(f"/patients/{uuid4()}").status_code == 403
    assert admin.get("/patients/new").status_code == 403


def test_what_the_patient_said_stands_in_words_with_the_warning_first(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, clock: ManualClock
) -> None:
    patient_id = _registered(browser, plan="publish")
    _tell(app, clinic, patient_id, clock, nrs_leg=6, wound="red_spreading", calf="none")
    page = browser.get(f"/patients/{patient_id}").text
    assert "Wound: Redness that spreads" in page
    assert re.search(r"Leg pain <strong>6</strong>", page)
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page
    assert re.search(r"<caption>Pain, 0 to 10, by date</caption>.*<td>6</td>", page, re.DOTALL)
    assert "Wound: Redness that spreads" in browser.get("/").text


def test_markup_in_any_text_is_text(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, clock: ManualClock
) -> None:
    patient_id = _registered(
        browser, name=PAYLOAD, external_value=PAYLOAD, external_system=PAYLOAD, plan="publish"
    )
    answers = {"nrs_leg": 3, "wound": PAYLOAD, PAYLOAD[:60]: PAYLOAD}
    _tell(app, clinic, patient_id, clock, note=PAYLOAD, **answers)
    pages = ["/", f"/patients/{patient_id}", f"/patients/{patient_id}/sheet"]
    searched = "/?q=%3Cscript%3Ealert%281%29%3C%2Fscript%3E"
    for page in [*pages, searched]:
        shown = browser.get(page)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text
        assert "<img" not in shown.text
        assert "'unsafe" not in shown.headers["Content-Security-Policy"]
    again = browser.send(
        "/patients/new", dict.fromkeys(registration(), PAYLOAD), shown_on="/patients/new"
    )
    assert again.status_code == 422
    assert "<script>alert" not in again.text
    assert "<img" not in again.text


def test_the_sheet_speaks_the_patients_language(browser: Browser) -> None:
    patient_id = _registered(browser, locale="tr")
    sheet = browser.get(f"/patients/{patient_id}/sheet").text
    assert '<html lang="tr">' in sheet
    assert "Eve dönüş" in sheet
    assert "999" in sheet
    assert "+442079460000" in sheet
    assert "Going home" not in sheet
    english = browser.get(f"/patients/{_registered(browser)}/sheet").text
    assert "Going home" in english


def test_the_sheet_lists_the_signs_of_the_operation(browser: Browser) -> None:
    neck = _registered(browser, procedure="cervical_anterior", levels="C5/6")
    back = _registered(browser)
    assert "Your neck is swelling." in browser.get(f"/patients/{neck}/sheet").text
    assert "Your neck is swelling." not in browser.get(f"/patients/{back}/sheet").text
    assert "between your legs" in browser.get(f"/patients/{back}/sheet").text


def test_a_lost_phone_is_locked_and_a_new_code_shown(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
    codes = f"/patients/{patient.id}/enrolment-codes"
    first = browser.send(codes, {})
    assert CODE.search(browser.get(first.headers["Location"]).text)
    with app.app_context(), transaction(clinic.id) as session:
        assert session.scalars(select(Device.revoked_at)).all() == [None]
    second = browser.send(codes, {"lost_device": "yes"})
    assert CODE.search(browser.get(second.headers["Location"]).text)
    with app.app_context(), transaction(clinic.id) as session:
        assert session.scalars(select(Device.revoked_at)).all() == [clock()]


def test_reading_pages_changes_nothing_but_the_audit_trail(
    app: Flask, clinic: ClinicWithStaff, browser: Browser
) -> None:
    patient_id = _registered(browser, plan="publish")
    tables = [table for table in Base.metadata.sorted_tables if table.name != "audit_event"]

    def rows() -> dict[str, object]:
        with app.app_context(), transaction(clinic.id) as session:
            return {
                table.name: session.execute(
                    text(
                        f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table.name} t"
                    )
                ).scalar()
                for table in tables
                if table.name not in ("directory", "worker_heartbeat", "attempt_bucket")
            }

    before = rows()
    for page in ("/", "/patients/new", f"/patients/{patient_id}", f"/patients/{patient_id}/sheet"):
        assert browser.get(page).status_code == 200
    assert rows() == before


@pytest.mark.parametrize(
    ("path", "action"),
    [("", "patient_read"), ("/sheet", "sheet_read")],
)
def test_each_page_of_a_patient_leaves_one_line_in_the_audit_trail(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, path: str, action: str
) -> None:
    patient_id = _registered(browser)

    def lines() -> list[tuple[str, UUID | None]]:
        with app.app_context(), transaction(clinic.id) as session:
            return [(row.action, row.patient_id) for row in session.scalars(select(AuditEvent))]

    before = lines()
    browser.get(f"/patients/{patient_id}{path}")
    after = lines()
    assert len(after) == len(before) + 1
    assert after.count((action, patient_id)) == 1


@pytest.mark.parametrize("path", ["/", "/sign-in", "/patients/new", "/nowhere", "/patients/new?x"])
def test_every_page_and_every_error_is_locked_down(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_no_page_needs_inline_style_or_script(browser: Browser) -> None:
    patient_id = _registered(browser, plan="publish")
    for path in ("/", "/patients/new", f"/patients/{patient_id}", f"/patients/{patient_id}/sheet"):
        page = browser.get(path).text
        assert not re.search(r"<[^>]+\sstyle=", page), path
        assert not re.search(r"<[^>]+\son[a-z]+=", page), path
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r'(src|href)="(https?:)?//', page), path


def test_a_clinic_without_patients_explains_itself(browser: Browser) -> None:
    page = browser.get("/").text
    assert "No patients yet" in page
    assert "Nobody matches" in browser.get("/?q=nobody").text


def test_an_address_nobody_meant_gets_the_usual_order(browser: Browser) -> None:
    assert browser.get("/?sort=worst&status=dead&q=%00").status_code == 200
    assert hidden(browser.get("/"), "csrf_token")


def test_a_week_of_reminders_is_told_with_why_and_not_how_they_were_met(
    app: Flask, browser: Browser, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: the lead's arrival left out; times on the server's clock."""
    with app.app_context():
        patient = make_patient(clinic, now=clock(), zone="Europe/Istanbul")
        item = plan_item(patient, now=clock() - timedelta(days=1), zone="Europe/Istanbul")
        materialise(item, now=clock())
        ends: list[dict[str, Any]] = [
            {"state": "sent", "delivered_at": clock(), "opened_at": clock()},
            {"state": "sent", "reason": "bundled"},
        ]
        push = [each for each in item.deliveries() if each.channel == "webpush"]
        assert len(push) >= len(ends)
        with transaction(clinic.id) as session:
            for delivery, values in zip(push, ends, strict=False):
                chosen = update(Delivery).where(Delivery.id == delivery.id)
                session.execute(chosen.values(settled_at=clock(), lead_id=push[0].id, **values))
    page = browser.get(f"/patients/{patient.id}").text
    section = page[page.index('id="reminders-title"') :].partition("</section>")[0]
    assert section.count("Reached the device") == len(ends)
    assert "It came together with others" in section
    assert "It was due." in section
    assert "12:00" in section
    assert "pened" not in section
    assert "ismissed" not in section


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"state": "dropped", "reason": "over_budget"}, ["Not sent", "had enough reminders"]),
        ({"state": "dead", "reason": "gone"}, ["Not sent", "no longer takes notifications"]),
        ({"state": "sent"}, ["Sent", "It was due."]),
    ],
)
def test_a_reminder_that_did_not_come_says_why(
    app: Flask, browser: Browser, clinic: ClinicWithStaff, clock: ManualClock,
    values: dict[str, str], shown: list[str],
) -> None:  # fmt: skip
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        materialise(plan_item(patient, now=clock() - timedelta(days=1)), now=clock())
        with transaction(clinic.id) as session:
            session.execute(update(Delivery).values(settled_at=clock(), **values))
    page = browser.get(f"/patients/{patient.id}").text
    section = page[page.index('id="reminders-title"') :].partition("</section>")[0]
    for words in shown:
        assert words in section
    assert "Reached the device" not in section


def _told_each_day(
    app: Flask, clinic: ClinicWithStaff, patient_id: UUID, days: range, **answers: int
) -> None:
    with app.app_context(), transaction(clinic.id) as session:
        episode = session.scalars(select(Episode).where(Episode.patient_id == patient_id)).one()
        assert episode.surgery_date is not None
        for day in days:
            on = episode.surgery_date + timedelta(days=day)
            at = datetime(on.year, on.month, on.day, 8, tzinfo=UTC)
            session.add(
                CheckIn(
                    clinic_id=clinic.id, id=uuid4(), episode_id=episode.id, local_date=on,
                    recorded_at=at, received_at=at, time_zone="Europe/London", form_version="1",
                    answers=answers,
                )
            )  # fmt: skip


def test_the_expected_course_stands_behind_the_pain(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, clock: ManualClock
) -> None:
    """Planted: a chart without bands; the band of the whole course beside a few days of it."""
    patient_id = _registered(browser)
    _told_each_day(app, clinic, patient_id, range(36, 50), nrs_leg=6)
    clock.advance(timedelta(days=46))
    browser = signed_in(app, clinic)
    page = browser.get(f"/patients/{patient_id}").text
    assert '<span class="tag medium">Behind the expected course</span>' in page
    assert "Above the expected 0.3 to 4.9 for 2 weeks in a row" in page
    areas = re.findall(r'aria-label="([^"]*)"[^>]*aria-roledescription="area mark"', page)
    assert len(areas) == 1
    assert "Days after surgery: 42;" in areas[0]
    assert "name: Leg pain" in areas[0]
    assert ">49</text>" in page or ">48</text>" in page
    assert ">700</text>" not in page
    assert "A Korean cohort after disc surgery" in page
    assert "does not name the disease" in page
    assert "style=" not in page


def test_a_course_without_band_is_a_dashed_line(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, clock: ManualClock
) -> None:
    patient_id = _registered(browser, procedure="lumbar_fusion_mis")
    _told_each_day(app, clinic, patient_id, range(36, 50), nrs_back=6)
    clock.advance(timedelta(days=46))
    page = signed_in(app, clinic).get(f"/patients/{patient_id}").text
    assert "Nothing to compare with" in page
    assert "area mark" not in page
    assert page.count('stroke-dasharray="4,4"') == 1
    assert "A dashed line without a band: nobody is judged by it" in page


def test_the_way_shows_weeks_and_milestones(
    app: Flask, clinic: ClinicWithStaff, browser: Browser
) -> None:
    patient_id = _registered(browser, plan="publish")
    page = browser.get(f"/patients/{patient_id}").text
    assert "No week at home is over yet." in page
    assert page.count("Not yet") == 3
    _told_each_day(app, clinic, patient_id, range(2), walk_min=30)
    page = browser.get(f"/patients/{patient_id}").text
    assert page.count("Not yet") == 2

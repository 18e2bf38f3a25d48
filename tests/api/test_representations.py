"""Answers that the phone has already, and answers made small.

Defects planted, each seen red here: a strong tag; the tag taken after compressing;
answers to POST compressed; staff's reads kept; `q=0` taken
for a wish; `Vary` without the language.
"""

import gzip
from datetime import timedelta

import brotli
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from recovery_service.api import representations
from recovery_service.api.representations import LEAST_BYTES
from recovery_service.clock import ManualClock
from tests.conftest import MONDAY
from tests.dashboard.browser import signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, enrolment, new_code, phone_of
from tests.plan_rows import materialise, plan_item

KEPT = [
    "/me",
    "/me/agenda",
    "/me/plan",
    "/me/check-in-form",
    "/me/offline",
    "/me/progress",
    "/me/appointments",
    "/me/notifications",
    "/me/devices",
    "/me/safety-rules",
    "/me/check-ins",
]


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        made = make_patient(clinic, now=MONDAY)
        materialise(plan_item(made, now=MONDAY - timedelta(hours=1)), now=MONDAY)
        return made


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


def asked(phone: Phone, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return phone.call("GET", path, **named)


@pytest.mark.parametrize("path", KEPT)
def test_a_patients_reads_are_kept_and_asked_for_again(phone: Phone, path: str) -> None:
    first = asked(phone, path)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = asked(phone, path, If_None_Match=tag)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    for answer in (first, again):
        assert set(answer.vary) == {"Accept-Language", "Accept-Encoding", "Authorization"}
        assert answer.headers["Cache-Control"] == "private, no-cache"
    head = phone.call("HEAD", path, **{"If-None-Match": tag})
    assert head.status_code == 304


@pytest.mark.parametrize("path", KEPT)
def test_time_alone_changes_no_answer(phone: Phone, clock: ManualClock, path: str) -> None:
    """Until an instant that the body itself has named: here, nothing falls due for an hour."""
    tag = asked(phone, path).headers["ETag"]
    clock.advance(timedelta(minutes=5))
    assert asked(phone, path, If_None_Match=tag).status_code == 304


def test_what_falls_due_is_another_answer(phone: Phone, app: Flask, patient: PatientAtHome,
    clock: ManualClock) -> None:  # fmt: skip
    tag = asked(phone, "/me").headers["ETag"]
    clock.set(MONDAY + timedelta(hours=9))
    later = asked(phone_of(app, patient), "/me", If_None_Match=tag)
    assert later.status_code == 200
    assert later.headers["ETag"] != tag


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{tag}", 304),
        ("{strong}", 304),
        ('"other", {tag}', 304),
        ('W/"a",{strong} , "b"', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ("{bare}x", 200),
    ],
)
def test_tags_are_compared_as_the_standard_says(phone: Phone, header: str, status: int) -> None:
    """RFC 9110, 13.1.2: a list, a star, and the weak comparison."""
    tag = asked(phone, "/me").headers["ETag"]
    strong = tag.removeprefix("W/")
    sent = header.format(tag=tag, strong=strong, bare=strong.strip('"'))
    assert asked(phone, "/me", If_None_Match=sent).status_code == status


def test_another_language_is_another_answer(phone: Phone) -> None:
    english = asked(phone, "/me", Accept_Language="en")
    turkish = asked(phone, "/me", Accept_Language="tr", If_None_Match=english.headers["ETag"])
    assert turkish.status_code == 200


def test_one_tag_stands_for_all_codings_of_an_answer(phone: Phone) -> None:
    tags = {
        asked(phone, "/me/offline", Accept_Encoding=coding).headers["ETag"]
        for coding in ("identity", "gzip", "br")
    }
    assert len(tags) == 1


def test_somebody_elses_tag_shows_nothing(
    app: Flask, phone: Phone, clinic: ClinicWithStaff
) -> None:
    tag = asked(phone, "/me").headers["ETag"]
    with app.app_context():
        other = make_patient(clinic, now=MONDAY)
    assert asked(phone_of(app, other), "/me", If_None_Match=tag).status_code == 200
    phone.call("DELETE", "/tokens/current")
    assert asked(phone, "/me", If_None_Match=tag).status_code == 401
    assert asked(phone, "/me", If_None_Match="*").headers["Cache-Control"] == "no-store"


def test_what_staff_read_is_not_kept(app: Flask, clinic: ClinicWithStaff, phone: Phone) -> None:
    with app.app_context():
        staff = Phone(app, clinic.bearer())
    answer = asked(staff, "/patients", If_None_Match="*")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in answer.headers
    patched = phone.call("PATCH", "/me", {"locale": "tr"})
    assert patched.headers["Cache-Control"] == "no-store"


# --- codings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip;q=0.2", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("zstd", None),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity", None),
        ("gzip;q=0.5, identity;q=0.8", None),
        ("", None),
        ("gzip;q=lots", None),
    ],
)
def test_the_client_chooses_the_coding(phone: Phone, wish: str, coding: str | None) -> None:
    answer = asked(phone, "/me/offline", Accept_Encoding=wish)
    plain = asked(phone, "/me/offline", Accept_Encoding="identity").data
    assert answer.headers.get("Content-Encoding") == coding
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    read = {"br": brotli.decompress, "gzip": gzip.decompress}.get(coding or "", bytes)
    assert read(answer.data) == plain
    if coding:
        assert len(answer.data) * 4 < len(plain)


def test_what_fits_into_a_packet_stays_as_it_is(phone: Phone) -> None:
    small = asked(phone, "/me/notifications", Accept_Encoding="br")
    assert len(small.data) < LEAST_BYTES
    assert "Content-Encoding" not in small.headers


def test_an_answer_with_a_secret_is_never_compressed(
    app: Flask, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an attacker may choose beside it (a device's name) would give it away by its length."""
    monkeypatch.setattr(representations, "LEAST_BYTES", 1)
    answer = Phone(app, {"Accept-Encoding": "br"}).call(
        "POST", "/enrolments", enrolment(new_code(app, patient), name="a" * 90)
    )
    assert answer.status_code == 201
    assert "Content-Encoding" not in answer.headers
    signed = app.test_client().get("/sign-in", headers={"Accept-Encoding": "br"})
    assert signed.status_code == 200
    assert "Content-Encoding" not in signed.headers


def test_a_page_that_repeats_what_was_searched_beside_a_token_is_not_compressed(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    """Planted: the limits to the API and to JSON lifted, of which either by itself is enough."""
    browser = signed_in(app, clinic)
    page = browser.client.get("/?q=Test", headers={"Accept-Encoding": "br"})
    assert page.status_code == 200
    assert "csrf" in page.text
    assert page.content_length is None or page.content_length > 1_400
    assert "Content-Encoding" not in page.headers


def test_a_report_of_problems_is_as_it_is(phone: Phone) -> None:
    refused = asked(phone, "/me?nothing=1", Accept_Encoding="br")
    assert refused.status_code == 422
    assert "Content-Encoding" not in refused.headers


def test_the_document_of_the_api_is_small_and_asked_for_again(app: Flask) -> None:
    nobody = Phone(app)
    first = asked(nobody, "/openapi.json", Accept_Encoding="br")
    assert first.headers["Content-Encoding"] == "br"
    assert b'"openapi"' in brotli.decompress(first.data)
    tag = first.headers["ETag"]
    again = asked(nobody, "/openapi.json", Accept_Encoding="gzip", If_None_Match=tag)
    assert again.status_code == 304


@pytest.mark.parametrize("language", ["en", "tr"])
def test_an_answer_says_the_language_of_its_words(phone: Phone, language: str) -> None:
    """Defect planted: the header left out. An answer without words of ours has none."""
    asked_for = {"Accept-Language": f"{language}-XX, *;q=0.1"}
    for path, status in (("/me/plan", 200), ("/me/agenda", 200), ("/me/check-ins/x", 404)):
        answer = phone.call("GET", path, **asked_for)
        assert (answer.status_code, answer.headers["Content-Language"]) == (status, language), path
    assert "Content-Language" not in phone.call("GET", "/me/devices", **asked_for).headers

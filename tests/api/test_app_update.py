"""An app that is too old is told so, and is never kept from reporting.

Defects planted, each seen red here and in `tests/domain/test_app_versions.py`: versions
compared as texts; a required version that refuses the request; the platform not looked at.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from recovery_service.clock import ManualClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.conftest import MONDAY, running_app, settings_for
from tests.factories import PatientAtHome, make_clinic, make_patient
from tests.phones import Phone, phone_of

OLD, NEWER, NEW = "1.9.12", "1.10.0", "2.0.0"


@pytest.fixture
def strict_app(postgres: EmbeddedPostgres, shared_database: str) -> Iterator[Flask]:
    settings = settings_for(
        postgres,
        shared_database,
        RECOVERY_MINIMUM_APP_VERSION="android=1.10.0,web=1.10",
        RECOVERY_RECOMMENDED_APP_VERSION="web=2.0.0",
    )
    with running_app(settings, ManualClock(MONDAY)) as app:
        yield app


@pytest.fixture
def patient(strict_app: Flask) -> PatientAtHome:
    with strict_app.app_context():
        return make_patient(make_clinic(now=MONDAY), now=MONDAY)


@pytest.fixture
def phone(strict_app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(strict_app, patient)


def report(phone: Phone, patient: PatientAtHome, version: str, platform: str = "webpush") -> None:
    said = {
        "platform": platform, "permission": "unknown", "time_zone": "Europe/London",
        "locale": "en", "app_version": version,
    }  # fmt: skip
    assert phone.call("PUT", f"/me/devices/{patient.device_id}", said).status_code == 200


@pytest.mark.parametrize(
    ("platform", "version", "update", "header"),
    [
        ("webpush", OLD, {"state": "required", "minimum": "1.10"}, 'required; minimum="1.10"'),
        ("webpush", NEWER, {"state": "recommended", "minimum": "2.0.0"},
         'recommended; minimum="2.0.0"'),
        ("webpush", NEW, None, None),
        ("fcm", OLD, {"state": "required", "minimum": "1.10.0"}, 'required; minimum="1.10.0"'),
        ("fcm", NEWER, None, None),
        ("apns", OLD, None, None),
        ("webpush", "a build of mine", None, None),
    ],
)  # fmt: skip
def test_an_app_is_told_by_its_version_and_platform(
    phone: Phone, patient: PatientAtHome, platform: str, version: str, update: Any, header: Any
) -> None:
    report(phone, patient, version, platform)
    answer = phone.get("/me")
    assert answer.get_json()["app_update"] == update
    assert answer.headers.get("App-Update") == header
    assert phone.get("/me/plan").headers.get("App-Update") == header
    assert phone.get("/me/offline").get_json()["me"]["app_update"] == update


def test_an_app_below_the_required_version_still_reports(
    phone: Phone, patient: PatientAtHome
) -> None:
    report(phone, patient, "0.0.1")
    body = {
        "id": str(uuid4()),
        "date": "2026-03-02",
        "recorded_at": "2026-03-02T08:59:00Z",
        "time_zone": "Europe/London",
        "form_version": "0",
        "answers": {"nrs_back": 3},
    }
    answer = phone.call("POST", "/me/check-ins", body)
    assert answer.status_code == 201
    assert answer.headers["App-Update"].startswith("required")
    assert len(phone.get("/me/check-ins").get_json()["items"]) == 1


def test_where_nothing_is_asked_nothing_is_said(app: Flask, clinic: Any) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=MONDAY)
    phone = phone_of(app, patient)
    report(phone, patient, "0.0.1")
    answer = phone.get("/me")
    assert (answer.get_json()["app_update"], "App-Update" in answer.headers) == (None, False)

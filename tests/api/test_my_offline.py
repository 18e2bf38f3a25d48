"""What a phone keeps for a week without a network.

Defects planted, each seen red here: today's form on every date; the agenda of seven days; the
plan in another language than the rest.
"""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from recovery_service.api.schemas.my_offline import OfflineSchema
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Episode
from tests.api.test_me import counted_statements
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, phone_of
from tests.plan_rows import materialise, plan_item


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        made = make_patient(clinic, now=MONDAY)
        materialise(plan_item(made, now=MONDAY - timedelta(hours=1)), now=MONDAY)
        return made


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


@pytest.mark.parametrize("language", ["en", "tr"])
def test_each_part_is_what_its_own_address_answers(phone: Phone, language: str) -> None:
    def shown(path: str) -> Any:
        return phone.get(path, **{"Accept-Language": language}).get_json()

    kept = shown("/me/offline")
    OfflineSchema(unknown="raise").load(kept)
    assert kept["me"] == shown("/me")
    assert kept["plan"] == shown("/me/plan")
    assert kept["agenda"] == shown("/me/agenda?from=2026-03-02&to=2026-03-09")
    assert kept["check_in_forms"][0]["form"] == shown("/me/check-in-form")
    assert kept["notifications"] == shown("/me/notifications")["items"]
    assert kept["phones"] == kept["me"]["monitoring"]["phones"]
    assert phone.get(kept["safety_rules"].removeprefix("/api/v1")).status_code == 200


def test_it_holds_for_seven_days_after_today(phone: Phone) -> None:
    kept = phone.get("/me/offline").get_json()
    assert kept["valid_until"] == "2026-03-10T00:00:00+00:00"
    dates = [each["date"] for each in kept["check_in_forms"]]
    assert (dates[0], dates[-1], len(dates)) == ("2026-03-02", "2026-03-09", 8)
    assert {each["local_date"] for each in kept["agenda"]["items"]} == set(dates)
    for ahead, each in enumerate(kept["check_in_forms"]):
        assert each["form"]["days_since_surgery"] == 3 + ahead


def test_the_forms_are_those_of_their_days(
    app: Flask, patient: PatientAtHome, clock: ManualClock
) -> None:
    forms = phone_of(app, patient).get("/me/offline").get_json()["check_in_forms"]
    for ahead in (1, 4, 7):
        clock.set(MONDAY + timedelta(days=ahead))
        own = phone_of(app, patient).get("/me/check-in-form").get_json()
        assert own == forms[ahead]["form"]


def test_before_there_is_an_operation_there_is_nothing_to_ask(
    app: Flask, clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=MONDAY)
        with transaction(patient.clinic_id) as session:
            session.delete(session.get_one(Episode, (patient.clinic_id, patient.episode_id)))
    kept = phone_of(app, patient).get("/me/offline").get_json()
    assert (kept["me"]["episode"], kept["check_in_forms"]) == (None, [])


def test_it_takes_few_statements(phone: Phone) -> None:
    sent: list[str] = []

    def count(_cursor: Any, query: Any, *_: Any, **__: Any) -> None:
        sent.append(str(query))

    with counted_statements(count):
        assert phone.get("/me/offline").status_code == 200
    told = [each for each in sent if "set_config" not in each]
    assert len(told) <= 11, told

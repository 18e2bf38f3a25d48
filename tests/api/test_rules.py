"""Changed rules put to a clinic's past: what is said, to whom, and what is refused.

Planted, each red here: another clinic's episodes read; episodes entered in error; the days of
the request ignored; no limit; a limit that is passed at its edge; batches that begin anew;
nothing in the audit trail; alerts dated by UTC; a statement for each episode.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select, update

from config import content
from recovery_service.api import rules as rules_module
from recovery_service.database import transaction
from recovery_service.extensions import db
from recovery_service.models import Alert, AuditEvent, Episode
from recovery_service.services import back_testing
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.pasts import alerted, reported

pytestmark = pytest.mark.usefixtures("app_context")

RAW = content.read_content()["red_flags"]
TODAY = MONDAY.date()
SURGERY = TODAY - timedelta(days=20)


def without(*ids: str) -> dict[str, Any]:
    """Return the shipped rules without some."""
    return {**RAW, "rules": [rule for rule in RAW["rules"] if rule["id"] not in ids]}


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def home(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY, surgery_date=SURGERY, discharge_date=SURGERY)


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return home(clinic)


def compared(staff: Caller, **body: Any) -> dict[str, Any]:
    answer = staff("POST", "/rules/backtest", json={"rules": RAW} | body)
    assert answer.status_code == 200, answer.json
    report: dict[str, Any] = answer.json
    return report | {"rules": {rule["id"]: rule for rule in report["rules"]}}


def refused(staff: Caller, **body: Any) -> tuple[str, str]:
    """Return pointer and message of a refusal."""
    answer = staff("POST", "/rules/backtest", json=body)
    assert answer.status_code == 422, answer.json
    return answer.json["errors"][0]["pointer"], answer.json["errors"][0]["message"]


def test_a_rule_that_is_taken_away_loses_fires_and_an_alert_that_was_acted_on(
    staff: Caller, patient: PatientAtHome
) -> None:
    """Both sets are counted over the episode's own days, 21 of them."""
    reported(patient, TODAY - timedelta(days=3), fall=True)
    reported(patient, TODAY, saddle_numb=True)
    lost = alerted(patient, TODAY - timedelta(days=3), "FALL1")
    report = compared(staff, rules=without("FALL1"))
    assert (report["episodes"], report["patient_days"], report["check_ins"]) == (1, 21, 2)
    assert report["in_force"]["fires"] == 2
    assert report["changed"]["by_tier"] == {
        "emergency": 1, "same_day": 0, "next_business_day": 0,
    }  # fmt: skip
    rule = report["rules"]["FALL1"]
    assert (rule["lost"], rule["alerts"]["lost"]["acted_on"]) == (1, 1)
    assert rule["examples"]["lost_alerts"] == [{"alert_id": str(lost)}]
    assert rule["examples"]["lost"][0]["episode_id"] == str(patient.episode_id)


def test_the_text_of_a_file_says_the_same_as_its_tables(
    staff: Caller, patient: PatientAtHome
) -> None:
    """An integrator may send what lies in the folder."""
    reported(patient, TODAY, fall=True)
    text = (content.FOLDER / "red_flags.toml").read_text(encoding="utf-8")
    told = staff("POST", "/rules/backtest", json={"toml": text})
    assert told.json == staff("POST", "/rules/backtest", json={"rules": RAW}).json
    assert told.json["changed"]["fires"] == 1


def test_only_the_days_and_the_procedure_that_were_asked_for_are_looked_at(
    staff: Caller, patient: PatientAtHome
) -> None:
    """What lies before them is read for its course alone."""
    reported(patient, TODAY - timedelta(days=2), nrs_leg=9, fall=True)
    reported(patient, TODAY - timedelta(days=1), nrs_leg=9)
    report = compared(staff, days=2)
    assert (report["patient_days"], report["check_ins"]) == (2, 1)
    assert report["rules"].keys() == {"PAIN2"}
    assert compared(staff, procedure="cervical_anterior")["episodes"] == 0
    assert compared(staff, procedure="lumbar_microdiscectomy")["episodes"] == 1


def test_another_clinics_past_and_what_was_entered_in_error_are_no_past(
    staff: Caller, patient: PatientAtHome, other_clinic: ClinicWithStaff
) -> None:
    """Neither is counted, nor judged."""
    reported(home(other_clinic), TODAY, fall=True)
    reported(patient, TODAY, fall=True)
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode)
            .where(Episode.id == patient.episode_id)
            .values(state="ended", end_reason="entered_in_error", ended_on=TODAY, ended_at=MONDAY)
        )
    report = compared(staff)
    assert (report["episodes"], report["changed"]["fires"]) == (0, 0)


def test_an_alert_lies_on_the_day_that_the_patient_read(
    staff: Caller, clinic: ClinicWithStaff
) -> None:
    """At seven in the evening in London it is eight in the morning of the next day in Auckland."""
    patient = make_patient(
        clinic, now=MONDAY, zone="Pacific/Auckland", surgery_date=SURGERY, discharge_date=SURGERY
    )
    alert = alerted(patient, TODAY - timedelta(days=3), "FALL1")
    with transaction(clinic.id) as session:
        row = session.get_one(Alert, (clinic.id, alert))
        row.raised_at += timedelta(hours=10)  # eight in the morning, a day later
        row.resolved_at = row.raised_at + timedelta(hours=1)
    for days in (3, 2):
        reported(patient, TODAY - timedelta(days=days), fall=True)
    overlap = compared(staff)["rules"]["FALL1"]["overlap"]
    assert (overlap["in_own_alert"], overlap["in_no_alert"]) == (1, 1)


def test_more_past_than_one_request_may_look_at_is_refused_with_both_figures(
    staff: Caller, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edge is within it; fewer days help."""
    monkeypatch.setattr(rules_module, "MOST_PATIENT_DAYS", 20)
    answer = staff("POST", "/rules/backtest", json={"rules": RAW})
    assert (answer.status_code, answer.json["code"]) == (422, "back_test_too_large")
    assert answer.json["errors"][0]["pointer"] == "/days"
    assert "21 patient-days" in answer.json["errors"][0]["message"]
    assert compared(staff, days=20)["patient_days"] == 20


def test_batches_hold_every_episode_once_whatever_the_number(
    staff: Caller, clinic: ClinicWithStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three statements a batch, and as many for many episodes as for one."""
    monkeypatch.setattr(back_testing, "_BATCH", 2)
    for _ in range(5):
        reported(home(clinic), TODAY, fall=True)
    report = compared(staff)
    assert (report["episodes"], report["rules"]["FALL1"]["changed"]["fires"]) == (5, 5)
    monkeypatch.setattr(back_testing, "_BATCH", 50)
    with statements() as many:
        compared(staff)
    for _ in range(5):
        reported(home(clinic), TODAY, fall=True)
    with statements() as more:
        compared(staff)
    assert len(many) == len(more)


def test_nothing_is_changed_and_the_trail_says_who_looked(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    """One line for the clinic, of the person who asked; no alert is raised."""
    reported(patient, TODAY, saddle_numb=True)
    compared(staff)
    with transaction(clinic.id) as session:
        (traced,) = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "rules_backtested")
        )
        assert (traced.actor_id, traced.patient_id) == (clinic.staff["physiotherapist"], None)
        assert session.scalars(select(Alert)).all() == []


@pytest.mark.parametrize(
    ("role", "status"),
    [("surgeon", 200), ("physiotherapist", 200), ("coordinator", 403), ("admin", 403)],
)
def test_only_clinicians_put_rules_to_the_past(
    client: FlaskClient, clinic: ClinicWithStaff, role: str, status: int
) -> None:
    """It is they who approve content."""
    call = Caller(client, lambda: clinic.bearer(role))
    assert call("POST", "/rules/backtest", json={"rules": RAW}).status_code == status


@pytest.mark.parametrize(
    ("body", "pointer", "told"),
    [
        ({}, "/rules", "either rules or toml"),
        ({"rules": RAW, "toml": "a = 1"}, "/rules", "either rules or toml"),
        ({"rules": {}}, "/rules", "has no rules"),
        ({"toml": "rules = ["}, "/toml", "Not TOML"),
        ({"toml": "version = 2026-01-01"}, "/toml", "Not TOML of rules"),
        ({"toml": "version = nan"}, "/toml", "Not TOML of rules"),
        ({"toml": f"version = {'9' * 5000}"}, "/toml", "Not TOML"),
        ({"toml": f"rules = {'[' * 5000}"}, "/toml", "nested too deeply"),
        ({"rules": RAW, "days": 0}, "/days", ""),
        ({"rules": RAW, "days": 731}, "/days", ""),
        ({"rules": RAW, "procedure": "none"}, "/procedure", ""),
        ({"rules": {**RAW, "rules": [RAW["rules"][0]] * 201}}, "/rules/rules", "At most 200"),
        ({"rules": {**RAW, "rules": "none"}}, "/rules", ""),
    ],
)
def test_what_is_no_set_of_rules_is_refused_with_its_field(
    staff: Caller, body: dict[str, Any], pointer: str, told: str
) -> None:
    """Whatever is in it: no 500."""
    found, message = refused(staff, **body)
    assert found == pointer
    assert told in message


def test_a_rule_that_is_wrong_is_refused_by_name(staff: Caller) -> None:
    """The rule and what is wrong with it."""
    wrong = [
        {**rule, "when": {"item": "no_such_item", "is": True}} if rule["id"] == "CES1" else rule
        for rule in RAW["rules"]
    ]
    pointer, message = refused(staff, rules={**RAW, "rules": wrong})
    assert pointer == "/rules"
    assert "CES1" in message
    assert "no_such_item" in message


@contextmanager
def statements() -> Iterator[list[str]]:
    """Count what is sent to the database."""
    sent: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", count)

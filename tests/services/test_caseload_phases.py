"""A phase that waits for a clinician, in the caseload: the same judgement as on the page.

Defects planted, each seen red: answers of the last days only; a deferral that silences for
ever.
"""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import db, parts
from recovery_service.models import Episode, Patient
from recovery_service.services.caseload import Wish, caseload
from recovery_service.services.phases import NewDecision, decide_phase, view_phase
from recovery_service.services.reason_words import reason_in_words
from tests.api.test_phases import SURGERY, go_to, report
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import plan_item
from tests.services.fusion import publish_fusion
from tests.services.histories import TODAY, happened

pytestmark = pytest.mark.usefixtures("app_context")
MET = {"walk_min": 30, "weakness_change": "same", "wound": "healed"}


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    made = make_patient(clinic, now=clock(), procedure="lumbar_fusion_mis", surgery_date=SURGERY)
    publish_fusion(clinic, made, now=clock())
    return made


def phase_reasons(clinic: ClinicWithStaff, clock: ManualClock) -> list[tuple[str, Any]]:
    with transaction(clinic.id) as session:
        (entry,) = caseload(session, clinic.id, parts().content, Wish(as_of=clock()))
    return [
        (each.code, each.facts.get("state"))
        for each in entry.reasons
        if each.code.startswith("phase_")
    ]


def words(clinic: ClinicWithStaff, clock: ManualClock, language: str) -> list[str]:
    with transaction(clinic.id) as session:
        (entry,) = caseload(session, clinic.id, parts().content, Wish(as_of=clock()))
    found = [each for each in entry.reasons if each.code.startswith("phase_")]
    return [reason_in_words(parts().content, each, language) for each in found]


def on_page(patient: PatientAtHome, clock: ManualClock) -> str | None:
    with transaction(patient.clinic_id) as session:
        episode = session.get_one(Episode, (patient.clinic_id, patient.episode_id))
        person = session.get_one(Patient, (patient.clinic_id, patient.id))
        proposal = view_phase(session, episode, person, now=clock()).proposal
    return None if proposal is None else proposal.state


def decide(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock, **wish: Any
) -> None:
    with transaction(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id), with_for_update=True)
        person = session.get_one(Patient, (clinic.id, patient.id))
        new = NewDecision(phase="stabilise", **wish)
        decide_phase(session, clinic.actor(), episode, person, new, now=clock())


def met(patient: PatientAtHome, *days: int) -> None:
    """Report what meets every criterion, and do the exercises."""
    for day in days:
        report(patient, day, **MET)
    walk = plan_item(patient, "walking", now=parts().clock())
    for day in days:
        happened_on(walk, day)


def happened_on(item: Any, day: int) -> None:

    happened(item, (TODAY - (SURGERY + timedelta(days=day))).days, "done")


def test_nobody_is_asked_before_the_day_of_the_proposal(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 35)
    assert phase_reasons(clinic, clock) == []


def test_ready_is_told_with_its_day_in_both_languages(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 40)
    met(patient, 30, 32, 34)
    assert on_page(patient, clock) == "ready"
    assert phase_reasons(clinic, clock) == [("phase_ready", None)]
    assert words(clinic, clock, "en")[0].startswith("Ready for: Build stability, from ")
    assert words(clinic, clock, "tr")[0].startswith("Haz\u0131r: ")


def test_ready_and_undecided_for_three_days_is_overdue(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 45)
    met(patient, 40, 42, 44)
    assert phase_reasons(clinic, clock) == [("phase_ready", None)]
    go_to(clock, 46)
    assert phase_reasons(clinic, clock) == [("phase_overdue", "ready")]


def test_on_its_day_what_is_missing_is_told(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 42)
    report(patient, 41, walk_min=5)
    report(patient, 42, walk_min=5)
    assert phase_reasons(clinic, clock) == []
    go_to(clock, 43)
    assert phase_reasons(clinic, clock) == [("phase_overdue", on_page(patient, clock))]
    assert on_page(patient, clock) == "not_ready"


def test_a_deferral_is_quiet_for_a_week_and_then_asks_again(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 50)
    decide(clinic, patient, clock, decision="defer", reason="Wait for the X-ray.")
    for day, asked in ((50, 0), (56, 0), (57, 1)):
        go_to(clock, day)
        assert len(phase_reasons(clinic, clock)) == asked
    decide(clinic, patient, clock, decision="accept", reason="Examined.")
    assert phase_reasons(clinic, clock) == []


def test_a_plan_on_hold_asks_nobody(
    clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 60)
    with transaction(clinic.id) as session:
        session.execute(
            update(Episode).values(state="on_hold", hold_reason="readmitted", held_at=clock())
        )
    assert phase_reasons(clinic, clock) == []


def test_the_caseload_stays_one_statement(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 45)
    met(patient, 40, 42, 44)
    seen: list[str] = []
    with app.app_context(), transaction(clinic.id) as session:
        engine = db.engine

        def see(*told: Any) -> None:
            seen.append(told[2])

        event.listen(engine, "before_cursor_execute", see)
        caseload(session, clinic.id, parts().content, Wish(as_of=clock()))
        event.remove(engine, "before_cursor_execute", see)
    assert sum("FROM chosen" in statement for statement in seen) == 1
    assert not [one for one in seen if "phase_decision" in one and "FROM chosen" not in one]

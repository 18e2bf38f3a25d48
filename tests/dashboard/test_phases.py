"""A phase that waits, on the patient's page: the facts, two buttons, and what is refused.

Defect planted, seen red: the form's facts not compared with those that stand.
"""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import PhaseDecision
from tests.api.test_phases import SURGERY, go_to, report
from tests.dashboard.browser import Browser, hidden, signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.services.fusion import publish_fusion


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    """Return a patient after a fusion, by whose plan a clinician lets phase two begin."""
    with app.app_context():
        made = make_patient(
            clinic, now=clock(), procedure="lumbar_fusion_mis", surgery_date=SURGERY
        )
        publish_fusion(clinic, made, now=clock())
        return made


@pytest.fixture
def browser(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> Callable[[str], Browser]:
    go_to(clock, 40)
    with app.app_context():
        for day, minutes in ((38, 20), (40, 35)):
            report(patient, day, walk_min=minutes, weakness_change="same", wound="healed")
    return lambda role: signed_in(app, clinic, role)


def decided(app: Flask, patient: PatientAtHome) -> list[tuple[str, str | None]]:
    with app.app_context(), transaction(patient.clinic_id) as session:
        rows = session.scalars(select(PhaseDecision).order_by(PhaseDecision.number))
        return [(each.decision, each.reason) for each in rows]


def form_of(page: object, **changes: str) -> dict[str, str]:
    names = ("phase", "facts_version")
    return {name: hidden(page, name) for name in names} | changes  # type: ignore[arg-type]


def test_the_card_shows_each_criterion_with_its_fact(
    browser: Callable[[str], Browser], patient: PatientAtHome
) -> None:
    page = browser("physiotherapist").get(f"/patients/{patient.id}").text
    assert "Next phase: Build stability" in page
    assert "Too little is known" in page
    assert "35 on " in page
    assert "20 on " in page
    assert "nothing was due" in page
    assert page.count(">Met</span>") == 4
    assert 'value="accept"' in page
    assert 'value="defer"' in page


def test_accepting_against_the_facts_needs_a_reason_and_the_reason_is_kept(
    app: Flask, browser: Callable[[str], Browser], patient: PatientAtHome
) -> None:
    someone, path = browser("surgeon"), f"/patients/{patient.id}"
    form = form_of(someone.get(path), decision="accept", reason="")
    refused = someone.send(f"{path}/phase", form, shown_on=path)
    assert refused.status_code == 422
    assert "Give a reason" in refused.text
    assert decided(app, patient) == []
    done = someone.send(f"{path}/phase", form | {"reason": "Examined today."}, shown_on=path)
    assert done.status_code == 303
    assert decided(app, patient) == [("accept", "Examined today.")]
    assert "Next phase" not in someone.get(path).text


def test_a_decision_on_facts_that_changed_is_refused_and_the_new_ones_are_shown(
    app: Flask, browser: Callable[[str], Browser], patient: PatientAtHome
) -> None:
    someone, path = browser("physiotherapist"), f"/patients/{patient.id}"
    form = form_of(someone.get(path), decision="accept", reason="Walks well.")
    with app.app_context():
        report(patient, 39, walk_min=5, weakness_change="new", wound="healed")
        report(patient, 40, walk_min=5, weakness_change="same", wound="healed", nrs_back=1)
    told = someone.send(f"{path}/phase", form, shown_on=path)
    assert told.status_code == 409
    assert "has changed since you read it" in told.text
    assert 'value="Walks well."' in told.text
    assert hidden(told, "facts_version") != form["facts_version"]
    assert decided(app, patient) == []


def test_a_deferral_is_shown_with_who_and_why_and_stays_decidable(
    app: Flask, browser: Callable[[str], Browser], patient: PatientAtHome
) -> None:
    someone, path = browser("physiotherapist"), f"/patients/{patient.id}"
    stale = form_of(someone.get(path), decision="accept", reason="Seen on another screen.")
    form = stale | {"decision": "defer", "reason": "Wait for the X-ray."}
    assert someone.send(f"{path}/phase", form, shown_on=path).status_code == 303
    page = someone.get(path).text
    assert "Deferred by Test Physiotherapist" in page
    assert "Wait for the X-ray." in page
    assert someone.send(f"{path}/phase", stale, shown_on=path).status_code == 409
    assert decided(app, patient) == [("defer", "Wait for the X-ray.")]


def test_a_coordinator_reads_the_card_and_decides_nothing(
    app: Flask, browser: Callable[[str], Browser], patient: PatientAtHome
) -> None:
    someone, path = browser("coordinator"), f"/patients/{patient.id}"
    page = someone.get(path)
    assert "Next phase: Build stability" in page.text
    assert "A physiotherapist or a surgeon decides." in page.text
    assert 'name="facts_version"' not in page.text
    form = {"phase": "stabilise", "decision": "accept", "reason": "Me.", "facts_version": ""}
    assert someone.send(f"{path}/phase", form, shown_on=path).status_code == 403
    assert decided(app, patient) == []

"""Enrolment codes where two things happen at once, and where none may be given.

Defects planted, each seen red here: the old codes not revoked; the state of the episode
not read; the patient not locked (two codes stayed alive).
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from recovery_service.api.schemas.enrolments import EnrolmentRequest
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.errors import EpisodeEnded
from recovery_service.extensions import parts
from recovery_service.models import DirectoryEntry, EnrolmentCode, Episode, Patient
from recovery_service.services.enrolment import create_code
from recovery_service.services.redemption import Enrolled, redeem_code
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, issuer, make_patient
from tests.phones import Phone, enrolment, new_code, phone_with

SECOND = timedelta(seconds=1)


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY, phone=False)


def codes(app: Flask, patient: PatientAtHome) -> list[EnrolmentCode]:
    with app.app_context(), transaction(patient.clinic_id) as session:
        wanted = select(EnrolmentCode).where(EnrolmentCode.patient_id == patient.id)
        return list(session.scalars(wanted.order_by(EnrolmentCode.created_at)))


def known(app: Flask, code: EnrolmentCode) -> bool:
    with app.app_context(), transaction() as session:
        wanted = select(DirectoryEntry).where(DirectoryEntry.key_hash == code.code_hash)
        return session.scalar(wanted) is not None


def test_at_any_time_a_patient_has_one_living_code(
    app: Flask, patient: PatientAtHome, clock: ManualClock
) -> None:
    for _ in range(3):
        clock.advance(SECOND)
        new_code(app, patient)
    stored = codes(app, patient)
    assert [each.revoked_at for each in stored] == [MONDAY + 2 * SECOND, MONDAY + 3 * SECOND, None]
    assert [known(app, each) for each in stored] == [False, False, True]


def test_the_directory_keeps_a_used_code_so_that_it_can_say_so(
    app: Flask, patient: PatientAtHome, clock: ManualClock
) -> None:
    Phone(app).call("POST", "/enrolments", enrolment(new_code(app, patient)))
    clock.advance(SECOND)
    new_code(app, patient)
    used = codes(app, patient)[0]
    assert (used.used_at, used.revoked_at, known(app, used)) == (MONDAY, None, True)


def test_an_ended_episode_gets_no_code(app: Flask, patient: PatientAtHome) -> None:
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode).values(
                state="ended", end_reason="completed", ended_on=date(2026, 3, 2), ended_at=MONDAY
            )
        )
    with pytest.raises(EpisodeEnded):
        new_code(app, patient)


def test_the_code_that_reports_a_loss_locks_out_whoever_redeems_the_old_one_meanwhile(
    app: Flask, patient: PatientAtHome
) -> None:
    """Whichever comes first, the finder of the old sheet is not in afterwards."""
    for _ in range(4):
        old = new_code(app, patient)
        with ThreadPoolExecutor(2) as pool:
            found = pool.submit(Phone(app).call, "POST", "/enrolments", enrolment(old))
            pool.submit(new_code, app, patient, lost_device=True).result()
        if found.result().status_code == 201:
            me = phone_with(app, found.result().get_json()).get("/me")
            assert me.status_code == 401
        else:
            assert found.result().status_code == 422


def test_the_finder_who_holds_the_codes_row_is_waited_for(
    app: Flask, patient: PatientAtHome
) -> None:
    """The same race with its order held still: the redemption has begun, then staff act."""
    old = EnrolmentRequest().load(enrolment(new_code(app, patient)))
    with ThreadPoolExecutor(1) as pool, app.app_context():
        with transaction(patient.clinic_id) as session:
            outcome = redeem_code(
                session, issuer(), patient.clinic_id, old, request_id=None, now=MONDAY
            )
            staff_act = pool.submit(new_code, app, patient, lost_device=True)
            with pytest.raises(TimeoutError):
                staff_act.result(timeout=0.3)
        staff_act.result(timeout=5)
    assert isinstance(outcome, Enrolled)
    found = phone_with(app, {"access_token": outcome.tokens.access_token})
    assert found.get("/me").status_code == 401


def test_two_codes_at_once_leave_one_alive(app: Flask, patient: PatientAtHome) -> None:
    with ThreadPoolExecutor(1) as pool, app.app_context():
        with transaction(patient.clinic_id) as session:
            create_code(
                session,
                parts().keys,
                parts().content,
                session.get_one(Patient, (patient.clinic_id, patient.id)),
                session.get_one(Episode, (patient.clinic_id, patient.episode_id)),
                created_by=None,
                lost_device=False,
                now=MONDAY,
            )
            colleague = pool.submit(new_code, app, patient)
            with pytest.raises(TimeoutError):
                colleague.result(timeout=0.3)
        colleague.result(timeout=5)
    assert len([each for each in codes(app, patient) if each.revoked_at is None]) == 1


def test_a_code_names_who_made_it(app: Flask, clinic: ClinicWithStaff, patient: Any) -> None:
    with app.app_context(), transaction(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        row = session.get_one(Patient, (clinic.id, patient.id))
        create_code(
            session, parts().keys, parts().content, row, episode,
            created_by=clinic.staff["coordinator"], lost_device=False, now=MONDAY,
        )  # fmt: skip
    (stored,) = codes(app, patient)
    assert stored.created_by == clinic.staff["coordinator"]
    assert stored.expires_at == MONDAY + timedelta(days=7)

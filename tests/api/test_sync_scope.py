"""When a phone begins anew: whatever makes what it holds incomparable, and nothing else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Episode, Patient
from recovery_service.services import sync_changes
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.syncing_phones import SyncingPhone, phone_by, reported

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome, clock: ManualClock) -> SyncingPhone:
    return phone_by(Caller(client, patient.bearer), clock)


def _tampered(cursor: str) -> str:
    return ("A" if cursor[0] != "A" else "B") + cursor[1:]


@pytest.mark.parametrize(
    "spoil",
    [_tampered, lambda each: each[:-9], lambda _: "", lambda _: "ü", lambda _: "AAAA" * 40],
)
def test_a_cursor_that_is_not_ours_begins_anew(phone: SyncingPhone, spoil: Any) -> None:
    phone.do("check_in", **reported(MONDAY))
    phone.sync()
    assert phone.cursor is not None
    phone.cursor = spoil(phone.cursor)
    answer = phone.sync()
    assert answer["resync"] is True
    assert len(answer["changes"]["check_ins"]) == 1


@pytest.mark.parametrize("what", ["age", "episode", "language", "format", "database"])
def test_what_cannot_be_compared_begins_anew(
    phone: SyncingPhone, patient: PatientAtHome, clock: ManualClock, what: str,
    monkeypatch: pytest.MonkeyPatch, clinic: ClinicWithStaff,
) -> None:  # fmt: skip
    """Planted for each: the cursor without that part went on as if nothing had happened."""
    phone.do("check_in", **reported(MONDAY))
    phone.sync()
    if what == "age":
        clock.set(MONDAY + timedelta(days=90, seconds=1))
    if what == "episode":
        with transaction(patient.clinic_id) as session:
            session.execute(
                update(Episode).values(
                    state="ended", end_reason="completed", ended_on=MONDAY.date()
                )
            )
            session.add(
                Episode(
                    clinic_id=clinic.id, id=uuid4(), patient_id=patient.id,
                    site_id=clinic.site_id, procedure="lumbar_microdiscectomy",
                    discharge_date=MONDAY.date(), created_at=MONDAY, updated_at=MONDAY,
                )
            )  # fmt: skip
    if what == "language":
        with transaction(patient.clinic_id) as session:
            session.execute(update(Patient).values(locale="tr"))
    if what == "format":
        monkeypatch.setattr("recovery_service.domain.sync_cursors.FORMAT", 2)
    if what == "database":
        moved = str(sync_changes._STANDING).replace("), 8)", "), 6)")
        monkeypatch.setattr(sync_changes, "_STANDING", text(moved))
    answer = phone.sync()
    assert answer["resync"] is True
    assert len(answer["changes"]["check_ins"]) == 1
    assert phone.sync()["resync"] is False

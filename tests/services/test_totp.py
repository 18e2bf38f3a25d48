"""One-time codes: each is accepted once, and a seed opens only in its own row."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
from cryptography.exceptions import InvalidTag
from flask import Flask

from recovery_service.auth.sign_in import sign_in
from recovery_service.database import transaction
from recovery_service.domain.keys import Keys
from recovery_service.errors import RecoveryError, SecondFactorNeeded, SignInFailed
from recovery_service.extensions import parts
from recovery_service.models import StaffMember
from recovery_service.services import totp
from tests.conftest import MONDAY
from tests.factories import PASSWORD, ClinicWithStaff

KEYS = Keys("a secret of these tests alone")


def member(seed: str) -> StaffMember:
    clinic_id, staff_id = uuid4(), uuid4()
    sealed = totp.seal_seed(KEYS, clinic_id, staff_id, seed)
    return StaffMember(clinic_id=clinic_id, id=staff_id, totp_seed=sealed)


def test_a_code_is_accepted_once() -> None:
    seed = totp.new_seed()
    someone, code = member(seed), pyotp.TOTP(seed).at(int(MONDAY.timestamp()))
    assert totp.accept_code(KEYS, someone, code, now=MONDAY)
    assert not totp.accept_code(KEYS, someone, code, now=MONDAY)
    assert not totp.accept_code(KEYS, someone, code, now=MONDAY + timedelta(seconds=30))


def test_a_clock_may_drift_by_one_step_and_no_more() -> None:
    seed = totp.new_seed()
    code = pyotp.TOTP(seed).at(int(MONDAY.timestamp()))
    for seconds, accepted in ((-60, False), (-30, True), (30, True), (60, False)):
        now = MONDAY + timedelta(seconds=seconds)
        assert totp.accept_code(KEYS, member(seed), code, now=now) is accepted


def test_a_seed_that_was_moved_to_another_row_does_not_open() -> None:
    mine, other = member(totp.new_seed()), member(totp.new_seed())
    other.totp_seed = mine.totp_seed
    with pytest.raises(InvalidTag):
        totp.open_seed(KEYS, other)


def test_a_seed_of_which_one_bit_changed_does_not_open() -> None:
    someone = member(totp.new_seed())
    sealed = someone.totp_seed or b""
    someone.totp_seed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(InvalidTag):
        totp.open_seed(KEYS, someone)


def test_one_code_sent_in_parallel_signs_in_once(app: Flask, clinic: ClinicWithStaff) -> None:
    seed = totp.new_seed()
    code = pyotp.TOTP(seed).at(int(MONDAY.timestamp()))
    with app.app_context():
        keys, staff_id = parts().keys, clinic.staff["surgeon"]
        with transaction(clinic.id) as session:
            found = session.get_one(StaffMember, (clinic.id, staff_id))
            found.totp_seed = totp.seal_seed(keys, clinic.id, staff_id, seed)
        with pytest.raises(SecondFactorNeeded):
            sign_in(keys, clinic.emails["surgeon"], PASSWORD, now=MONDAY)

    def attempt(_: int) -> type | None:
        with app.app_context():
            try:
                sign_in(keys, clinic.emails["surgeon"], PASSWORD, code, now=MONDAY)
            except RecoveryError as refused:
                return type(refused)
            return None

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert answers.count(None) == 1
    assert set(answers) <= {None, SignInFailed}

"""Transactions and the wall around them, as connections see it."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import _queries
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from recovery_service.database import (
    current_clinic,
    one_trip,
    transaction,
    within,
)
from recovery_service.extensions import db
from recovery_service.models import AuditEvent, Patient, Site
from recovery_service.services.check_in_statement import HISTORY, RECORD
from recovery_service.services.me import STATEMENT
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, make_patient

pytestmark = pytest.mark.database

SETTING = "SELECT current_setting('app.clinic_id', true)"
SITES = "SELECT clinic_id FROM site"


@pytest.fixture
def _one_connection(app_context: None) -> Iterator[None]:
    """Let every transaction of a test have the same connection, as a busy pool would."""
    db.engine.dispose()
    yield
    assert db.engine.pool.checkedin() <= 1  # type: ignore[attr-defined]


@pytest.fixture
def context(app_context: None, _one_connection: None) -> None:
    """Stand inside the application, with a pool that has one connection."""


# --- one clinic, for one transaction ---------------------------------------------------------


def test_the_next_transaction_of_a_connection_inherits_nothing(
    context: None, clinic: ClinicWithStaff
) -> None:
    with transaction(clinic.id) as session:
        assert session.scalars(text(SITES)).all() == [clinic.id]
        first = session.scalar(text("SELECT pg_backend_pid()"))
    with transaction() as session:
        assert session.scalars(text(SITES)).all() == []
        assert session.scalar(text(SETTING)) in (None, "")
        assert session.scalar(text("SELECT pg_backend_pid()")) == first


def test_a_transaction_that_failed_leaves_nothing_to_the_next(
    context: None, clinic: ClinicWithStaff
) -> None:
    with pytest.raises(DBAPIError), transaction(clinic.id) as session:
        session.execute(text("SELECT 1/0"))
    with transaction() as session:
        assert session.scalars(text(SITES)).all() == []
    with transaction(clinic.id) as session:
        assert session.scalars(text(SITES)).all() == [clinic.id]


def test_a_transaction_that_asked_nothing_leaves_nothing(
    context: None, clinic: ClinicWithStaff
) -> None:
    with transaction(clinic.id) as session:
        session.connection()
    with transaction() as session:
        assert session.scalars(text(SITES)).all() == []


def test_one_trip_leaves_no_clinic_behind(context: None, clinic: ClinicWithStaff) -> None:
    assert one_trip(SITES, {}, clinic_id=clinic.id) == [(clinic.id,)]
    with transaction() as session:
        assert session.scalars(text(SITES)).all() == []
    with transaction(clinic.id) as session:
        assert session.scalars(text(SITES)).all() == [clinic.id]


def test_a_second_commit_of_a_session_is_scoped_again(
    context: None, clinic: ClinicWithStaff
) -> None:
    with within(clinic.id):
        session = db.session()
        for _ in range(2):
            assert session.scalars(text(SITES)).all() == [clinic.id]
            session.commit()


def test_orm_and_core_see_the_same_rows(
    context: None, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    for each in (clinic, other_clinic):
        with transaction(each.id) as session:
            assert [site.clinic_id for site in session.scalars(select(Site))] == [each.id]
            assert session.execute(select(func.count()).select_from(Site)).scalar_one() == 1


def test_many_rows_at_once_are_scoped(context: None, clinic: ClinicWithStaff) -> None:
    rows = [
        {"clinic": clinic.id, "id": UUID(int=number), "at": MONDAY, "action": "seen"}
        for number in range(3)
    ]
    statement = text(
        "INSERT INTO audit_event (clinic_id, id, at, actor_kind, action, subject_kind)"
        " VALUES (:clinic, :id, :at, 'system', :action, 'patient')"
    )
    with transaction(clinic.id) as session:
        done: Any = session.execute(statement, rows)
        assert done.rowcount == 3
    with transaction(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 3


def test_a_server_side_cursor_is_scoped(context: None, clinic: ClinicWithStaff) -> None:
    with transaction(clinic.id) as session:
        streamed = session.execute(text(SITES), execution_options={"stream_results": True})
        assert streamed.scalars().all() == [clinic.id]


def test_a_rollback_to_a_savepoint_keeps_the_clinic(context: None, clinic: ClinicWithStaff) -> None:
    with transaction(clinic.id) as session:
        savepoint = session.begin_nested()
        assert session.scalars(text(SITES)).all() == [clinic.id]
        savepoint.rollback()
        assert session.scalars(text(SITES)).all() == [clinic.id]
        savepoint = session.begin_nested()
        with pytest.raises(DBAPIError):
            session.execute(text("SELECT 1/0"))
        savepoint.rollback()
        assert session.scalars(text(SITES)).all() == [clinic.id]


def test_within_ends_with_its_block(clinic: ClinicWithStaff) -> None:
    with within(clinic.id):
        with within(None):
            assert current_clinic() is None
        assert current_clinic() == clinic.id
    assert current_clinic() is None


# --- all or nothing --------------------------------------------------------------------------


def count_patients(clinic: ClinicWithStaff) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(Patient)) or 0


def test_a_use_case_is_stored_whole(context: None, clinic: ClinicWithStaff) -> None:
    make_patient(clinic, now=MONDAY)
    assert count_patients(clinic) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_ends_a_use_case_early_undoes_it(
    context: None, clinic: ClinicWithStaff, error: type[BaseException]
) -> None:
    def use_case() -> None:
        with transaction(clinic.id) as session:
            session.execute(insert(Patient).values(**patient_row(clinic)))
            raise error

    with pytest.raises(error):
        use_case()
    assert count_patients(clinic) == 0


def patient_row(clinic: ClinicWithStaff) -> dict[str, Any]:
    return {
        "clinic_id": clinic.id,
        "id": UUID(int=7),
        "name": "Nobody",
        "date_of_birth": MONDAY.date(),
        "time_zone": "UTC",
        "locale": "en",
        "created_at": MONDAY,
        "updated_at": MONDAY,
    }


def test_a_failed_statement_of_one_trip_is_undone_and_the_connection_goes_on(
    context: None, clinic: ClinicWithStaff
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        one_trip("SELECT 1/0", {}, clinic_id=clinic.id)
    assert one_trip(SITES, {}, clinic_id=clinic.id) == [(clinic.id,)]
    assert count_patients(clinic) == 0


@pytest.mark.parametrize("statement", [RECORD, HISTORY, STATEMENT])
def test_the_statements_of_the_hot_requests_are_kept_by_the_driver(statement: str) -> None:
    """Planted: RECORD with its line breaks, read anew for each check-in."""
    assert len(statement) <= _queries.MAX_CACHED_STATEMENT_LENGTH
    assert len(set(re.findall(r"%\((\w+)\)s", statement))) <= _queries.MAX_CACHED_STATEMENT_PARAMS

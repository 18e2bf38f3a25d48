"""The second wall: the database shows one clinic's rows, also where our own filter is missing.

Every test here runs statements without a WHERE, as the roles of production.
"""

from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import Base
from tests.models.rows import Rows, another, table
from tests.models.test_metadata import EXEMPT
from tests.models.test_migrations import connected

pytestmark = pytest.mark.database

INSIDE = sorted(Base.metadata.tables.keys() - EXEMPT)
# History: the application adds to it and reads it.
APPEND_ONLY = {
    "advice",
    "advice_response",
    "alert_event",
    "appointment_response",
    "audit_event",
    "check_in",
    "consent",
    "content_approval",
    "message",
    "message_withdrawal",
    "occurrence_action",
    "phase_decision",
    "plan_template_base",
    "plan_template_version",
    "questionnaire_response",
    "verdict_difference",
}


def clinics_seen(name: str, clinic_id: Any) -> set[Any]:
    with transaction(clinic_id) as session:
        return set(session.scalars(select(table(name).c.clinic_id)))


@pytest.mark.parametrize("name", INSIDE)
def test_without_our_filter_a_clinic_sees_its_own_rows_alone(
    stored: tuple[Rows, Rows], name: str
) -> None:
    ours, theirs = (rows["clinic"]["id"] for rows in stored)
    assert clinics_seen(name, ours) == {ours}
    assert clinics_seen(name, theirs) == {theirs}


@pytest.mark.parametrize("name", INSIDE)
def test_without_a_clinic_nothing_is_seen(stored: tuple[Rows, Rows], name: str) -> None:
    assert clinics_seen(name, None) == set()


@pytest.mark.parametrize("name", INSIDE)
def test_nobody_writes_into_another_clinic(stored: tuple[Rows, Rows], name: str) -> None:
    ours, theirs = stored
    with pytest.raises(ProgrammingError) as caught, transaction(ours["clinic"]["id"]) as session:
        session.execute(insert(table(name)).values(**another(name, theirs)))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)
    assert "row-level security" in str(caught.value.orig)


@pytest.mark.parametrize("name", sorted(set(INSIDE) - APPEND_ONLY))
def test_nobody_moves_a_row_into_another_clinic(stored: tuple[Rows, Rows], name: str) -> None:
    ours, theirs = (rows["clinic"]["id"] for rows in stored)
    with pytest.raises(ProgrammingError) as caught, transaction(ours) as session:
        session.execute(update(table(name)).values(clinic_id=theirs))
    assert "row-level security" in str(caught.value.orig)


@pytest.mark.parametrize("name", sorted(set(INSIDE) - APPEND_ONLY))
def test_a_change_without_a_filter_stays_at_home(stored: tuple[Rows, Rows], name: str) -> None:
    ours = stored[0]["clinic"]["id"]
    with transaction(ours) as session:
        everyone = update(table(name)).values(clinic_id=ours).returning(table(name).c.clinic_id)
        undo = session.begin_nested()
        assert set(session.scalars(everyone)) == {ours}
        undo.rollback()


@pytest.mark.parametrize("name", sorted(APPEND_ONLY))
@pytest.mark.parametrize("change", ["UPDATE {} SET clinic_id = clinic_id", "DELETE FROM {}"])
def test_history_cannot_be_changed(stored: tuple[Rows, Rows], name: str, change: str) -> None:
    with pytest.raises(ProgrammingError) as caught, transaction(stored[0]["clinic"]["id"]) as s:
        s.execute(text(change.format(name)))
    assert f"permission denied for table {name}" in str(caught.value.orig)


def test_row_level_security_is_forced_on_all_tables_but_the_exempt(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    with connected(postgres, shared_database, "recovery_migrator") as connection:
        rows = connection.execute(
            text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            )
        )
        forced: dict[str, bool] = dict(map(tuple, rows))
    assert {name for name, walled in forced.items() if walled} == set(INSIDE)
    assert {name for name, walled in forced.items() if not walled} == EXEMPT | {"alembic_version"}


@pytest.mark.parametrize("name", INSIDE)
def test_not_even_the_owner_looks_over_the_wall(
    stored: tuple[Rows, Rows], postgres: EmbeddedPostgres, shared_database: str, name: str
) -> None:
    with connected(postgres, shared_database, "recovery_migrator") as connection:
        assert connection.scalar(select(func.count()).select_from(table(name))) == 0


def test_the_backup_sees_all_clinics(
    stored: tuple[Rows, Rows], postgres: EmbeddedPostgres, shared_database: str
) -> None:
    wanted = {rows["clinic"]["id"] for rows in stored}
    with connected(postgres, shared_database, "recovery_backup") as connection:
        for name in INSIDE:
            assert wanted <= set(connection.scalars(select(table(name).c.clinic_id))), name


# --- the worker, who sees all clinics and little of each -------------------------------------

WORKER_SEES = ("schedule", "schedule_rule", "occurrence", "delivery", "destination")


@pytest.fixture
def worker(postgres: EmbeddedPostgres, shared_database: str) -> Any:
    with connected(postgres, shared_database, "recovery_worker") as connection:
        yield connection


@pytest.mark.parametrize("name", WORKER_SEES)
def test_the_loop_sees_its_tables_of_all_clinics(
    stored: tuple[Rows, Rows], worker: Connection, name: str
) -> None:
    wanted = {rows["clinic"]["id"] for rows in stored}
    assert wanted <= set(worker.scalars(select(table(name).c.clinic_id)))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT answers FROM check_in",
        "SELECT name FROM staff_member",
        "SELECT password_hash FROM staff_member",
        "SELECT facts FROM alert_event",
        "SELECT text FROM advice",
        "UPDATE alert SET tier = 'same_day'",
        "SELECT title FROM plan_item",
        "SELECT name FROM patient",
        "SELECT date_of_birth FROM patient",
        "SELECT * FROM patient",
        "SELECT diagnosis FROM episode",
        "SELECT 1 FROM audit_event",
        "UPDATE patient SET time_zone = 'UTC'",
        "UPDATE destination SET address = 'x'",
        "DELETE FROM occurrence",
        "INSERT INTO directory VALUES ('staff_email', '', gen_random_uuid())",
        "CREATE TABLE mine ()",
    ],
)
def test_the_loop_is_refused_everything_else(worker: Connection, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        worker.exec_driver_sql(statement)

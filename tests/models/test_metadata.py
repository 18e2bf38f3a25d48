"""What holds for all tables: keys inside one clinic, instants that say their zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import DateTime, ForeignKeyConstraint, Index, UniqueConstraint, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import StatementError

from recovery_service.database import transaction
from recovery_service.models import Base, Clinic
from recovery_service.models.base import Instant, NaiveDatetimeError
from tests.models.rows import Rows

# What must be found before the clinic is known, or belongs to the installation.
EXEMPT = {"clinic", "directory", "worker_heartbeat", "attempt_bucket"}
POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]
OF_A_CLINIC = [each for each in Base.metadata.sorted_tables if each.name not in EXEMPT]


def test_every_table_has_the_clinic_first_in_its_key() -> None:
    for table in OF_A_CLINIC:
        assert next(iter(table.primary_key.columns)).name == "clinic_id", table.name
        assert not table.columns["clinic_id"].nullable


def test_the_exempt_tables_are_those_of_the_list() -> None:
    assert {t.name for t in Base.metadata.sorted_tables if "clinic_id" not in t.columns} == (
        EXEMPT - {"directory"}
    )
    assert next(iter(Base.metadata.tables["directory"].primary_key)).name == "kind"


def test_every_foreign_key_carries_the_clinic_on_both_sides() -> None:
    for table in Base.metadata.sorted_tables:
        for each in table.constraints:
            if isinstance(each, ForeignKeyConstraint):
                first = each.elements[0]
                target = "id" if each.referred_table.name == "clinic" else "clinic_id"
                assert (first.parent.name, first.column.name) == ("clinic_id", target), each.name


def test_every_unique_constraint_of_a_clinic_begins_with_the_clinic() -> None:
    for table in OF_A_CLINIC:
        unique: list[UniqueConstraint | Index] = [i for i in table.indexes if i.unique]
        unique += [c for c in table.constraints if isinstance(c, UniqueConstraint)]
        for each in unique:
            assert next(iter(each.columns)).name == "clinic_id", each.name


def test_every_column_of_instants_refuses_those_without_a_zone() -> None:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, DateTime) or "at" in column.name.split("_"):
                assert isinstance(column.type, Instant), column
                stored_as = column.type.compile(dialect=POSTGRES)
                assert stored_as == "TIMESTAMP WITH TIME ZONE"


def test_a_naive_datetime_is_refused_before_it_is_sent(stored: tuple[Rows, Rows]) -> None:
    clinic_id = stored[0]["clinic"]["id"]
    naive = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - this is what is refused
    with pytest.raises(StatementError) as caught, transaction(clinic_id) as session:
        session.scalars(select(Clinic).where(Clinic.created_at == naive)).all()
    assert isinstance(caught.value.orig, NaiveDatetimeError)


def test_an_instant_comes_back_in_utc(stored: tuple[Rows, Rows]) -> None:
    clinic_id = stored[0]["clinic"]["id"]
    tokyo = datetime(2026, 3, 2, 18, 0, tzinfo=timezone(timedelta(hours=9)))
    with transaction(clinic_id) as session:
        session.get_one(Clinic, clinic_id).updated_at = tokyo
        session.flush()
        session.expire_all()
        read = session.get_one(Clinic, clinic_id).updated_at
        assert (read, read.tzinfo) == (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), UTC)


def test_a_missing_json_value_is_null_to_the_constraints() -> None:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSONB):
                assert column.type.none_as_null, column

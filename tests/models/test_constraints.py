"""Each constraint of the tables refuses what it is there to refuse, under its own name.

Alembic's autogenerate does not compare CHECK constraints, so a constraint that a
migration forgets would be noticed by nobody else.
"""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    insert,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from recovery_service.database import transaction
from recovery_service.models import Base
from tests.models.rows import Row, Rows, another, table
from tests.models.violations import REFUSED, SIDE_BY_SIDE, TAKEN

pytestmark = pytest.mark.database

TABLES = Base.metadata.sorted_tables
CONSTRAINTS: dict[str, Any] = {
    str(constraint.name): constraint for each in TABLES for constraint in each.constraints
} | {str(index.name): index for each in TABLES for index in each.indexes if index.unique}
FOREIGN_KEYS = [
    name for name, each in CONSTRAINTS.items() if isinstance(each, ForeignKeyConstraint)
]
TO_CLINIC = [name for name in FOREIGN_KEYS if len(CONSTRAINTS[name].columns) == 1]


PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]


def names(*kinds: type) -> set[str]:
    return {name for name, each in CONSTRAINTS.items() if isinstance(each, kinds)}


def refusal(name: str, rows: Iterable[Row], clinic_id: Any) -> str | None:
    """Return the name of the constraint that refuses the last of the rows; nothing is kept."""
    *before, last = rows
    target = CONSTRAINTS[name].table
    with transaction(clinic_id) as session:
        undo = session.begin_nested()
        for row in before:
            session.execute(insert(target).values(**row))
        with pytest.raises(IntegrityError) as caught:
            session.execute(insert(target).values(**last))
        undo.rollback()
    assert isinstance(caught.value.orig, psycopg.Error)
    return caught.value.orig.diag.constraint_name


def in_database(name: str) -> str:
    """Return the name as stored: one that is too long is cut, with a hash as its end."""
    constraint = CONSTRAINTS[name]
    if isinstance(constraint, Index):
        return name
    return PREPARER.format_constraint(constraint) or name


def own(rows: Rows, name: str, changes: Row) -> Row:
    """Return another row of the constraint's table; a table's name stands for that row's id."""
    filled = {
        column: rows[value]["id"] if column.endswith("_id") and value in rows else value
        for column, value in changes.items()
    }
    return another(CONSTRAINTS[name].table.name, rows, filled)


def test_no_constraint_of_the_metadata_lacks_a_row_that_breaks_it() -> None:
    assert names(CheckConstraint) == REFUSED.keys()
    assert names(UniqueConstraint, Index) == TAKEN.keys()
    assert len(CONSTRAINTS) == len(REFUSED) + len(TAKEN) + len(FOREIGN_KEYS) + len(TABLES)


#: What there is one of for each of these: a second one needs another of these first.
OF_ANOTHER = {
    "fk_message_thread_clinic_id_patient_id": "episode",
    "fk_message_withdrawal_clinic_id_staff_id": "message",
}
# An episode has one plan and one thread, a version one base, an escalation one notice a
# destination: there is no second row.
ONLY_ONE = {
    "recovery_plan",
    "plan_template_base",
    "patient_notice",
    "message_thread",
    "message_withdrawal",
}


@pytest.mark.parametrize("name", [t.name for t in TABLES if t.name not in ONLY_ONE])
def test_a_valid_second_row_is_accepted(stored: tuple[Rows, Rows], name: str) -> None:
    row = another(name, stored[0])
    with transaction(stored[0]["clinic"]["id"]) as session:
        undo = session.begin_nested()
        session.execute(insert(table(name)).values(**row))
        undo.rollback()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_check_refuses_what_cannot_be_true(stored: tuple[Rows, Rows], name: str) -> None:
    rows = stored[0]
    for changes in REFUSED[name]:
        assert refusal(name, [own(rows, name, changes)], rows["clinic"]["id"]) == in_database(
            name
        ), changes


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_what_is_unique_cannot_be_taken_twice(stored: tuple[Rows, Rows], name: str) -> None:
    rows = stored[0]
    taken = [own(rows, name, changes) for changes in TAKEN[name]]
    assert refusal(name, taken, rows["clinic"]["id"]) == in_database(name)


@pytest.mark.parametrize("name", sorted(SIDE_BY_SIDE))
def test_a_partial_index_leaves_the_rest_alone(stored: tuple[Rows, Rows], name: str) -> None:
    rows = stored[0]
    with transaction(rows["clinic"]["id"]) as session:
        undo = session.begin_nested()
        for number, changes in enumerate(SIDE_BY_SIDE[name]):
            row = own(rows, name, changes)
            if "number" in row:
                row["number"] = 10 + number
            session.execute(insert(CONSTRAINTS[name].table).values(**row))
        undo.rollback()


@pytest.mark.parametrize("name", sorted(names(PrimaryKeyConstraint)))
def test_a_key_is_given_once(stored: tuple[Rows, Rows], name: str) -> None:
    rows = stored[0]
    target = CONSTRAINTS[name].table
    keys = {column.name: rows[target.name][column.name] for column in target.primary_key}
    assert refusal(name, [own(rows, name, keys)], rows["clinic"]["id"]) == in_database(name)


@pytest.mark.parametrize("name", sorted(set(FOREIGN_KEYS) - set(TO_CLINIC)))
def test_a_reference_points_at_a_row_of_the_same_clinic(
    stored: tuple[Rows, Rows], name: str
) -> None:
    rows, foreign = stored
    column = next(each for each in CONSTRAINTS[name].columns if each.name != "clinic_id")
    target = next(key.column for key in column.foreign_keys)
    nowhere = {"id": uuid4(), "hash": "f" * 64}[target.name]
    if target.table.name == "occurrence":
        nowhere = -99
    others = foreign[target.table.name][target.name]
    changes: Row = {column.name: nowhere}
    if name == "fk_token_family_clinic_id_staff_id":
        changes["patient_id"] = None
    if name == "fk_advice_clinic_id_message_id":
        changes["check_in_id"] = None
    clinic_id = rows["clinic"]["id"]
    if name in OF_ANOTHER:
        parent = another(OF_ANOTHER[name], rows)
        with transaction(clinic_id) as session:
            session.execute(insert(table(OF_ANOTHER[name])).values(**parent))
        changes[f"{OF_ANOTHER[name]}_id"] = parent["id"]
    assert refusal(name, [own(rows, name, changes)], clinic_id) == in_database(name)
    if others not in (-1, "0" * 64):  # these are the same in both clinics
        changes[column.name] = others
        assert refusal(name, [own(rows, name, changes)], clinic_id) == in_database(name)


@pytest.mark.parametrize("name", sorted(TO_CLINIC))
def test_a_clinic_exists_before_its_rows(stored: tuple[Rows, Rows], name: str) -> None:
    unknown = uuid4()
    assert refusal(name, [own(stored[0], name, {"clinic_id": unknown})], unknown) == in_database(
        name
    )


@pytest.mark.parametrize("name", [each.name for each in TABLES])
def test_a_column_that_must_be_given_refuses_null(stored: tuple[Rows, Rows], name: str) -> None:
    rows = stored[0]
    for column in table(name).columns:
        if column.nullable or column.identity is not None or column.name == "clinic_id":
            continue
        row = another(name, rows, {column.name: None})
        with pytest.raises(IntegrityError) as caught, transaction(rows["clinic"]["id"]) as session:
            session.execute(table(name).insert().values(**row))
        assert isinstance(caught.value.orig, psycopg.errors.NotNullViolation), column
        assert caught.value.orig.diag.column_name == column.name

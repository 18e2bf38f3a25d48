"""Who may do what in the database, compared with a table written by hand."""

from typing import Any

import pytest
from sqlalchemy import text

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import Base
from tests.models.test_metadata import EXEMPT
from tests.models.test_migrations import connected
from tests.models.test_wall import APPEND_ONLY, INSIDE

pytestmark = pytest.mark.database

ADDS, CHANGES = {"INSERT", "SELECT"}, {"DELETE", "INSERT", "SELECT", "UPDATE"}
APP: dict[str, set[str]] = {
    **{name: ADDS if name in APPEND_ONLY else CHANGES for name in Base.metadata.tables},
    "alembic_version": {"SELECT"},
    "alert_event_seq": {"USAGE"},
}
WORKER: dict[str, set[str]] = {
    "alembic_version": {"SELECT"},
    "alert": {"INSERT", "SELECT"},
    "alert_event": {"INSERT"},
    "alert_event_seq": {"USAGE"},
    "alert_budget_day": {"INSERT", "SELECT", "UPDATE"},
    "patient_notice": {"INSERT", "SELECT", "UPDATE"},
    "message_notice": {"SELECT", "UPDATE"},
    "staff_device": {"SELECT"},
    "care_team_member": {"SELECT"},
    "site": {"SELECT"},
    "site_holiday": {"SELECT"},
    "staff_absence": {"SELECT"},
    "staff_notice": {"INSERT", "SELECT", "UPDATE"},
    "answered_request": {"DELETE"},
    "attempt_bucket": {"DELETE", "SELECT"},
    "clinic": {"SELECT"},
    "delivery": {"INSERT", "SELECT", "UPDATE"},
    "destination": {"SELECT"},
    "occurrence": {"INSERT", "SELECT", "UPDATE"},
    "schedule": {"SELECT", "UPDATE"},
    "schedule_rule": {"SELECT"},
    "reminder_day": {"DELETE", "INSERT", "SELECT", "UPDATE"},
    "sync_operation": {"DELETE"},
    "tombstone": {"DELETE"},
    "webhook_delivery": {"DELETE", "INSERT", "SELECT", "UPDATE"},
    "webhook_endpoint": {"SELECT"},
    "worker_heartbeat": {"DELETE", "INSERT", "SELECT", "UPDATE"},
}
WORKER_COLUMNS: dict[tuple[str, str], set[str]] = {
    ("message_thread", "SELECT"): {"clinic_id", "episode_id", "patient_read"},
    ("destination", "UPDATE"): {
        "retired_at",
        "retired_reason",
        "opted_out_at",
        "sync_due_at",
        "sync_attempts",
    },
    ("device", "SELECT"): {
        "clinic_id",
        "id",
        "patient_id",
        "permission",
        "scheduled_until",
        "plan_revision",
        "revoked_at",
    },
    ("episode", "SELECT"): {
        "clinic_id",
        "id",
        "patient_id",
        "state",
        "surgery_date",
        "discharge_date",
        "site_id",
        "procedure",
        "monitored_until",
    },
    ("check_in", "SELECT"): {"clinic_id", "episode_id", "local_date", "received_at"},
    ("advice", "SELECT"): {"clinic_id", "id", "alert_id", "given_at"},
    ("alert_event", "SELECT"): {"clinic_id", "at", "kind", "tier", "check_in_id"},
    ("staff_device", "UPDATE"): {"retired_at", "retired_reason"},
    ("verdict_difference", "SELECT"): {"clinic_id", "kind", "at"},
    ("answered_request", "SELECT"): {"clinic_id", "actor_id", "key_hash", "expires_at"},
    ("sync_operation", "SELECT"): {"received_at"},
    ("tombstone", "SELECT"): {"deleted_at"},
    ("webhook_endpoint", "UPDATE"): {
        "failing_since",
        "disabled_at",
        "disabled_reason",
        "version",
        "updated_at",
    },
    ("alert", "UPDATE"): {"state", "respond_by", "escalation", "version", "updated_at"},
    ("staff_member", "SELECT"): {
        "clinic_id",
        "id",
        "email",
        "locale",
        "roles",
        "disabled_at",
        "alert_mail",
        "alert_push",
    },
    ("patient", "SELECT"): {
        "clinic_id",
        "id",
        "time_zone",
        "locale",
        "contact_mode",
        "preferences",
        "plan_revision",
    },
}
BEHIND_THE_LOOP = {
    "advice",
    "message_notice",
    "message_thread",
    "alert_budget_day",
    "patient_notice",
    "staff_device",
    "verdict_difference",
    "answered_request",
    "check_in",
    "alert",
    "alert_event",
    "care_team_member",
    "site",
    "site_holiday",
    "staff_absence",
    "staff_member",
    "staff_notice",
    "delivery",
    "destination",
    "device",
    "episode",
    "occurrence",
    "patient",
    "reminder_day",
    "schedule",
    "schedule_rule",
    "sync_operation",
    "tombstone",
    "webhook_delivery",
    "webhook_endpoint",
}
OWN_CLINIC = "(clinic_id = (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid)"

_ON_TABLES = """
SELECT c.relname, grantee.rolname, array_agg(granted.privilege_type)
  FROM pg_class c, aclexplode(c.relacl) AS granted
  LEFT JOIN pg_roles grantee ON grantee.oid = granted.grantee
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S')
 GROUP BY 1, 2"""
_ON_COLUMNS = """
SELECT c.relname, granted.privilege_type, grantee.rolname, array_agg(a.attname::text)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) AS granted
  LEFT JOIN pg_roles grantee ON grantee.oid = granted.grantee
 WHERE c.relnamespace = 'public'::regnamespace
 GROUP BY 1, 2, 3"""


def asked(postgres: EmbeddedPostgres, database: str, question: str) -> list[Any]:
    with connected(postgres, database, "recovery_migrator") as connection:
        return list(connection.execute(text(question)).all())


def test_each_role_has_its_grants_and_no_other(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    found: dict[str | None, dict[str, set[str]]] = {}
    for relation, role, privileges in asked(postgres, shared_database, _ON_TABLES):
        found.setdefault(role, {})[relation] = set(privileges)
    assert found.pop("recovery_migrator").keys() >= Base.metadata.tables.keys()
    assert found.pop("recovery_backup") == {name: {"SELECT"} for name in APP}
    assert found.pop("recovery_app") == APP
    assert found.pop("recovery_worker") == WORKER
    assert found == {}  # nobody else, and nothing to everybody


def test_the_worker_has_some_columns_of_some_tables(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    rows = asked(postgres, shared_database, _ON_COLUMNS)
    assert {role for _, _, role, _ in rows} == {"recovery_worker"}
    assert {(name, kind): set(columns) for name, kind, _, columns in rows} == WORKER_COLUMNS


def test_each_policy_is_one_of_the_two(postgres: EmbeddedPostgres, shared_database: str) -> None:
    found = asked(
        postgres,
        shared_database,
        "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check"
        " FROM pg_policies",
    )
    app = ("clinic_wall", "PERMISSIVE", "{recovery_app}", "ALL", OWN_CLINIC, OWN_CLINIC)
    loop = ("worker_loop", "PERMISSIVE", "{recovery_worker}", "ALL", "true", "true")
    assert {tuple(row) for row in found} == {(name, *app) for name in INSIDE} | {
        (name, *loop) for name in BEHIND_THE_LOOP
    }
    assert not {row[0] for row in found} & EXEMPT


def test_no_role_but_the_backup_is_above_the_wall(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    roles = asked(
        postgres,
        shared_database,
        "SELECT rolname, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb"
        " FROM pg_roles WHERE rolname LIKE 'recovery%'",
    )
    assert {tuple(row) for row in roles} == {
        ("recovery_app", False, False),
        ("recovery_worker", False, False),
        ("recovery_migrator", False, False),
        ("recovery_backup", True, False),
    }

"""Alerts reach people: patients are pushed to, staff have devices, events have an order.

What is counted for the alert budget, and what a phone judged otherwise, has tables of its own.
The indexes and validations are in 0010, beside the work that goes on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
INSTANT = sa.DateTime(timezone=True)
TIERS = "('emergency', 'same_day', 'next_business_day')"
TABLES = ("alert_budget_day", "patient_notice", "staff_device", "verdict_difference")
APPEND_ONLY = ("verdict_difference",)
WORKER = {
    "alert_budget_day": "SELECT, INSERT, UPDATE",
    "patient_notice": "SELECT, INSERT, UPDATE",
    "staff_device": "SELECT, UPDATE (retired_at, retired_reason)",
    "verdict_difference": "SELECT (clinic_id, kind, at)",
}


def upgrade() -> None:
    """Add columns first, tables then, and the wall last."""
    widen()
    add_staff_device()
    add_patient_notice()
    add_figures()
    build_wall()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def widen() -> None:
    """Give events an order, notices a device, and staff the choice of a push.

    A sequence rather than an identity: the table is not written anew. Events from before have
    none, and are ordered by their instants as they were.
    """
    op.execute("ALTER TABLE alert_event ADD COLUMN seq bigint")
    op.execute("CREATE SEQUENCE alert_event_seq OWNED BY alert_event.seq")
    op.execute(
        "ALTER TABLE alert_event ALTER COLUMN seq SET DEFAULT nextval('alert_event_seq'::regclass)"
    )
    op.execute("GRANT USAGE ON SEQUENCE alert_event_seq TO recovery_app, recovery_worker")
    op.execute("GRANT SELECT ON SEQUENCE alert_event_seq TO recovery_backup")
    op.execute(
        "ALTER TABLE staff_member ADD COLUMN alert_push varchar(20) DEFAULT 'none' NOT NULL"
        f" CONSTRAINT ck_staff_member_alert_push CHECK (alert_push IN {TIERS}"
        " OR alert_push = 'none')"
    )
    op.execute("ALTER TABLE staff_notice ADD COLUMN device_id uuid")


def add_staff_device() -> None:
    """Create where staff are pushed to."""
    op.create_table(
        "staff_device",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("subscription", JSONB(), nullable=False),
        sa.Column("retired_at", INSTANT, nullable=True),
        sa.Column("retired_reason", sa.String(32), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("jsonb_typeof(subscription) = 'object'", name="subscription"),
        sa.CheckConstraint("(retired_at IS NULL) = (retired_reason IS NULL)", name="retired"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_staff_device_clinic_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_staff_device"),
    )
    op.create_index("ix_staff_device_staff", "staff_device", ["clinic_id", "staff_id"])
    op.execute(
        "ALTER TABLE staff_notice ADD CONSTRAINT fk_staff_notice_clinic_id_device_id"
        " FOREIGN KEY (clinic_id, device_id) REFERENCES staff_device (clinic_id, id) NOT VALID"
    )


def add_patient_notice() -> None:
    """Create what tells a patient that nobody has looked; one escalation is told once."""
    op.create_table(
        "patient_notice",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("wake_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("state IN ('ready', 'leased', 'sent', 'dropped', 'dead')", name="state"),
        sa.CheckConstraint("(state IN ('ready', 'leased')) = (settled_at IS NULL)", name="settled"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "alert_id"],
            ["alert.clinic_id", "alert.id"],
            name="fk_patient_notice_clinic_id_alert_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "event_id"],
            ["alert_event.clinic_id", "alert_event.id"],
            name="fk_patient_notice_clinic_id_event_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "destination_id"],
            ["destination.clinic_id", "destination.id"],
            name="fk_patient_notice_clinic_id_destination_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_patient_notice"),
        sa.UniqueConstraint(
            "clinic_id",
            "alert_id",
            "event_id",
            "destination_id",
            name="uq_patient_notice_clinic_id_alert_id_event_id_destination_id",
        ),
    )
    op.create_index(
        "ix_patient_notice_wake",
        "patient_notice",
        ["channel", "wake_at"],
        postgresql_where=sa.text("state IN ('ready', 'leased')"),
    )


def add_figures() -> None:
    """Create what is counted: check-ins that alert by day, and verdicts that differ."""
    op.create_table(
        "alert_budget_day",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("check_ins", sa.Integer(), nullable=False),
        sa.Column("emergency", sa.Integer(), nullable=False),
        sa.Column("same_day", sa.Integer(), nullable=False),
        sa.Column("next_business_day", sa.Integer(), nullable=False),
        sa.Column("counted_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "least(check_ins, emergency, same_day, next_business_day) >= 0", name="counts"
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_alert_budget_day_clinic_id"),
        sa.PrimaryKeyConstraint("clinic_id", "day", name="pk_alert_budget_day"),
    )
    op.create_index("ix_alert_budget_day_counted", "alert_budget_day", ["counted_at"])
    op.create_table(
        "verdict_difference",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("check_in_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("device_tier", sa.String(20), nullable=True),
        sa.Column("own_tier", sa.String(20), nullable=True),
        sa.Column("bundle_version", sa.String(80), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind = CASE WHEN device_tier IS NULL THEN 'missed' WHEN own_tier IS NULL"
            " THEN 'invented' ELSE 'tier' END",
            name="kind",
        ),
        sa.CheckConstraint(
            f"device_tier IN {TIERS} IS NOT FALSE AND own_tier IN {TIERS} IS NOT FALSE"
            " AND device_tier IS DISTINCT FROM own_tier",
            name="tiers",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "check_in_id"],
            ["check_in.clinic_id", "check_in.id"],
            name="fk_verdict_difference_clinic_id_check_in_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_verdict_difference"),
        sa.UniqueConstraint(
            "clinic_id",
            "check_in_id",
            "rule_id",
            name="uq_verdict_difference_clinic_id_check_in_id_rule_id",
        ),
    )
    op.create_index("ix_verdict_difference_at", "verdict_difference", ["at"])


def build_wall() -> None:
    """Put the new tables behind the wall, and give the loop what it sends and counts by."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        changes = "" if table in APPEND_ONLY else ", UPDATE, DELETE"
        op.execute(f"GRANT SELECT, INSERT{changes} ON {table} TO recovery_app")
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")
        op.execute(f"GRANT {WORKER[table]} ON {table} TO recovery_worker")
        op.execute(
            f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
            " USING (true) WITH CHECK (true)"
        )
    op.execute(
        "CREATE POLICY worker_loop ON advice TO recovery_worker USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT (clinic_id, id, alert_id, given_at) ON advice TO recovery_worker")
    op.execute("GRANT SELECT (alert_push) ON staff_member TO recovery_worker")
    op.execute("GRANT SELECT (received_at) ON check_in TO recovery_worker")
    op.execute(
        "GRANT SELECT (clinic_id, at, kind, tier, check_in_id) ON alert_event TO recovery_worker"
    )

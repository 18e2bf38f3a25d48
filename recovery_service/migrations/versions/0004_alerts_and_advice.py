"""Alerts and advice: who is told what, by when, and who was written to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
JSON = JSONB()
APPEND_ONLY = ("advice", "advice_response", "alert_event")
TABLES = ("alert", "staff_absence", "staff_notice", *APPEND_ONLY)
WORKER = {
    "alert": "SELECT, INSERT, UPDATE (state, respond_by, escalation, version, updated_at)",
    "alert_event": "INSERT",
    "staff_notice": "SELECT, INSERT, UPDATE",
    "staff_absence": "SELECT",
    "check_in": "SELECT (clinic_id, episode_id, local_date)",
    "care_team_member": "SELECT",
    "site": "SELECT",
    "site_holiday": "SELECT",
    "staff_member": "SELECT (clinic_id, id, email, locale, roles, disabled_at, alert_mail)",
}


def upgrade() -> None:
    """Add columns first, tables then, and the wall last."""
    widen()
    add_tables()
    build_wall()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def widen() -> None:
    """Add what a phone found by itself, how long an episode is watched, and who wants mail."""
    op.execute("ALTER TABLE check_in ADD COLUMN device_verdict jsonb")
    op.execute("ALTER TABLE episode ADD COLUMN monitored_until date")
    op.execute(
        "ALTER TABLE staff_member ADD COLUMN alert_mail varchar(20)"
        " DEFAULT 'next_business_day' NOT NULL CONSTRAINT ck_staff_member_alert_mail CHECK"
        " (alert_mail IN ('emergency', 'same_day', 'next_business_day', 'none'))"
    )


def add_tables() -> None:
    """Create what is raised, told, answered and written."""
    op.create_table(
        "staff_absence",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("cover_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cover_id <> staff_id", name="cover"),
        sa.CheckConstraint("to_date >= from_date", name="dates"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "cover_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_staff_absence_clinic_id_cover_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_staff_absence_clinic_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_staff_absence"),
    )
    op.create_index("ix_staff_absence_staff", "staff_absence", ["clinic_id", "staff_id", "to_date"])
    op.create_table(
        "alert",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.String(32), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalation", sa.SmallInteger(), nullable=False),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'resolved') = (resolved_at IS NOT NULL AND resolution IS NOT NULL)",
            name="resolved",
        ),
        sa.CheckConstraint(
            "resolution IN ('advised', 'seen_in_clinic', 'sent_to_emergency', 'plan_changed', 'no_action_needed', 'not_reached', 'entered_in_error', 'episode_ended')",
            name="resolution",
        ),
        sa.CheckConstraint("state <> 'acknowledged' OR acknowledged_at IS NOT NULL", name="seen"),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        sa.CheckConstraint("tier IN ('emergency', 'same_day', 'next_business_day')", name="tier"),
        sa.CheckConstraint("escalation >= 0", name="escalation"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "assigned_to"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_alert_clinic_id_assigned_to",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_alert_clinic_id_episode_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name="fk_alert_clinic_id_patient_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_alert"),
    )
    op.create_index("ix_alert_episode", "alert", ["clinic_id", "episode_id", "raised_at"])
    op.create_index(
        "ix_alert_lapse",
        "alert",
        ["respond_by"],
        postgresql_where=sa.text("state = 'open' AND respond_by IS NOT NULL"),
    )
    op.create_index(
        "uq_alert_unresolved",
        "alert",
        ["clinic_id", "episode_id", "rule_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "advice",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("check_in_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.String(32), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(20), nullable=False),
        sa.Column("about", sa.Date(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("title", JSON, nullable=False),
        sa.Column("text", JSON, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("jsonb_typeof(text) = 'object'", name="text"),
        sa.CheckConstraint("jsonb_typeof(title) = 'object'", name="title"),
        sa.CheckConstraint("tier IN ('emergency', 'same_day', 'next_business_day')", name="tier"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "alert_id"],
            ["alert.clinic_id", "alert.id"],
            name="fk_advice_clinic_id_alert_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "check_in_id"],
            ["check_in.clinic_id", "check_in.id"],
            name="fk_advice_clinic_id_check_in_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_advice_clinic_id_episode_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_advice"),
        sa.UniqueConstraint(
            "clinic_id", "check_in_id", "rule_id", name="uq_advice_clinic_id_check_in_id_rule_id"
        ),
    )
    op.create_index("ix_advice_alert", "advice", ["clinic_id", "alert_id"])
    op.create_table(
        "alert_event",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("tier", sa.String(20), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("check_in_id", sa.Uuid(), nullable=True),
        sa.Column("about", sa.Date(), nullable=True),
        sa.Column("facts", JSON, nullable=True),
        sa.Column("resolution", sa.String(32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('raised', 'found_again', 'worsened', 'corrected', 'acknowledged', 'assigned', 'escalated', 'resolved', 'reopened', 'noted')",
            name="kind",
        ),
        sa.CheckConstraint("tier IN ('emergency', 'same_day', 'next_business_day')", name="tier"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "alert_id"],
            ["alert.clinic_id", "alert.id"],
            name="fk_alert_event_clinic_id_alert_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "check_in_id"],
            ["check_in.clinic_id", "check_in.id"],
            name="fk_alert_event_clinic_id_check_in_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_alert_event_clinic_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_alert_event"),
    )
    op.create_index("ix_alert_event_alert", "alert_event", ["clinic_id", "alert_id", "at"])
    op.create_table(
        "staff_notice",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state IN ('ready', 'leased')) = (settled_at IS NULL)", name="settled"),
        sa.CheckConstraint(
            "cause IN ('raised', 'worsened', 'escalated', 'assigned')", name="cause"
        ),
        sa.CheckConstraint("state IN ('ready', 'leased', 'sent', 'dropped', 'dead')", name="state"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "alert_id"],
            ["alert.clinic_id", "alert.id"],
            name="fk_staff_notice_clinic_id_alert_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_staff_notice_clinic_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_staff_notice"),
        sa.UniqueConstraint(
            "clinic_id",
            "alert_id",
            "staff_id",
            "cause",
            "created_at",
            name="uq_staff_notice_clinic_id_alert_id_staff_id_cause_created_at",
        ),
    )
    op.create_index(
        "ix_staff_notice_wake",
        "staff_notice",
        ["wake_at"],
        postgresql_where=sa.text("state IN ('ready', 'leased')"),
    )
    op.create_table(
        "advice_response",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("advice_id", sa.Uuid(), nullable=False),
        sa.Column("response", sa.String(16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "response IN ('seen', 'called', 'going', 'cannot_call', 'better')",
            name="response",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "advice_id"],
            ["advice.clinic_id", "advice.id"],
            name="fk_advice_response_clinic_id_advice_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "device_id"],
            ["device.clinic_id", "device.id"],
            name="fk_advice_response_clinic_id_device_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_advice_response"),
    )
    op.create_index(
        "ix_advice_response_advice", "advice_response", ["clinic_id", "advice_id", "received_at"]
    )


def build_wall() -> None:
    """Put the new tables behind the wall, and give the loop what escalation needs."""
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
    for table, grants in WORKER.items():
        op.execute(f"GRANT {grants} ON {table} TO recovery_worker")
        op.execute(
            f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
            " USING (true) WITH CHECK (true)"
        )
    op.execute("GRANT SELECT (site_id, procedure, monitored_until) ON episode TO recovery_worker")

"""Reminders that do not nag: why a delivery was made, the day's ledger, answers, silent syncs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
CAUSES = "cause IN ('due', 'late', 'takeover', 'snooze', 'nudge', 'failover')"
RESPONSES = "response IN ('confirm', 'request_change', 'booked_elsewhere')"


def upgrade() -> None:
    """Add columns first, tables then, and the wall last."""
    widen_deliveries()
    widen_others()
    add_tables()
    build_wall()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def widen_deliveries() -> None:
    """Give each delivery its channel, its cause, and who carried it."""
    op.execute("ALTER TABLE delivery ADD COLUMN channel varchar(16)")
    op.execute("ALTER TABLE delivery ADD COLUMN cause varchar(12) DEFAULT 'due' NOT NULL")
    op.execute("ALTER TABLE delivery ADD COLUMN lead_id bigint")
    # The owner has no policy of its own, so that under FORCE it would fill in nothing.
    for table in ("delivery", "destination"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        UPDATE delivery d SET channel = t.channel FROM destination t
         WHERE t.clinic_id = d.clinic_id AND t.id = d.destination_id
    """)
    op.execute("UPDATE delivery SET cause = 'snooze' WHERE round > 0")
    for table in ("delivery", "destination"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    check("delivery", "cause", CAUSES)
    check("delivery", "channel", "channel IS NOT NULL")


def widen_others() -> None:
    """Add what a device, a patient and an appointment must tell."""
    op.execute("ALTER TABLE patient ADD COLUMN plan_revision integer DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE destination ADD COLUMN sync_due_at timestamptz")
    op.execute(
        "ALTER TABLE destination ADD COLUMN sync_attempts smallint DEFAULT '0'::smallint NOT NULL"
    )
    check("destination", "sync_attempts", "sync_attempts >= 0")
    op.execute("ALTER TABLE appointment ADD COLUMN response varchar(16)")
    op.execute("ALTER TABLE appointment ADD COLUMN responded_at timestamptz")
    check("appointment", "response", RESPONSES)
    check("appointment", "responded", "(response IS NULL) = (responded_at IS NULL)")


def check(table: str, name: str, condition: str) -> None:
    """Add a constraint for what comes; the next migration looks at what is there."""
    full = f"ck_{table}_{name}"
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {full} CHECK ({condition}) NOT VALID")


def add_tables() -> None:
    """Create the day's ledger and the patient's answers to appointments."""
    op.create_table(
        "reminder_day",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("pushes", sa.SmallInteger(), nullable=False),
        sa.Column("breaks", sa.SmallInteger(), nullable=False),
        sa.Column("led_by", sa.BigInteger(), nullable=True),
        sa.Column("led_round", sa.SmallInteger(), nullable=True),
        sa.Column("carries_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("pushes >= 0 AND breaks >= 0", name="counts"),
        sa.CheckConstraint(
            "(led_by IS NULL) = (carries_until IS NULL) AND (led_by IS NULL) = (led_round IS NULL)",
            name="led",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name="fk_reminder_day_clinic_id_patient_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "patient_id", "local_date", name="pk_reminder_day"),
    )
    op.create_table(
        "appointment_response",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("response", sa.String(16), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(RESPONSES, name="response"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "appointment_id"],
            ["appointment.clinic_id", "appointment.id"],
            name="fk_appointment_response_clinic_id_appointment_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_appointment_response"),
    )
    op.create_index(
        "ix_appointment_response_appointment",
        "appointment_response",
        ["clinic_id", "appointment_id"],
    )


def build_wall() -> None:
    """Put the new tables behind the wall, and give the loop what it needs of them."""
    for table in ("reminder_day", "appointment_response"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON reminder_day TO recovery_app")
    op.execute("GRANT SELECT, INSERT ON appointment_response TO recovery_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON reminder_day TO recovery_worker")
    op.execute(
        "GRANT UPDATE (sync_due_at, sync_attempts, opted_out_at) ON destination TO recovery_worker"
    )
    op.execute("GRANT SELECT (surgery_date, discharge_date) ON episode TO recovery_worker")
    op.execute("GRANT SELECT (plan_revision) ON patient TO recovery_worker")
    op.execute(
        "GRANT SELECT (clinic_id, id, patient_id, permission, scheduled_until, plan_revision,"
        " revoked_at) ON device TO recovery_worker"
    )
    for table in ("reminder_day", "device"):
        op.execute(
            f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
            " USING (true) WITH CHECK (true)"
        )

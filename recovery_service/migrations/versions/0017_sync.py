"""What a phone has not seen yet: the transaction of each change, and what is gone.

What a phone sent, and could not be stored, is kept as well, and by how much its clock is off.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
SYNCED = ("check_in", "advice", "advice_response", "alert", "appointment", "site")
ADDED = ("sync_operation", "rejected_report", "tombstone")
# Whatever a phone holds and could be deleted one day; whose it is, by a statement about OLD.
OF_EPISODE = "SELECT e.patient_id FROM episode e WHERE e.clinic_id = OLD.clinic_id AND e.id = "
BURIED = {
    "check_in": ("check_ins", f"({OF_EPISODE}OLD.episode_id)"),
    "advice": ("advice", f"({OF_EPISODE}OLD.episode_id)"),
    "appointment": ("appointments", "OLD.patient_id"),
}


def upgrade() -> None:
    """Add the columns without touching a row: one stable default stands for all there are."""
    for name in SYNCED:
        op.execute(
            f"ALTER TABLE {name} ADD COLUMN changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL"
        )
    op.add_column("device", sa.Column("clock_skew", sa.BigInteger(), nullable=True))
    op.add_column(
        "device", sa.Column("clock_compared_at", sa.DateTime(timezone=True), nullable=True)
    )
    _operations()
    _rejected_reports()
    _tombstones()
    _triggers()
    _wall()


def _key(*more: sa.schema.SchemaItem) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        *more,
    ]


def _within_clinic(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", column],
        [f"{target}.clinic_id", f"{target}.id"],
        name=f"fk_{table}_clinic_id_{column}",
    )


def _operations() -> None:
    op.create_table(
        "sync_operation",
        *_key(
            sa.Column("device_id", sa.Uuid(), nullable=True),
            sa.Column("type", sa.String(32), nullable=False),
            sa.Column("payload", postgresql.JSONB(), nullable=False),
            sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        ),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
        _within_clinic("sync_operation", "patient_id", "patient"),
        _within_clinic("sync_operation", "device_id", "device"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_sync_operation"),
    )
    op.create_index("ix_sync_operation_received", "sync_operation", ["received_at"])


def _rejected_reports() -> None:
    op.create_table(
        "rejected_report",
        *_key(
            sa.Column("episode_id", sa.Uuid(), nullable=False),
            sa.Column("device_id", sa.Uuid(), nullable=True),
            sa.Column("operation_id", sa.Uuid(), nullable=False),
            sa.Column("payload", postgresql.JSONB(), nullable=True),
            sa.Column("content_hash", sa.String(64), nullable=False),
            sa.Column("code", sa.String(64), nullable=False),
            sa.Column("errors", postgresql.JSONB(), nullable=False),
            sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("seen_by", sa.Uuid(), nullable=True),
        ),
        sa.CheckConstraint("jsonb_typeof(errors) = 'array'", name="errors"),
        sa.CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        sa.CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name="seen"),
        _within_clinic("rejected_report", "patient_id", "patient"),
        _within_clinic("rejected_report", "episode_id", "episode"),
        _within_clinic("rejected_report", "device_id", "device"),
        _within_clinic("rejected_report", "seen_by", "staff_member"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_rejected_report"),
    )
    op.create_index(
        "uq_rejected_report_content",
        "rejected_report",
        ["clinic_id", "patient_id", "operation_id", "content_hash"],
        unique=True,
    )
    op.create_index(
        "ix_rejected_report_episode", "rejected_report", ["clinic_id", "episode_id", "received_at"]
    )


def _tombstones() -> None:
    op.create_table(
        "tombstone",
        *_key(
            sa.Column("collection", sa.String(64), nullable=False),
            sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        ),
        _within_clinic("tombstone", "patient_id", "patient"),
        sa.PrimaryKeyConstraint("clinic_id", "id", "collection", name="pk_tombstone"),
    )
    op.execute(
        "ALTER TABLE tombstone ADD COLUMN changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL"
    )
    op.create_index("ix_tombstone_patient", "tombstone", ["clinic_id", "patient_id"])
    op.create_index("ix_tombstone_deleted", "tombstone", ["deleted_at"])


def _triggers() -> None:
    op.execute("""
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id();
    RETURN NEW;
END $$""")
    for name in SYNCED:
        op.execute(
            f"CREATE TRIGGER note_change BEFORE UPDATE ON {name}"
            " FOR EACH ROW EXECUTE FUNCTION note_change()"
        )
    for name, (collection, patient) in BURIED.items():
        # The patient may be gone before the row: then there is nobody to tell.
        op.execute(f"""
CREATE FUNCTION bury_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tombstone (clinic_id, collection, id, patient_id, deleted_at)
    SELECT OLD.clinic_id, '{collection}', OLD.id, p.id, now()
      FROM patient p
     WHERE p.clinic_id = OLD.clinic_id AND p.id = {patient}
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$""")
        op.execute(
            f"CREATE TRIGGER bury AFTER DELETE ON {name}"
            f" FOR EACH ROW EXECUTE FUNCTION bury_{name}()"
        )


def _wall() -> None:
    for name in ADDED:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {name} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(f"GRANT SELECT ON {name} TO recovery_backup")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO recovery_app")
    # The worker purges by age, and reads nothing of what it purges.
    for name, age in (("sync_operation", "received_at"), ("tombstone", "deleted_at")):
        op.execute(
            f"CREATE POLICY worker_loop ON {name} TO recovery_worker USING (true) WITH CHECK (true)"
        )
        op.execute(f"GRANT DELETE ON {name} TO recovery_worker")
        op.execute(f"GRANT SELECT ({age}) ON {name} TO recovery_worker")


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

"""A patient is told by a push that the care team has written."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"


def upgrade() -> None:
    """Create the table behind the wall; the loop sends by it and sees who has read how far."""
    op.create_table(
        "message_notice",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
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
        sa.CheckConstraint("number > 0", name="number"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_message_notice_clinic_id_episode_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "destination_id"],
            ["destination.clinic_id", "destination.id"],
            name="fk_message_notice_clinic_id_destination_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_message_notice"),
        sa.UniqueConstraint(
            "clinic_id",
            "episode_id",
            "number",
            "destination_id",
            name="uq_message_notice_clinic_id_episode_id_number_destination_id",
        ),
    )
    op.create_index(
        "ix_message_notice_wake",
        "message_notice",
        ["channel", "wake_at"],
        postgresql_where=sa.text("state IN ('ready', 'leased')"),
    )
    build_wall()


def build_wall() -> None:
    """Let a clinic see its own, and the loop all; of a thread only how far it was read."""
    op.execute("ALTER TABLE message_notice ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE message_notice FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY clinic_wall ON message_notice TO recovery_app USING ({CLINIC})"
        f" WITH CHECK ({CLINIC})"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON message_notice TO recovery_app")
    op.execute("GRANT SELECT ON message_notice TO recovery_backup")
    op.execute("GRANT SELECT, UPDATE ON message_notice TO recovery_worker")
    op.execute(
        "GRANT SELECT (clinic_id, episode_id, patient_read) ON message_thread TO recovery_worker"
    )
    for table in ("message_notice", "message_thread"):
        op.execute(
            f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
            " USING (true) WITH CHECK (true)"
        )


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

"""Phases that wait for a clinician, where a draft came from, and what templates are based on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"


def upgrade() -> None:
    """Add the tables and the column, then the wall."""
    op.execute("ALTER TABLE plan_revision ADD COLUMN restored_from integer")
    add_phase_decision()
    add_template_base()
    for table in ("phase_decision", "plan_template_base"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO recovery_app")
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def add_phase_decision() -> None:
    """Create the decisions on phases."""
    op.create_table(
        "phase_decision",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision IN ('accept', 'defer')", name="decision"),
        sa.CheckConstraint("decision = 'accept' OR reason IS NOT NULL", name="reason"),
        sa.CheckConstraint("char_length(reason) <= 2000", name="reason_length"),
        sa.CheckConstraint("jsonb_typeof(facts) = 'array'", name="facts"),
        sa.CheckConstraint("number > 0", name="number"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_phase_decision_clinic_id_episode_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "decided_by"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_phase_decision_clinic_id_decided_by",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_phase_decision"),
        sa.UniqueConstraint(
            "clinic_id",
            "episode_id",
            "number",
            name="uq_phase_decision_clinic_id_episode_id_number",
        ),
    )


def add_template_base() -> None:
    """Create what a version of a clinic's template was based on."""
    op.create_table(
        "plan_template_base",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.CheckConstraint("number > 0", name="number"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "version_id"],
            ["plan_template_version.clinic_id", "plan_template_version.id"],
            name="fk_plan_template_base_clinic_id_version_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_plan_template_base"),
        sa.UniqueConstraint(
            "clinic_id", "version_id", name="uq_plan_template_base_clinic_id_version_id"
        ),
    )

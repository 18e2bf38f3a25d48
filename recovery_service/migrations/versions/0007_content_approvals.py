"""The register of what clinicians approved; a clinic that has none gives out no new codes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
CHECKS = {
    "number": "number > 0",
    "version": "version > 0",
    "content_hash": "content_hash ~ '^[0-9a-f]{64}$'",
    "decision": "decision IN ('approve', 'withdraw')",
    "decided_as": "decided_as IN ('physiotherapist', 'surgeon')",
    "content": "(decision = 'approve') = (content IS NOT NULL)",
    "statement": "length(statement) <= 2000",
}


def upgrade() -> None:
    """Create the table behind the wall; its rows are added and read, and never changed."""
    op.create_table(
        "content_approval",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=True),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_as", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        *(sa.CheckConstraint(condition, name=name) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["clinic_id", "decided_by"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_content_approval_clinic_id_decided_by",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_content_approval"),
        sa.UniqueConstraint("clinic_id", "number", name="uq_content_approval_clinic_id_number"),
    )
    op.create_index(
        "ix_content_approval_piece",
        "content_approval",
        ["clinic_id", "kind", "code", "content_hash", "number"],
    )
    op.execute("ALTER TABLE content_approval ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE content_approval FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY clinic_wall ON content_approval TO recovery_app"
        f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
    )
    op.execute("GRANT SELECT ON content_approval TO recovery_backup")
    op.execute("GRANT SELECT, INSERT ON content_approval TO recovery_app")


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

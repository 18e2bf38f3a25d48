"""Requests that were answered, kept for their repeats."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
CHECKS = {
    "key_hash": "octet_length(key_hash) = 32",
    "request_hash": "octet_length(request_hash) = 32",
    "answer": "octet_length(answer) > 28",
    "expires_at": "expires_at > created_at",
}


def upgrade() -> None:
    """Create the table behind the wall; the worker takes rows away, and reads no answer."""
    op.create_table(
        "answered_request",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.CheckConstraint(condition, name=name) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_answered_request_clinic_id"),
        sa.PrimaryKeyConstraint("clinic_id", "actor_id", "key_hash", name="pk_answered_request"),
    )
    op.create_index("ix_answered_request_expires_at", "answered_request", ["expires_at"])
    op.execute("ALTER TABLE answered_request ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE answered_request FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY clinic_wall ON answered_request TO recovery_app"
        f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
    )
    op.execute(
        "CREATE POLICY worker_loop ON answered_request TO recovery_worker"
        " USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT ON answered_request TO recovery_backup")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON answered_request TO recovery_app")
    op.execute("GRANT DELETE ON answered_request TO recovery_worker")
    op.execute(
        "GRANT SELECT (clinic_id, actor_id, key_hash, expires_at) ON answered_request"
        " TO recovery_worker"
    )


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

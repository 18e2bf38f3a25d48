"""Questionnaires: a clinic's licensed versions, and what patients answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"


def upgrade() -> None:
    """Create the tables, then put them behind the wall; nothing that exists is touched."""
    add_questionnaires()
    add_responses()
    build_wall()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def add_questionnaires() -> None:
    """Create the table of imported versions."""
    op.create_table(
        "questionnaire",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("url", sa.String(255), nullable=True),
        sa.Column("version", sa.String(64), nullable=True),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("content", JSONB(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("jsonb_typeof(content) = 'object'", name="content"),
        sa.CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "created_by"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_questionnaire_clinic_id_created_by",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_questionnaire"),
        sa.UniqueConstraint(
            "clinic_id",
            "instrument",
            "content_hash",
            name="uq_questionnaire_clinic_id_instrument_content_hash",
        ),
    )
    op.create_index(
        "uq_questionnaire_active",
        "questionnaire",
        ["clinic_id", "instrument", "language"],
        unique=True,
        postgresql_where=sa.text("active"),
    )


def add_responses() -> None:
    """Create the table of what came back."""
    op.create_table(
        "questionnaire_response",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("questionnaire_id", sa.Uuid(), nullable=True),
        sa.Column("form_version", sa.String(64), nullable=True),
        sa.Column("time_point", sa.String(64), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("authored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answers", JSONB(), nullable=True),
        sa.Column("score", sa.Float(53), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("issues", JSONB(), nullable=False),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("entered_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("source IN ('app', 'staff')", name="source"),
        sa.CheckConstraint("(source = 'staff') = (entered_by IS NOT NULL)", name="entered_by"),
        sa.CheckConstraint(
            "answers IS NOT NULL OR (source = 'staff' AND score IS NOT NULL)", name="says"
        ),
        sa.CheckConstraint("jsonb_typeof(answers) = 'object'", name="answers"),
        sa.CheckConstraint("jsonb_typeof(issues) = 'array'", name="issues"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_questionnaire_response_clinic_id_episode_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "questionnaire_id"],
            ["questionnaire.clinic_id", "questionnaire.id"],
            name="fk_questionnaire_response_clinic_id_questionnaire_id",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "entered_by"],
            ["staff_member.clinic_id", "staff_member.id"],
            name="fk_questionnaire_response_clinic_id_entered_by",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_questionnaire_response"),
    )
    op.create_index(
        "ix_questionnaire_response_episode",
        "questionnaire_response",
        ["clinic_id", "episode_id", "instrument", "local_date"],
    )


def build_wall() -> None:
    """Put the tables behind the wall; the loop has no business here."""
    for table in ("questionnaire", "questionnaire_response"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON questionnaire TO recovery_app")
    op.execute("GRANT SELECT, INSERT ON questionnaire_response TO recovery_app")

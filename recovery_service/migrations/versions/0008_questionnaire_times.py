"""Questionnaires at their time points: which instruments a clinic asks for, and when of whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
# Who has the app is reminded there: an address that exists carries the new kind for others only.
MUTED = """
UPDATE destination d SET muted_kinds = array_append(d.muted_kinds, 'questionnaire')
  FROM patient p
 WHERE p.clinic_id = d.clinic_id AND p.id = d.patient_id AND p.contact_mode = 'app'
   AND d.channel IN ('email', 'sms') AND NOT 'questionnaire' = ANY (d.muted_kinds)
"""


def upgrade() -> None:
    """Add the setting and the table; nobody is asked for anything before a clinic says so."""
    op.add_column(
        "clinic",
        sa.Column("scheduled_instruments", JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )
    add_times()
    mute_addresses()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def add_times() -> None:
    """Create the table and put it behind the wall; the loop has no business here."""
    op.create_table(
        "questionnaire_time",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("time_point", sa.String(64), nullable=False),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("target_day", sa.Integer(), nullable=False),
        sa.Column("to_day", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("target_day > 0 AND to_day >= target_day", name="days"),
        sa.CheckConstraint("jsonb_typeof(title) = 'object'", name="title"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name="fk_questionnaire_time_clinic_id_episode_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_questionnaire_time"),
        sa.UniqueConstraint(
            "clinic_id",
            "episode_id",
            "instrument",
            "time_point",
            name="uq_questionnaire_time_point",
        ),
    )
    op.execute("ALTER TABLE questionnaire_time ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE questionnaire_time FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY clinic_wall ON questionnaire_time TO recovery_app"
        f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
    )
    op.execute("GRANT SELECT ON questionnaire_time TO recovery_backup")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON questionnaire_time TO recovery_app")


def mute_addresses() -> None:
    """Keep the new kind from addresses to which a patient did not ask for it."""
    for table in ("destination", "patient"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(MUTED)
    for table in ("destination", "patient"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")

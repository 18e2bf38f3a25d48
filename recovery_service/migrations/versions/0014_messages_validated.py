"""What 0013 added to tables with rows holds for old rows too.

Apart from 0013, so that nobody is held up while the rows are looked at.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CONSTRAINTS = (
    ("advice", "fk_advice_clinic_id_message_id"),
    ("alert_event", "fk_alert_event_clinic_id_message_id"),
    ("advice", "ck_advice_answers"),
    ("directory", "ck_directory_kind"),
)


def upgrade() -> None:
    """Validate, then build the index beside the work that goes on."""
    for table, name in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS uq_advice_message"
            " ON advice (clinic_id, message_id, rule_id) WHERE message_id IS NOT NULL"
        )


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

"""Constraints hold for old notices too, and days of check-ins are found by their instant.

Apart from 0009, so that nobody is held up. What is received comes in order, so a BRIN index
finds a day of nine million check-ins, is a few pages large, and costs a check-in nothing.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Validate, then build the indexes beside the work that goes on."""
    op.execute("ALTER TABLE staff_notice VALIDATE CONSTRAINT fk_staff_notice_clinic_id_device_id")
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS uq_staff_notice_once ON staff_notice"
            " (clinic_id, alert_id, staff_id, cause, created_at, device_id) NULLS NOT DISTINCT"
        )
        op.execute(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_check_in_received"
            " ON check_in USING brin (received_at)"
        )
        op.execute(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_alert_event_at"
            " ON alert_event USING brin (at)"
        )
    # The index with the device stands in its place.
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE staff_notice DROP CONSTRAINT IF EXISTS"
        " uq_staff_notice_clinic_id_alert_id_staff_id_cause_created_at"
    )


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

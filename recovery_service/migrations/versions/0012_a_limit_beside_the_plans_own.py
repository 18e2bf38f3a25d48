"""A limit that a clinician added may begin on the day of the plan's own of the same code.

The new index is built beside the old one, without a lock, and the old one goes at the end: a
migration that does so is no transaction.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OLD = "uq_plan_restriction_clinic_id_revision_id_code_from_day"
NEW = "uq_plan_restriction_line"


def upgrade() -> None:
    """Build the index, and let it stand for the constraint."""
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NEW}")
        op.execute(
            f"CREATE UNIQUE INDEX CONCURRENTLY {NEW} ON plan_restriction"
            " (clinic_id, revision_id, code, from_day, lineage_id) NULLS NOT DISTINCT"
        )
        op.execute("SET lock_timeout = '5s'")
        op.execute(
            "-- squawk-ignore ban-drop-constraint\n"  # the wider one stands in its place
            f"ALTER TABLE plan_restriction DROP CONSTRAINT {OLD},"
            f" ADD CONSTRAINT {NEW} UNIQUE USING INDEX {NEW}"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

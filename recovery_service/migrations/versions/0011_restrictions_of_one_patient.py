"""Which template a revision holds, and restrictions that a clinician added for one patient.

All columns may be empty: a revision from before says nothing of its template, and a limit
from a template was added by nobody. So no row is rewritten and no lock is held for long.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = {
    "plan_revision": (
        "template_code varchar(64)",
        "template_version integer",
        "template_hash varchar(64)",
    ),
    "plan_restriction": (
        "lineage_id uuid",
        "reason text",
        "added_by uuid",
        "added_at timestamptz",
        "held_items jsonb",
        "worn_item uuid",
    ),
}


def upgrade() -> None:
    """Add the columns."""
    for table, columns in COLUMNS.items():
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ADD COLUMN {one}" for one in columns))


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

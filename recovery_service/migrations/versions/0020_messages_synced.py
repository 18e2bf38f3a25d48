"""Messages are kept by phones: the transaction of each change, and what is gone."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Of staff, phones hold the name only: signing in is no change to them.
CHANGES = {
    "message": "",
    "message_withdrawal": "",
    "staff_member": " WHEN (OLD.name IS DISTINCT FROM NEW.name)",
}


def upgrade() -> None:
    """Add the columns without touching a row: one stable default stands for all there are."""
    for name, condition in CHANGES.items():
        op.execute(
            f"ALTER TABLE {name} ADD COLUMN changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL"
        )
        op.execute(
            f"CREATE TRIGGER note_change BEFORE UPDATE ON {name}"
            f" FOR EACH ROW{condition} EXECUTE FUNCTION note_change()"
        )
    # The patient may be gone before the row: then there is nobody to tell.
    op.execute("""
CREATE FUNCTION bury_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tombstone (clinic_id, collection, id, patient_id, deleted_at)
    SELECT OLD.clinic_id, 'messages', OLD.id, e.patient_id, now()
      FROM episode e
     WHERE e.clinic_id = OLD.clinic_id AND e.id = OLD.episode_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$""")
    op.execute(
        "CREATE TRIGGER bury AFTER DELETE ON message FOR EACH ROW EXECUTE FUNCTION bury_message()"
    )


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

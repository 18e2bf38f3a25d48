"""Messages between patient and care team, and the secret addresses of calendars.

What is added to tables with rows is validated, and indexed, by the next migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
GRANTS = {
    "message_thread": "SELECT, INSERT, UPDATE, DELETE",
    "message": "SELECT, INSERT",
    "message_withdrawal": "SELECT, INSERT",
    "calendar_feed": "SELECT, INSERT, UPDATE, DELETE",
}


def upgrade() -> None:
    """Add the tables behind the wall, then what alerts and the directory know of them."""
    add_threads()
    add_messages()
    add_feeds()
    for table, grants in GRANTS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(f"GRANT {grants} ON {table} TO recovery_app")
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")
    widen()


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", column],
        [f"{target}.clinic_id", f"{target}.id"],
        name=f"fk_{table}_clinic_id_{column}",
    )


def _instant(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in ("clinic_id", "id", *names)]


def _number(name: str) -> sa.Column[sa.Integer]:
    return sa.Column(name, sa.Integer(), nullable=False)


def add_threads() -> None:
    """Create the thread of an episode."""
    op.create_table(
        "message_thread",
        *_ids("episode_id", "patient_id"),
        _number("last_number"),
        _instant("last_at"),
        _number("patient_last"),
        _number("patient_read"),
        _instant("patient_read_at", nullable=True),
        _number("staff_last"),
        _number("staff_read"),
        _instant("staff_read_at", nullable=True),
        sa.CheckConstraint(
            "last_number >= 0 AND patient_last BETWEEN 0 AND last_number "
            "AND staff_last BETWEEN 0 AND last_number",
            name="numbers",
        ),
        sa.CheckConstraint(
            "patient_read BETWEEN 0 AND last_number AND staff_read BETWEEN 0 AND last_number",
            name="read",
        ),
        _key("message_thread", "episode_id", "episode"),
        _key("message_thread", "patient_id", "patient"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_message_thread"),
        sa.UniqueConstraint(
            "clinic_id", "episode_id", name="uq_message_thread_clinic_id_episode_id"
        ),
    )
    op.create_index("ix_message_thread_patient", "message_thread", ["clinic_id", "patient_id"])
    op.create_index(
        "ix_message_thread_latest", "message_thread", ["clinic_id", "last_at", "episode_id"]
    )


def add_messages() -> None:
    """Create the messages, and what says of one that it was entered in error."""
    op.create_table(
        "message",
        *_ids("episode_id"),
        _number("number"),
        sa.Column("sender", sa.String(8), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sounds", sa.String(8), nullable=True),
        _instant("written_at"),
        _instant("received_at"),
        sa.CheckConstraint("number > 0", name="number"),
        sa.CheckConstraint("sender IN ('patient', 'staff')", name="sender"),
        sa.CheckConstraint("(sender = 'staff') = (staff_id IS NOT NULL)", name="written_by"),
        sa.CheckConstraint("length(text) BETWEEN 1 AND 4000", name="text"),
        sa.CheckConstraint("sounds IN ('urgent', 'crisis')", name="sounds"),
        _key("message", "episode_id", "episode"),
        _key("message", "staff_id", "staff_member"),
        _key("message", "device_id", "device"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_message"),
        sa.UniqueConstraint(
            "clinic_id", "episode_id", "number", name="uq_message_clinic_id_episode_id_number"
        ),
    )
    op.create_table(
        "message_withdrawal",
        *_ids("message_id", "staff_id"),
        _instant("at"),
        _key("message_withdrawal", "message_id", "message"),
        _key("message_withdrawal", "staff_id", "staff_member"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_message_withdrawal"),
        sa.UniqueConstraint(
            "clinic_id", "message_id", name="uq_message_withdrawal_clinic_id_message_id"
        ),
    )


def add_feeds() -> None:
    """Create the addresses of calendars."""
    op.create_table(
        "calendar_feed",
        *_ids("patient_id"),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("detail", sa.Boolean(), nullable=False),
        _instant("revoked_at", nullable=True),
        _instant("created_at"),
        sa.CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
        _key("calendar_feed", "patient_id", "patient"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_calendar_feed"),
    )
    op.create_index(
        "uq_calendar_feed_patient",
        "calendar_feed",
        ["clinic_id", "patient_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(
        "uq_calendar_feed_secret", "calendar_feed", ["clinic_id", "secret_hash"], unique=True
    )


def widen() -> None:
    """Let alerts and advice come of a message, and the directory know calendars."""
    op.execute(
        "-- squawk-ignore ban-drop-not-null\nALTER TABLE advice ALTER COLUMN check_in_id DROP NOT NULL"
    )
    for table in ("advice", "alert_event"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN message_id uuid")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_clinic_id_message_id"
            " FOREIGN KEY (clinic_id, message_id) REFERENCES message (clinic_id, id) NOT VALID"
        )
    op.execute(
        "ALTER TABLE advice ADD CONSTRAINT ck_advice_answers"
        " CHECK (num_nonnulls(check_in_id, message_id) = 1) NOT VALID"
    )
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE directory DROP CONSTRAINT ck_directory_kind"
    )
    op.execute(
        "ALTER TABLE directory ADD CONSTRAINT ck_directory_kind"
        " CHECK (kind IN ('staff_email', 'enrolment_code', 'calendar_feed')) NOT VALID"
    )

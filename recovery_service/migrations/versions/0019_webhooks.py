"""Webhooks: endpoints of integrators, and an outbox that triggers write into.

A trigger writes in the transaction of what happened, so that nothing that was acknowledged is
lost and nothing that was rolled back is told; no statement of the service had to change. Its
WHEN is looked at before the function is called, and where nobody has subscribed the function
reads one small table and writes nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
ACTIVE = sa.text("state IN ('ready', 'leased')")
OF_SCHEDULE = (
    "(SELECT s.episode_id FROM schedule s WHERE s.clinic_id = NEW.clinic_id"
    " AND s.id = NEW.lineage_id)"
)
OF_PLAN = (
    "(SELECT p.episode_id FROM recovery_plan p WHERE p.clinic_id = NEW.clinic_id"
    " AND p.id = NEW.plan_id)"
)
# By table: the column that says when it happened, and what identifies the object.
SOURCES = {
    "check_in": ("received_at", "'id', NEW.id, 'episode_id', NEW.episode_id"),
    "alert_event": ("at", "'id', NEW.alert_id"),
    "occurrence": (
        "closed_at",
        f"'lineage_id', NEW.lineage_id, 'occ_key', NEW.occ_key, 'episode_id', {OF_SCHEDULE}",
    ),
    "episode": (
        "updated_at",
        "'id', NEW.id, 'patient_id', NEW.patient_id, 'version', NEW.version",
    ),
    "plan_revision": ("published_at", f"'number', NEW.number, 'episode_id', {OF_PLAN}"),
    "appointment": (
        "updated_at",
        "'id', NEW.id, 'episode_id', NEW.episode_id, 'version', NEW.version",
    ),
    "message": ("received_at", "'id', NEW.id, 'episode_id', NEW.episode_id"),
    "patient": ("created_at", "'id', NEW.id, 'version', NEW.version"),
}
INSERTED, CHANGED = "INSERT", "UPDATE OF state"
NOW_LIVE = "NEW.state = 'live'"
TOLD: tuple[tuple[str, str, str, str | None], ...] = (
    ("check_in.recorded", "check_in", INSERTED, None),
    *(
        (f"alert.{kind}", "alert_event", INSERTED, f"NEW.kind = '{kind}'")
        for kind in ("raised", "worsened", "acknowledged", "resolved", "reopened")
    ),
    ("occurrence.missed", "occurrence", INSERTED, "NEW.state = 'missed'"),
    (
        "occurrence.missed",
        "occurrence",
        CHANGED,
        "NEW.state = 'missed' AND OLD.state <> 'missed'",
    ),
    ("episode.opened", "episode", INSERTED, None),
    ("episode.held", "episode", CHANGED, "NEW.state = 'on_hold' AND OLD.state <> 'on_hold'"),
    ("episode.released", "episode", CHANGED, "NEW.state = 'open' AND OLD.state = 'on_hold'"),
    ("episode.ended", "episode", CHANGED, "NEW.state = 'ended' AND OLD.state <> 'ended'"),
    ("plan.published", "plan_revision", INSERTED, NOW_LIVE),
    ("plan.published", "plan_revision", CHANGED, f"{NOW_LIVE} AND OLD.state <> 'live'"),
    ("appointment.changed", "appointment", INSERTED, None),
    ("appointment.changed", "appointment", "UPDATE OF version", "NEW.version <> OLD.version"),
    ("message.received", "message", INSERTED, "NEW.sender = 'patient'"),
    ("patient.registered", "patient", INSERTED, None),
)


def upgrade() -> None:
    """Create the tables behind the wall, then the triggers that write into them."""
    _endpoints()
    _deliveries()
    _wall()
    for table, (at, data) in SOURCES.items():
        op.execute(_teller(table, at, data))
    for event, table, when, condition in TOLD:
        name = f"webhook_{event.replace('.', '_')}_{when.split()[0].lower()}"
        wanted = f" WHEN ({condition})" if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW{wanted}"
            f" EXECUTE FUNCTION tell_of_{table}('{event}')"
        )


def _instant(name: str, *, nullable: bool = True) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(2048), nullable=True),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.String(32)), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_sealed", sa.LargeBinary(), nullable=True),
        _instant("previous_until"),
        _instant("failing_since"),
        _instant("disabled_at"),
        sa.Column("disabled_reason", sa.String(16), nullable=True),
        _instant("deleted_at"),
        _instant("created_at", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _instant("updated_at", nullable=False),
        sa.CheckConstraint("cardinality(events) > 0", name="events"),
        sa.CheckConstraint(
            "(deleted_at IS NULL) = (url IS NOT NULL AND sealed IS NOT NULL)", name="deleted"
        ),
        sa.CheckConstraint("(previous_sealed IS NULL) = (previous_until IS NULL)", name="previous"),
        sa.CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        sa.CheckConstraint(
            "disabled_reason IN ('by_staff', 'failing', 'gone')", name="disabled_reason"
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_webhook_endpoint_clinic_id"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_webhook_endpoint"),
    )


def _deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        _instant("wake_at", nullable=False),
        _instant("tried_from", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        _instant("settled_at"),
        _instant("created_at", nullable=False),
        sa.CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
        sa.CheckConstraint("state IN ('ready', 'leased', 'sent', 'dropped', 'dead')", name="state"),
        sa.CheckConstraint("(state IN ('ready', 'leased')) = (settled_at IS NULL)", name="settled"),
        sa.CheckConstraint("attempts >= 0", name="attempts"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "endpoint_id"],
            ["webhook_endpoint.clinic_id", "webhook_endpoint.id"],
            name="fk_webhook_delivery_clinic_id_endpoint_id",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_webhook_delivery"),
    )
    index, table = op.create_index, "webhook_delivery"
    index(f"ix_{table}_endpoint", table, ["clinic_id", "endpoint_id", "created_at", "id"])
    index(f"ix_{table}_wake", table, ["wake_at"], postgresql_where=ACTIVE)
    settled = sa.text("settled_at IS NOT NULL")
    index(f"ix_{table}_settled", table, ["settled_at"], postgresql_where=settled)


def _wall() -> None:
    for table in ("webhook_endpoint", "webhook_delivery"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
        op.execute(
            f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
            " USING (true) WITH CHECK (true)"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO recovery_app")
        op.execute(f"GRANT SELECT ON {table} TO recovery_backup")
    op.execute("GRANT SELECT ON webhook_endpoint TO recovery_worker")
    op.execute(
        "GRANT UPDATE (failing_since, disabled_at, disabled_reason, version, updated_at)"
        " ON webhook_endpoint TO recovery_worker"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_delivery TO recovery_worker")


def _teller(table: str, at: str, data: str) -> str:
    """Return the function that writes down, for each subscriber, that something happened.

    It runs with the rights, and behind the wall, of whoever did it.
    """
    return f"""
CREATE FUNCTION tell_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_delivery (clinic_id, id, endpoint_id, type, data, state, wake_at,
                                  tried_from, attempts, created_at)
    SELECT NEW.clinic_id, gen_random_uuid(), e.id, TG_ARGV[0], jsonb_build_object({data}),
           'ready', NEW.{at}, NEW.{at}, 0, NEW.{at}
      FROM webhook_endpoint e
     WHERE e.clinic_id = NEW.clinic_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL
       AND TG_ARGV[0] = ANY (e.events);
    RETURN NULL;
END $$"""


def downgrade() -> None:
    """Migrations run forward."""
    raise NotImplementedError("migrations run forward; restore a backup instead")

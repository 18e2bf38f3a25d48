"""first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    require_roles()
    op.create_table(
        "attempt_bucket",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("attempts > 0", name=op.f("ck_attempt_bucket_attempts")),
        sa.CheckConstraint("octet_length(key_hash) = 32", name=op.f("ck_attempt_bucket_key_hash")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_attempt_bucket")),
    )
    op.create_index("ix_attempt_bucket_ends", "attempt_bucket", ["ends_at"], unique=False)
    op.create_table(
        "clinic",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("reminder_defaults", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_clinic_name")),
        sa.CheckConstraint(
            "kind IN ('production', 'demo', 'sandbox')", name=op.f("ck_clinic_kind")
        ),
        sa.CheckConstraint(
            "visibility IN ('clinic', 'care_team')", name=op.f("ck_clinic_visibility")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic")),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(length=100), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_heartbeat")),
    )
    op.create_index("ix_worker_heartbeat_beat", "worker_heartbeat", ["beat_at"], unique=False)
    op.create_table(
        "audit_event",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=80), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "actor_kind IN ('staff', 'patient', 'system')", name=op.f("ck_audit_event_actor_kind")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinic.id"], name=op.f("fk_audit_event_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_audit_event")),
    )
    op.create_index(
        "ix_audit_event_actor", "audit_event", ["clinic_id", "actor_id", "id"], unique=False
    )
    op.create_index(
        "ix_audit_event_patient",
        "audit_event",
        ["clinic_id", "patient_id", "id"],
        unique=False,
        postgresql_where=sa.text("patient_id IS NOT NULL"),
    )
    op.create_table(
        "directory",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('staff_email', 'enrolment_code')", name=op.f("ck_directory_kind")
        ),
        sa.CheckConstraint("octet_length(key_hash) = 32", name=op.f("ck_directory_key_hash")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_directory_clinic_id")),
        sa.PrimaryKeyConstraint("kind", "key_hash", "clinic_id", name=op.f("pk_directory")),
    )
    op.create_table(
        "patient",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("date_of_birth", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("contact_mode", sa.String(length=8), nullable=False),
        sa.Column("preferences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_patient_name")),
        sa.CheckConstraint(
            "contact_mode IN ('app', 'phone', 'none')", name=op.f("ck_patient_contact_mode")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(preferences) = 'object'", name=op.f("ck_patient_preferences")
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_patient_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_patient")),
    )
    op.create_index("ix_patient_newest", "patient", ["clinic_id", "created_at"], unique=False)
    op.create_table(
        "plan_template",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("based_on", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinic.id"], name=op.f("fk_plan_template_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_plan_template")),
        sa.UniqueConstraint("clinic_id", "code", name=op.f("uq_plan_template_clinic_id_code")),
    )
    op.create_table(
        "schedule_rule",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("length(hash) = 64", name=op.f("ck_schedule_rule_hash")),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinic.id"], name=op.f("fk_schedule_rule_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "hash", name=op.f("pk_schedule_rule")),
    )
    op.create_table(
        "site",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("opening_hours", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("phones", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_site_name")),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_site_country")),
        sa.CheckConstraint(
            "jsonb_typeof(opening_hours) = 'object'", name=op.f("ck_site_opening_hours")
        ),
        sa.CheckConstraint("jsonb_typeof(phones) = 'object'", name=op.f("ck_site_phones")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_site_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_site")),
    )
    op.create_index(
        "uq_site_default",
        "site",
        ["clinic_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "staff_member",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("totp_seed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cardinality(roles) > 0 AND roles <@ ARRAY['physiotherapist', 'surgeon', 'coordinator', 'admin']::varchar[]",
            name=op.f("ck_staff_member_roles"),
        ),
        sa.CheckConstraint(
            "email = lower(email) AND email ~ '.@.'", name=op.f("ck_staff_member_email")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinic.id"], name=op.f("fk_staff_member_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_staff_member")),
        sa.UniqueConstraint("clinic_id", "email", name=op.f("uq_staff_member_clinic_id_email")),
    )
    op.create_table(
        "care_team_member",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.CheckConstraint("to_date >= from_date", name=op.f("ck_care_team_member_dates")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_care_team_member_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name=op.f("fk_care_team_member_clinic_id_staff_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_care_team_member")),
        sa.UniqueConstraint(
            "clinic_id",
            "patient_id",
            "staff_id",
            "from_date",
            name=op.f("uq_care_team_member_clinic_id_patient_id_staff_id_from_date"),
        ),
    )
    op.create_index(
        "ix_care_team_member_staff", "care_team_member", ["clinic_id", "staff_id"], unique=False
    )
    op.create_table(
        "device",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("permission", sa.String(length=8), nullable=False),
        sa.Column("scheduled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan_revision", sa.Integer(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("app_version", sa.String(length=32), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "permission IN ('granted', 'denied', 'unknown')", name=op.f("ck_device_permission")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_device_clinic_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_device")),
    )
    op.create_index("ix_device_patient", "device", ["clinic_id", "patient_id"], unique=False)
    op.create_table(
        "episode",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("procedure", sa.String(length=64), nullable=False),
        sa.Column("levels", sa.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=True),
        sa.Column("diagnosis", sa.Text(), nullable=True),
        sa.Column("surgery_date", sa.Date(), nullable=True),
        sa.Column("surgery_date_assumed", sa.Boolean(), nullable=False),
        sa.Column("discharge_date", sa.Date(), nullable=False),
        sa.Column("baseline", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pre_existing_deficit", sa.Text(), nullable=True),
        sa.Column("plan_template", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_from", sa.Date(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'ended') = (end_reason IS NOT NULL AND ended_on IS NOT NULL)",
            name=op.f("ck_episode_ended"),
        ),
        sa.CheckConstraint(
            "end_reason IN ('completed', 'transferred', 'withdrew', 'deceased', 'entered_in_error', 'superseded')",
            name=op.f("ck_episode_end_reason"),
        ),
        sa.CheckConstraint("side IN ('left', 'right', 'both')", name=op.f("ck_episode_side")),
        sa.CheckConstraint(
            "state <> 'on_hold' OR held_at IS NOT NULL", name=op.f("ck_episode_held")
        ),
        sa.CheckConstraint("state IN ('open', 'on_hold', 'ended')", name=op.f("ck_episode_state")),
        sa.CheckConstraint(
            "NOT surgery_date_assumed OR surgery_date IS NOT NULL",
            name=op.f("ck_episode_assumed_date"),
        ),
        sa.CheckConstraint(
            "discharge_date >= surgery_date", name=op.f("ck_episode_discharge_after_surgery")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_episode_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "site_id"],
            ["site.clinic_id", "site.id"],
            name=op.f("fk_episode_clinic_id_site_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_episode")),
    )
    op.create_index(
        "ix_episode_patient", "episode", ["clinic_id", "patient_id", "discharge_date"], unique=False
    )
    op.create_index(
        "uq_episode_current",
        "episode",
        ["clinic_id", "patient_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "patient_external_id",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "btrim(system) <> '' AND btrim(value) <> ''",
            name=op.f("ck_patient_external_id_not_blank"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_patient_external_id_clinic_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint(
            "clinic_id", "system", "value", name=op.f("pk_patient_external_id")
        ),
    )
    op.create_index(
        "ix_patient_external_id_patient",
        "patient_external_id",
        ["clinic_id", "patient_id"],
        unique=False,
    )
    op.create_table(
        "plan_template_version",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status = 'draft_pending_clinician_signoff'",
            name=op.f("ck_plan_template_version_status"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_plan_template_version_number")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "template_id"],
            ["plan_template.clinic_id", "plan_template.id"],
            name=op.f("fk_plan_template_version_clinic_id_template_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_plan_template_version")),
        sa.UniqueConstraint(
            "clinic_id",
            "template_id",
            "number",
            name=op.f("uq_plan_template_version_clinic_id_template_id_number"),
        ),
    )
    op.create_table(
        "site_holiday",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "site_id"],
            ["site.clinic_id", "site.id"],
            name=op.f("fk_site_holiday_clinic_id_site_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "site_id", "day", name=op.f("pk_site_holiday")),
    )
    op.create_table(
        "staff_session",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_staff_session_token_hash")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name=op.f("fk_staff_session_clinic_id_staff_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "token_hash", name=op.f("pk_staff_session")),
    )
    op.create_index(
        "ix_staff_session_staff", "staff_session", ["clinic_id", "staff_id"], unique=False
    )
    op.create_table(
        "appointment",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("from_template", sa.Boolean(), nullable=False),
        sa.Column("title", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target_day", sa.Integer(), nullable=True),
        sa.Column("from_day", sa.Integer(), nullable=True),
        sa.Column("to_day", sa.Integer(), nullable=True),
        sa.Column("window_from", sa.Date(), nullable=True),
        sa.Column("window_to", sa.Date(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("preparation", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "mode IN ('in_person', 'phone', 'video')", name=op.f("ck_appointment_mode")
        ),
        sa.CheckConstraint(
            "state IN ('to_book', 'booked', 'attended', 'missed', 'cancelled', 'outcome_unknown')",
            name=op.f("ck_appointment_state"),
        ),
        sa.CheckConstraint(
            "state IN ('to_book', 'cancelled') OR starts_at IS NOT NULL",
            name=op.f("ck_appointment_starts_at"),
        ),
        sa.CheckConstraint("minutes BETWEEN 5 AND 480", name=op.f("ck_appointment_minutes")),
        sa.CheckConstraint("window_to >= window_from", name=op.f("ck_appointment_window")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name=op.f("fk_appointment_clinic_id_episode_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_appointment_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "site_id"],
            ["site.clinic_id", "site.id"],
            name=op.f("fk_appointment_clinic_id_site_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_appointment")),
    )
    op.create_index(
        "ix_appointment_patient",
        "appointment",
        ["clinic_id", "patient_id", "starts_at"],
        unique=False,
    )
    op.create_index(
        "uq_appointment_template",
        "appointment",
        ["clinic_id", "episode_id", "kind"],
        unique=True,
        postgresql_where=sa.text("from_template"),
    )
    op.create_table(
        "check_in",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("form_version", sa.String(length=32), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("issues", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("reported_by", sa.String(length=100), nullable=True),
        sa.Column("entered_by", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("jsonb_typeof(answers) = 'object'", name=op.f("ck_check_in_answers")),
        sa.CheckConstraint("jsonb_typeof(issues) = 'array'", name=op.f("ck_check_in_issues")),
        sa.CheckConstraint(
            "source <> 'staff_phone' OR entered_by IS NOT NULL", name=op.f("ck_check_in_entered_by")
        ),
        sa.CheckConstraint(
            "source IN ('app', 'staff_phone', 'sms', 'caregiver')", name=op.f("ck_check_in_source")
        ),
        sa.CheckConstraint("note IS NULL OR length(note) <= 2000", name=op.f("ck_check_in_note")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "device_id"],
            ["device.clinic_id", "device.id"],
            name=op.f("fk_check_in_clinic_id_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "entered_by"],
            ["staff_member.clinic_id", "staff_member.id"],
            name=op.f("fk_check_in_clinic_id_entered_by"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name=op.f("fk_check_in_clinic_id_episode_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_check_in")),
    )
    op.create_index(
        "ix_check_in_episode",
        "check_in",
        ["clinic_id", "episode_id", "local_date", "recorded_at"],
        unique=False,
    )
    op.create_table(
        "consent",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("document_version", sa.String(length=32), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "device_id"],
            ["device.clinic_id", "device.id"],
            name=op.f("fk_consent_clinic_id_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_consent_clinic_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "clinic_id",
            "patient_id",
            "device_id",
            "document",
            "document_version",
            name=op.f("uq_consent_clinic_id_patient_id_device_id_document_document_version"),
        ),
    )
    op.create_table(
        "destination",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("subscription", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("muted_kinds", sa.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_reason", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "CASE WHEN channel IN ('webpush', 'fcm', 'apns') THEN device_id IS NOT NULL AND subscription IS NOT NULL WHEN channel = 'inbox' THEN address IS NULL AND subscription IS NULL ELSE address IS NOT NULL END",
            name=op.f("ck_destination_reachable"),
        ),
        sa.CheckConstraint(
            "channel IN ('webpush', 'fcm', 'apns', 'email', 'sms', 'webhook', 'inbox')",
            name=op.f("ck_destination_channel"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "device_id"],
            ["device.clinic_id", "device.id"],
            name=op.f("fk_destination_clinic_id_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_destination_clinic_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_destination")),
    )
    op.create_index(
        "ix_destination_patient", "destination", ["clinic_id", "patient_id"], unique=False
    )
    op.create_index(
        "uq_destination_address",
        "destination",
        ["clinic_id", "patient_id", "channel", sa.literal_column("coalesce(address, '')")],
        unique=True,
        postgresql_where=sa.text("device_id IS NULL AND retired_at IS NULL"),
    )
    op.create_index(
        "uq_destination_device",
        "destination",
        ["clinic_id", "device_id"],
        unique=True,
        postgresql_where=sa.text("device_id IS NOT NULL AND retired_at IS NULL"),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_tries", sa.SmallInteger(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "failed_tries BETWEEN 0 AND 5", name=op.f("ck_enrolment_code_failed_tries")
        ),
        sa.CheckConstraint(
            "octet_length(code_hash) = 32", name=op.f("ck_enrolment_code_code_hash")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name=op.f("fk_enrolment_code_clinic_id_episode_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_enrolment_code_clinic_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_enrolment_code")),
    )
    op.create_index(
        "ix_enrolment_code_patient", "enrolment_code", ["clinic_id", "patient_id"], unique=False
    )
    op.create_index(
        "uq_enrolment_code_hash", "enrolment_code", ["clinic_id", "code_hash"], unique=True
    )
    op.create_table(
        "recovery_plan",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("template_code", sa.String(length=64), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("template_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name=op.f("fk_recovery_plan_clinic_id_episode_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_recovery_plan")),
        sa.UniqueConstraint(
            "clinic_id", "episode_id", name=op.f("uq_recovery_plan_clinic_id_episode_id")
        ),
    )
    op.create_table(
        "schedule",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("remind_via", sa.String(length=8), nullable=False),
        sa.Column("rule_hash", sa.String(length=64), nullable=False),
        sa.Column("anchor_date", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_date", sa.Date(), nullable=True),
        sa.Column("next_minute", sa.SmallInteger(), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "remind_via IN ('push', 'device', 'none')", name=op.f("ck_schedule_remind_via")
        ),
        sa.CheckConstraint(
            "(next_date IS NULL) = (next_minute IS NULL)", name=op.f("ck_schedule_next")
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_schedule_failures")),
        sa.CheckConstraint(
            "next_due_at IS NULL OR next_date IS NOT NULL", name=op.f("ck_schedule_due")
        ),
        sa.CheckConstraint("next_minute BETWEEN 0 AND 1439", name=op.f("ck_schedule_minute")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "episode_id"],
            ["episode.clinic_id", "episode.id"],
            name=op.f("fk_schedule_clinic_id_episode_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_schedule_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "rule_hash"],
            ["schedule_rule.clinic_id", "schedule_rule.hash"],
            name=op.f("fk_schedule_clinic_id_rule_hash"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_schedule")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_schedule_due",
        "schedule",
        ["next_due_at"],
        unique=False,
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index("ix_schedule_patient", "schedule", ["clinic_id", "patient_id"], unique=False)
    op.create_table(
        "token_family",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "revoke_reason IN ('session_expired', 'access_ended')",
            name=op.f("ck_token_family_revoke_reason"),
        ),
        sa.CheckConstraint(
            "(patient_id IS NULL) <> (staff_id IS NULL)", name=op.f("ck_token_family_one_holder")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "device_id"],
            ["device.clinic_id", "device.id"],
            name=op.f("fk_token_family_clinic_id_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_token_family_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "staff_id"],
            ["staff_member.clinic_id", "staff_member.id"],
            name=op.f("fk_token_family_clinic_id_staff_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_token_family")),
    )
    op.create_index(
        "ix_token_family_patient", "token_family", ["clinic_id", "patient_id"], unique=False
    )
    op.create_index(
        "ix_token_family_staff", "token_family", ["clinic_id", "staff_id"], unique=False
    )
    op.create_table(
        "access_token",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_access_token_token_hash")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "family_id"],
            ["token_family.clinic_id", "token_family.id"],
            name=op.f("fk_access_token_clinic_id_family_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "token_hash", name=op.f("pk_access_token")),
    )
    op.create_index(
        "ix_access_token_family", "access_token", ["clinic_id", "family_id"], unique=False
    )
    op.create_table(
        "occurrence",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("lineage_id", sa.Uuid(), nullable=False),
        sa.Column("occ_key", sa.String(length=48), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('due', 'snoozed')) = (closed_at IS NULL)", name=op.f("ck_occurrence_closed")
        ),
        sa.CheckConstraint(
            "state IN ('due', 'snoozed', 'done', 'skipped', 'missed', 'cancelled')",
            name=op.f("ck_occurrence_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('skipped', 'missed', 'cancelled') OR reason IS NOT NULL",
            name=op.f("ck_occurrence_reason"),
        ),
        sa.CheckConstraint("expires_at >= due_at", name=op.f("ck_occurrence_expires")),
        sa.CheckConstraint("round >= 0", name=op.f("ck_occurrence_round")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lineage_id"],
            ["schedule.clinic_id", "schedule.id"],
            name=op.f("fk_occurrence_clinic_id_lineage_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_occurrence")),
        sa.UniqueConstraint(
            "clinic_id",
            "lineage_id",
            "occ_key",
            name=op.f("uq_occurrence_clinic_id_lineage_id_occ_key"),
        ),
    )
    op.create_index(
        "ix_occurrence_open",
        "occurrence",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('due', 'snoozed')"),
    )
    op.create_table(
        "plan_revision",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phases", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'draft') = (published_at IS NULL) AND (published_at IS NULL) = (effective_from IS NULL)",
            name=op.f("ck_plan_revision_published"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'live', 'superseded')", name=op.f("ck_plan_revision_state")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_plan_revision_number")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "plan_id"],
            ["recovery_plan.clinic_id", "recovery_plan.id"],
            name=op.f("fk_plan_revision_clinic_id_plan_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_plan_revision")),
        sa.UniqueConstraint(
            "clinic_id", "plan_id", "number", name=op.f("uq_plan_revision_clinic_id_plan_id_number")
        ),
    )
    op.create_index(
        "uq_plan_revision_draft",
        "plan_revision",
        ["clinic_id", "plan_id"],
        unique=True,
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_index(
        "uq_plan_revision_live",
        "plan_revision",
        ["clinic_id", "plan_id"],
        unique=True,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_table(
        "refresh_token",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_refresh_token_token_hash")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "family_id"],
            ["token_family.clinic_id", "token_family.id"],
            name=op.f("fk_refresh_token_clinic_id_family_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "token_hash", name=op.f("pk_refresh_token")),
    )
    op.create_index(
        "ix_refresh_token_family", "refresh_token", ["clinic_id", "family_id"], unique=False
    )
    op.create_table(
        "delivery",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occurrence_id", sa.BigInteger(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'leased') = (owner IS NOT NULL)", name=op.f("ck_delivery_owner")
        ),
        sa.CheckConstraint(
            "(state IN ('ready', 'leased')) = (settled_at IS NULL)",
            name=op.f("ck_delivery_settled"),
        ),
        sa.CheckConstraint(
            "state IN ('ready', 'leased', 'sent', 'dropped', 'dead')",
            name=op.f("ck_delivery_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('dropped', 'dead') OR reason IS NOT NULL",
            name=op.f("ck_delivery_reason"),
        ),
        sa.CheckConstraint("attempts >= 0 AND round >= 0", name=op.f("ck_delivery_counts")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "destination_id"],
            ["destination.clinic_id", "destination.id"],
            name=op.f("fk_delivery_clinic_id_destination_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "occurrence_id"],
            ["occurrence.clinic_id", "occurrence.id"],
            name=op.f("fk_delivery_clinic_id_occurrence_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "clinic_id",
            "occurrence_id",
            "destination_id",
            "round",
            name=op.f("uq_delivery_clinic_id_occurrence_id_destination_id_round"),
        ),
    )
    op.create_index(
        "ix_delivery_wake",
        "delivery",
        ["wake_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('ready', 'leased')"),
    )
    op.create_table(
        "occurrence_action",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occurrence_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("done", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("pain", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "action IN ('complete', 'skip', 'snooze', 'reopen')",
            name=op.f("ck_occurrence_action_action"),
        ),
        sa.CheckConstraint(
            "source IN ('app', 'staff', 'check_in')", name=op.f("ck_occurrence_action_source")
        ),
        sa.CheckConstraint(
            "note IS NULL OR length(note) <= 2000", name=op.f("ck_occurrence_action_note")
        ),
        sa.CheckConstraint("pain BETWEEN 0 AND 10", name=op.f("ck_occurrence_action_pain")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "occurrence_id"],
            ["occurrence.clinic_id", "occurrence.id"],
            name=op.f("fk_occurrence_action_clinic_id_occurrence_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_occurrence_action")),
    )
    op.create_index(
        "ix_occurrence_action_occurrence",
        "occurrence_action",
        ["clinic_id", "occurrence_id"],
        unique=False,
    )
    op.create_table(
        "plan_item",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("lineage_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=True),
        sa.Column("title", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("instructions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dose", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("media", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("appointment", sa.String(length=64), nullable=True),
        sa.Column("source", sa.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("grade", sa.String(length=1), nullable=False),
        sa.Column("clinician_must_confirm", sa.Boolean(), nullable=False),
        sa.Column("why_confirm", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("grade IN ('A', 'B', 'C', 'D')", name=op.f("ck_plan_item_grade")),
        sa.CheckConstraint("jsonb_typeof(media) = 'array'", name=op.f("ck_plan_item_media")),
        sa.CheckConstraint("jsonb_typeof(title) = 'object'", name=op.f("ck_plan_item_title")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "revision_id"],
            ["plan_revision.clinic_id", "plan_revision.id"],
            name=op.f("fk_plan_item_clinic_id_revision_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_plan_item")),
        sa.UniqueConstraint(
            "clinic_id",
            "revision_id",
            "lineage_id",
            name=op.f("uq_plan_item_clinic_id_revision_id_lineage_id"),
        ),
    )
    op.create_index("ix_plan_item_lineage", "plan_item", ["clinic_id", "lineage_id"], unique=False)
    op.create_table(
        "plan_restriction",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("limit_value", sa.Numeric(precision=8, scale=2, asdecimal=False), nullable=True),
        sa.Column("unit", sa.String(length=16), nullable=True),
        sa.Column("range_seen", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("from_day", sa.Integer(), nullable=False),
        sa.Column("to_day", sa.Integer(), nullable=True),
        sa.Column("text", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source", sa.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("grade", sa.String(length=1), nullable=False),
        sa.Column("clinician_must_confirm", sa.Boolean(), nullable=False),
        sa.Column("why_confirm", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("grade IN ('A', 'B', 'C', 'D')", name=op.f("ck_plan_restriction_grade")),
        sa.CheckConstraint("limit_value >= 0", name=op.f("ck_plan_restriction_limit_value")),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_plan_restriction_days")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "revision_id"],
            ["plan_revision.clinic_id", "plan_revision.id"],
            name=op.f("fk_plan_restriction_clinic_id_revision_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_plan_restriction")),
        sa.UniqueConstraint(
            "clinic_id",
            "revision_id",
            "code",
            "from_day",
            name=op.f("uq_plan_restriction_clinic_id_revision_id_code_from_day"),
        ),
    )
    build_wall()


def downgrade() -> None:
    raise NotImplementedError("migrations run forward; restore a backup instead")


# --- the wall -------------------------------------------------------------------------------
# Every table of a clinic is visible through the clinic that the transaction names, and through
# nothing else. What must be found before the clinic is known stands outside, by this list.

OUTSIDE_THE_WALL = ("clinic", "directory", "worker_heartbeat", "attempt_bucket")

INSIDE_THE_WALL = (
    "access_token",
    "appointment",
    "audit_event",
    "care_team_member",
    "check_in",
    "consent",
    "delivery",
    "destination",
    "device",
    "enrolment_code",
    "episode",
    "occurrence",
    "occurrence_action",
    "patient",
    "patient_external_id",
    "plan_item",
    "plan_restriction",
    "plan_revision",
    "plan_template",
    "plan_template_version",
    "recovery_plan",
    "refresh_token",
    "schedule",
    "schedule_rule",
    "site",
    "site_holiday",
    "staff_member",
    "staff_session",
    "token_family",
)

# History is written once: the application may add to it and read it.
APPEND_ONLY = ("audit_event", "check_in", "consent", "occurrence_action", "plan_template_version")

# What the reminder loop touches, and how; it has no grant on anything else.
WORKER_GRANTS = {
    "schedule": "SELECT, UPDATE",
    "schedule_rule": "SELECT",
    "occurrence": "SELECT, INSERT, UPDATE",
    "delivery": "SELECT, INSERT, UPDATE",
    "destination": "SELECT, UPDATE (retired_at, retired_reason)",
    "episode": "SELECT (clinic_id, id, patient_id, state)",
    "patient": "SELECT (clinic_id, id, time_zone, locale, contact_mode, preferences)",
    "clinic": "SELECT",
    "worker_heartbeat": "SELECT, INSERT, UPDATE, DELETE",
    "attempt_bucket": "SELECT, DELETE",
}

CLINIC = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"


def require_roles() -> None:
    """Refuse to migrate where the roles are missing: nothing may run as the owner."""
    op.execute("""
        DO $$
        DECLARE missing text;
        BEGIN
            SELECT string_agg(wanted, ', ') INTO missing
              FROM unnest(ARRAY['recovery_app', 'recovery_worker', 'recovery_backup']) AS wanted
             WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
            IF missing IS NOT NULL THEN
                RAISE EXCEPTION 'the database server has no role %', missing
                    USING HINT = 'CREATE ROLE each of them; docs/operating.md says how';
            END IF;
        END $$
    """)


def build_wall() -> None:
    """Enable and force row-level security, and grant each role what it needs."""
    op.execute("GRANT USAGE ON SCHEMA public TO recovery_app, recovery_worker")
    for table in INSIDE_THE_WALL:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY clinic_wall ON {table} TO recovery_app"
            f" USING ({CLINIC}) WITH CHECK ({CLINIC})"
        )
    for table in INSIDE_THE_WALL + OUTSIDE_THE_WALL:
        changes = "" if table in APPEND_ONLY else ", UPDATE, DELETE"
        op.execute(f"GRANT SELECT, INSERT{changes} ON {table} TO recovery_app")
    for table, grants in WORKER_GRANTS.items():
        op.execute(f"GRANT {grants} ON {table} TO recovery_worker")
        if table in INSIDE_THE_WALL:
            op.execute(
                f"CREATE POLICY worker_loop ON {table} TO recovery_worker"
                " USING (true) WITH CHECK (true)"
            )
    op.execute("GRANT SELECT ON alembic_version TO recovery_app, recovery_worker")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO recovery_backup")

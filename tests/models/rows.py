"""One valid row of every table, for tests that break one thing about it."""

from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes, token_hex
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, LargeBinary, String, Table, Uuid, insert
from sqlalchemy.orm import Session

from recovery_service.models import Base

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=4)
DAY = date(2026, 3, 2)
TITLE = {"en": "Walk", "tr": "Yürüyüş"}

Row = dict[str, Any]
Rows = dict[str, Row]


def table(name: str) -> Table:
    """Return a table of the metadata."""
    return Base.metadata.tables[name]


def valid_rows() -> Rows:
    """Return a clinic with one row in every table, each pointing at the others."""
    clinic_id = uuid4()
    ids = {name: uuid4() for name in Base.metadata.tables}
    rows = {
        name: {"clinic_id": clinic_id, "id": ids[name], **values}
        for name, values in (_people(ids) | _plans(ids) | _history(ids) | _access(ids)).items()
    }
    rows["clinic"] = {"id": clinic_id, "name": "Clinic", "created_at": NOW, "updated_at": NOW}
    for name, row in rows.items():
        columns = set(table(name).columns.keys())
        for key in row.keys() - columns:
            del row[key]
        row.update(dict.fromkeys({"created_at", "updated_at"} & columns, NOW))
    return rows


def _people(ids: dict[str, UUID]) -> Rows:
    patient, device = {"patient_id": ids["patient"]}, {"device_id": ids["device"]}
    return {
        "site": {"name": "Main site", "time_zone": "Europe/London", "country": "GB"},
        "site_holiday": {"site_id": ids["site"], "day": DAY},
        "staff_member": {"email": "a@b.example", "name": "Staff", "roles": ["surgeon"]},
        "staff_absence": {"staff_id": ids["staff_member"], "from_date": DAY, "to_date": DAY},
        "staff_device": {"staff_id": ids["staff_member"], "subscription": {"endpoint": "e"}},
        "patient": {
            "name": "Patient",
            "date_of_birth": date(1970, 1, 1),
            "time_zone": "Europe/London",
            "locale": "en",
        },
        "patient_external_id": patient | {"system": "ward", "value": "1"},
        "care_team_member": patient | {"staff_id": ids["staff_member"], "from_date": DAY},
        "episode": patient
        | {
            "site_id": ids["site"],
            "procedure": "lumbar_microdiscectomy",
            "surgery_date": DAY,
            "discharge_date": DAY,
        },
        "device": patient
        | {
            "platform": "webpush",
            "time_zone": "Europe/London",
            "locale": "en",
            "last_seen_at": NOW,
        },
        "destination": patient | {"channel": "inbox"},
        "consent": patient
        | device
        | {"document": "privacy", "document_version": "1", "given_at": NOW},
        "enrolment_code": patient
        | {"episode_id": ids["episode"], "code_hash": token_bytes(32), "expires_at": LATER},
    }


def _plans(ids: dict[str, UUID]) -> Rows:
    revision = {"revision_id": ids["plan_revision"], "code": "walk"}
    return {
        "plan_template": {"code": "own"},
        "plan_template_version": {
            "template_id": ids["plan_template"],
            "number": 1,
            "content": {},
            "content_hash": "0" * 64,
            "created_by": ids["staff_member"],
        },
        "content_approval": {
            "number": 1,
            "kind": "plan_template",
            "code": "own",
            "version": 1,
            "content_hash": "0" * 64,
            "content": {},
            "decision": "approve",
            "decided_by": ids["staff_member"],
            "decided_as": "surgeon",
            "decided_at": NOW,
        },
        "plan_template_base": {
            "version_id": ids["plan_template_version"],
            "code": "shipped",
            "number": 1,
            "content": {},
            "content_hash": "0" * 64,
        },
        "phase_decision": {
            "episode_id": ids["episode"],
            "number": 1,
            "phase": "stabilise",
            "decision": "accept",
            "facts": [],
            "decided_by": ids["staff_member"],
            "decided_at": NOW,
        },
        "recovery_plan": {
            "episode_id": ids["episode"],
            "template_code": "own",
            "template_version": 1,
            "template_hash": "0" * 64,
        },
        "plan_revision": {"plan_id": ids["recovery_plan"], "number": 1},
        "plan_item": revision
        | {
            "lineage_id": ids["schedule"],
            "position": 1,
            "kind": "walking",
            "title": TITLE,
            "rule": {},
        },
        "plan_restriction": revision | {"from_day": 0, "to_day": 14, "text": TITLE},
        "schedule_rule": {"hash": "0" * 64, "rule": {}},
        "schedule": {
            "patient_id": ids["patient"],
            "episode_id": ids["episode"],
            "kind": "walking",
            "remind_via": "push",
            "rule_hash": "0" * 64,
            "anchor_date": DAY,
            "time_zone": "Europe/London",
            "opens_at": NOW,
        },
    }


def _history(ids: dict[str, UUID]) -> Rows:
    # Their keys are drawn by the database; it never draws a negative one.
    return {
        "occurrence": {
            "id": -1,
            "lineage_id": ids["schedule"],
            "occ_key": "20260302.morning",
            "local_date": DAY,
            "due_at": NOW,
            "expires_at": LATER,
        },
        "occurrence_action": {
            "occurrence_id": -1,
            "action": "complete",
            "at": NOW,
            "received_at": NOW,
        },
        "delivery": {
            "id": -1,
            "occurrence_id": -1,
            "destination_id": ids["destination"],
            "channel": "inbox",
            "wake_at": NOW,
        },
        "reminder_day": {
            "patient_id": ids["patient"],
            "local_date": DAY,
            "pushes": 0,
            "breaks": 0,
        },
        "check_in": {
            "episode_id": ids["episode"],
            "local_date": DAY,
            "recorded_at": NOW,
            "received_at": NOW,
            "time_zone": "Europe/London",
            "form_version": "1",
            "answers": {},
            "device_id": ids["device"],
            "entered_by": ids["staff_member"],
        },
        "alert": {
            "patient_id": ids["patient"],
            "episode_id": ids["episode"],
            "rule_id": "CES1",
            "rule_version": 1,
            "tier": "emergency",
            "raised_at": NOW,
            "found_at": NOW,
        },
        "alert_event": {
            "alert_id": ids["alert"],
            "at": NOW,
            "kind": "raised",
            "tier": "emergency",
            "check_in_id": ids["check_in"],
        },
        "advice": {
            "episode_id": ids["episode"],
            "check_in_id": ids["check_in"],
            "alert_id": ids["alert"],
            "rule_id": "CES1",
            "rule_version": 1,
            "tier": "emergency",
            "about": DAY,
            "facts": [],
            "title": TITLE,
            "text": TITLE,
            "given_at": NOW,
        },
        "advice_response": {
            "advice_id": ids["advice"],
            "response": "called",
            "received_at": NOW,
        },
        "patient_notice": {
            "alert_id": ids["alert"],
            "event_id": ids["alert_event"],
            "destination_id": ids["destination"],
            "channel": "inbox",
            "wake_at": NOW,
        },
        "alert_budget_day": {
            "day": DAY,
            "check_ins": 20,
            "emergency": 0,
            "same_day": 1,
            "next_business_day": 1,
            "counted_at": NOW,
        },
        "verdict_difference": {
            "check_in_id": ids["check_in"],
            "rule_id": "CES1",
            "kind": "missed",
            "own_tier": "emergency",
            "bundle_version": "1-abc",
            "at": NOW,
        },
        "message_notice": {
            "episode_id": ids["episode"],
            "number": 1,
            "destination_id": ids["destination"],
            "channel": "inbox",
            "wake_at": NOW,
        },
        "staff_notice": {
            "alert_id": ids["alert"],
            "staff_id": ids["staff_member"],
            "cause": "raised",
            "wake_at": NOW,
        },
        "appointment": {
            "patient_id": ids["patient"],
            "episode_id": ids["episode"],
            "site_id": ids["site"],
            "kind": "follow_up",
        },
        "message_thread": {
            "episode_id": ids["episode"],
            "patient_id": ids["patient"],
            "last_number": 1,
            "last_at": NOW,
        },
        "message": {
            "episode_id": ids["episode"],
            "number": 1,
            "sender": "staff",
            "staff_id": ids["staff_member"],
            "device_id": ids["device"],
            "text": "Hello",
            "written_at": NOW,
            "received_at": NOW,
        },
        "message_withdrawal": {
            "message_id": ids["message"],
            "staff_id": ids["staff_member"],
            "at": NOW,
        },
        "calendar_feed": {
            "patient_id": ids["patient"],
            "secret_hash": token_bytes(32),
            "revoked_at": NOW,
        },
        "appointment_response": {
            "appointment_id": ids["appointment"],
            "response": "confirm",
            "received_at": NOW,
        },
        "questionnaire": {
            "instrument": "rmdq",
            "language": "en",
            "title": TITLE,
            "content": {},
            "content_hash": "0" * 64,
            "active": False,
            "created_by": ids["staff_member"],
        },
        "questionnaire_response": {
            "episode_id": ids["episode"],
            "instrument": "rmdq",
            "questionnaire_id": ids["questionnaire"],
            "local_date": DAY,
            "authored_at": NOW,
            "received_at": NOW,
            "answers": {},
            "complete": False,
            "source": "staff",
            "entered_by": ids["staff_member"],
        },
        "questionnaire_time": {
            "episode_id": ids["episode"],
            "instrument": "rmdq",
            "time_point": "prom_day_42",
            "title": TITLE,
            "target_day": 42,
            "to_day": 56,
            "active": True,
            "created_at": NOW,
        },
        "sync_operation": {
            "patient_id": ids["patient"],
            "device_id": ids["device"],
            "type": "receipt",
            "payload": {},
            "received_at": NOW,
        },
        "rejected_report": {
            "patient_id": ids["patient"],
            "episode_id": ids["episode"],
            "device_id": ids["device"],
            "operation_id": ids["check_in"],
            "payload": {},
            "content_hash": "0" * 64,
            "code": "invalid",
            "errors": [],
            "received_at": NOW,
            "seen_at": NOW,
            "seen_by": ids["staff_member"],
        },
        "tombstone": {
            "patient_id": ids["patient"],
            "collection": "appointments",
            "deleted_at": NOW,
        },
        "webhook_endpoint": {
            "url": "https://hooks.example/x",
            "events": ["x.of_no_trigger"],
            "sealed": token_bytes(32),
        },
        "webhook_delivery": {
            "endpoint_id": ids["webhook_endpoint"],
            "type": "check_in.recorded",
            "data": {},
            "wake_at": NOW,
            "tried_from": NOW,
        },
        "audit_event": {
            "at": NOW,
            "actor_kind": "system",
            "action": "seen",
            "subject_kind": "patient",
        },
    }


def _access(ids: dict[str, UUID]) -> Rows:
    family = {"family_id": ids["token_family"], "token_hash": token_bytes(32), "expires_at": LATER}
    return {
        "token_family": {"patient_id": ids["patient"], "device_id": ids["device"]},
        "access_token": dict(family),
        "refresh_token": dict(family),
        "staff_session": {
            "staff_id": ids["staff_member"],
            "token_hash": token_bytes(32),
            "csrf_token": "t",
            "seen_at": NOW,
            "expires_at": LATER,
        },
        "answered_request": {
            "actor_id": ids["staff_member"],
            "key_hash": token_bytes(32),
            "request_hash": token_bytes(32),
            "answer": token_bytes(64),
            "expires_at": LATER,
        },
        "directory": {"kind": "staff_email", "key_hash": token_bytes(32)},
        "worker_heartbeat": {"host": "host", "pid": 1, "started_at": NOW, "beat_at": NOW},
        "attempt_bucket": {"key_hash": token_bytes(32), "attempts": 1, "ends_at": LATER},
    }


def store(session: Session, rows: Rows) -> None:
    """Store the rows, those that others point at first."""
    for each in Base.metadata.sorted_tables:
        session.execute(insert(each).values(**rows[each.name]))


def another(name: str, rows: Rows, changes: Row | None = None) -> Row:
    """Return a second valid row of a table, with changes: nothing unique is taken twice."""
    row = dict(rows[name])
    for column in table(name).primary_key.columns:
        if (
            column.name not in {"clinic_id", "site_id", "patient_id", "kind", "system"}
            or name == "clinic"
        ):
            row[column.name] = _new_key(column.type)
    distinct: Row = _DISTINCT.get(name, dict)()
    return row | distinct | (changes or {})


def _new_key(kind: Any) -> Any:
    match kind:
        case Uuid():
            return uuid4()
        case BigInteger():
            return -2
        case LargeBinary():
            return token_bytes(32)
        case String():
            return token_hex(32)
        case _:
            return DAY + timedelta(days=1)


_DISTINCT: dict[str, Any] = {
    "rejected_report": lambda: {"operation_id": uuid4()},
    "alert": lambda: {"rule_id": token_hex(4)},
    "advice": lambda: {"rule_id": token_hex(4)},
    "staff_notice": lambda: {"cause": "escalated"},
    "verdict_difference": lambda: {"rule_id": token_hex(4)},
    "staff_member": lambda: {"email": f"{token_hex(4)}@b.example"},
    "care_team_member": lambda: {"from_date": DAY + timedelta(days=1)},
    "consent": lambda: {"document": "terms"},
    "destination": lambda: {"channel": "email", "address": f"{token_hex(4)}@b.example"},
    "enrolment_code": lambda: {"code_hash": token_bytes(32)},
    "episode": lambda: {"state": "ended", "end_reason": "completed", "ended_on": DAY},
    "plan_template": lambda: {"code": token_hex(4)},
    "questionnaire_time": lambda: {"time_point": token_hex(4)},
    "plan_template_version": lambda: {"number": 2},
    "content_approval": lambda: {"number": 2},
    "phase_decision": lambda: {"number": 2},
    "plan_revision": lambda: {
        "number": 2,
        "state": "superseded",
        "published_at": NOW,
        "effective_from": DAY,
    },
    "plan_item": lambda: {"lineage_id": uuid4()},
    "message": lambda: {"number": 2},
    "message_notice": lambda: {"number": 2},
    "calendar_feed": lambda: {"secret_hash": token_bytes(32)},
    "plan_restriction": lambda: {"code": "lift"},
    "questionnaire": lambda: {"content_hash": token_hex(32)},
    "occurrence": lambda: {"occ_key": "20260302.evening"},
    "delivery": lambda: {"round": 1},
}

"""What each constraint forbids: values that break it, and nothing else, by its name."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from tests.models.rows import DAY, LATER, NOW

BEFORE = DAY - timedelta(days=1)
LONG_NOTE = "x" * 2001
SHORT_HASH = b"x" * 31

# name of the CHECK constraint: rows that it refuses, as changes to a valid row
REFUSED: dict[str, tuple[dict[str, Any], ...]] = {
    "ck_clinic_kind": ({"kind": "hospital"},),
    "ck_clinic_visibility": ({"visibility": "everyone"},),
    "ck_clinic_name": ({"name": "  "},),
    "ck_site_country": ({"country": "gb"}, {"country": "G"}),
    "ck_site_name": ({"name": " "},),
    "ck_site_phones": ({"phones": []},),
    "ck_site_opening_hours": ({"opening_hours": []},),
    "ck_staff_member_email": ({"email": "A@b.example"}, {"email": "a"}, {"email": "@b"}),
    "ck_staff_member_roles": ({"roles": []}, {"roles": ["surgeon", "nurse"]}),
    "ck_staff_member_alert_mail": ({"alert_mail": "always"},),
    "ck_staff_absence_dates": ({"to_date": BEFORE},),
    "ck_staff_absence_cover": ({"cover_id": "staff_member"},),
    "ck_alert_tier": ({"tier": "later"},),
    "ck_alert_state": ({"state": "waiting"},),
    "ck_alert_resolved": (
        {"state": "resolved"},
        {"resolved_at": NOW, "resolution": "advised"},
        {"state": "resolved", "resolved_at": NOW},
    ),
    "ck_alert_seen": ({"state": "acknowledged"},),
    "ck_alert_resolution": ({"state": "resolved", "resolved_at": NOW, "resolution": "forgotten"},),
    "ck_alert_escalation": ({"escalation": -1},),
    "ck_alert_event_kind": ({"kind": "lost"},),
    "ck_alert_event_tier": ({"tier": "later"},),
    "ck_advice_tier": ({"tier": "later"},),
    "ck_advice_title": ({"title": ["x"]},),
    "ck_advice_text": ({"text": ["x"]},),
    "ck_advice_response_response": ({"response": "ignored"},),
    "ck_staff_notice_cause": ({"cause": "bored"},),
    "ck_staff_notice_state": ({"state": "lost", "settled_at": NOW},),
    "ck_staff_notice_settled": ({"settled_at": NOW}, {"state": "sent"}),
    "ck_care_team_member_dates": ({"to_date": BEFORE},),
    "ck_patient_contact_mode": ({"contact_mode": "fax"},),
    "ck_patient_name": ({"name": ""},),
    "ck_patient_preferences": ({"preferences": []},),
    "ck_patient_external_id_not_blank": ({"system": " "}, {"value": " "}),
    "ck_episode_discharge_after_surgery": ({"discharge_date": BEFORE},),
    "ck_episode_state": ({"state": "paused", "end_reason": None, "ended_on": None},),
    "ck_episode_side": ({"side": "front"},),
    "ck_episode_ended": (
        {"end_reason": None},
        {"ended_on": None},
        {"state": "open"},
    ),
    "ck_episode_end_reason": ({"end_reason": "bored"},),
    "ck_episode_held": ({"state": "on_hold", "end_reason": None, "ended_on": None},),
    "ck_episode_assumed_date": ({"surgery_date": None, "surgery_date_assumed": True},),
    "ck_enrolment_code_failed_tries": ({"failed_tries": 6}, {"failed_tries": -1}),
    "ck_enrolment_code_code_hash": ({"code_hash": SHORT_HASH},),
    "ck_device_permission": ({"permission": "maybe"},),
    "ck_destination_channel": ({"channel": "pigeon"},),
    "ck_destination_reachable": (
        {"channel": "webpush"},
        {"channel": "webpush", "subscription": {}},
        {"channel": "inbox"},
        {"channel": "inbox", "address": None, "subscription": {}},
        {"channel": "email", "address": None},
    ),
    "ck_token_family_one_holder": ({"patient_id": None},),
    "ck_token_family_revoke_reason": ({"revoke_reason": "bored"},),
    "ck_access_token_token_hash": ({"token_hash": SHORT_HASH},),
    "ck_refresh_token_token_hash": ({"token_hash": SHORT_HASH},),
    "ck_staff_session_token_hash": ({"token_hash": SHORT_HASH},),
    "ck_plan_template_version_number": ({"number": 0},),
    "ck_plan_template_version_status": ({"status": "approved"},),
    "ck_plan_revision_number": ({"number": 0},),
    "ck_plan_revision_state": ({"state": "approved"},),
    "ck_plan_revision_published": (
        {"state": "draft"},
        {"published_at": None},
        {"effective_from": None},
        {"published_at": None, "effective_from": None},
    ),
    "ck_plan_template_base_number": ({"number": 0},),
    "ck_phase_decision_decision": ({"decision": "maybe", "reason": "because"},),
    "ck_phase_decision_reason": ({"decision": "defer"},),
    "ck_phase_decision_reason_length": ({"reason": LONG_NOTE},),
    "ck_phase_decision_number": ({"number": 0},),
    "ck_phase_decision_facts": ({"facts": {}},),
    "ck_plan_item_grade": ({"grade": "E"},),
    "ck_plan_item_title": ({"title": ["Walk"]},),
    "ck_plan_item_media": ({"media": {}},),
    "ck_plan_restriction_days": ({"to_day": -1},),
    "ck_plan_restriction_limit_value": ({"limit_value": -0.5},),
    "ck_plan_restriction_grade": ({"grade": "E"},),
    "ck_schedule_rule_hash": ({"hash": "0" * 63},),
    "ck_schedule_remind_via": ({"remind_via": "fax"},),
    "ck_schedule_next": ({"next_date": DAY}, {"next_minute": 540}),
    "ck_schedule_due": ({"next_due_at": NOW},),
    "ck_schedule_minute": (
        {"next_date": DAY, "next_minute": 1440},
        {"next_date": DAY, "next_minute": -1},
    ),
    "ck_schedule_failures": ({"failures": -1},),
    "ck_occurrence_state": ({"state": "lost", "closed_at": NOW},),
    "ck_occurrence_expires": ({"expires_at": NOW - timedelta(seconds=1)},),
    "ck_occurrence_reason": tuple(
        {"state": state, "closed_at": NOW} for state in ("skipped", "missed", "cancelled")
    ),
    "ck_occurrence_closed": ({"closed_at": NOW}, {"state": "done"}),
    "ck_occurrence_round": ({"round": -1},),
    "ck_occurrence_action_action": ({"action": "undo"},),
    "ck_occurrence_action_pain": ({"pain": 11}, {"pain": -1}),
    "ck_occurrence_action_note": ({"note": LONG_NOTE},),
    "ck_occurrence_action_source": ({"source": "fax"},),
    "ck_delivery_state": ({"state": "lost", "settled_at": NOW},),
    "ck_delivery_settled": ({"settled_at": NOW}, {"state": "sent"}),
    "ck_delivery_owner": ({"state": "leased"}, {"owner": uuid4()}),
    "ck_delivery_reason": tuple(
        {"state": state, "settled_at": NOW} for state in ("dropped", "dead")
    ),
    "ck_delivery_counts": ({"attempts": -1}, {"round": -1}),
    "ck_delivery_cause": ({"cause": "whim"},),
    "ck_reminder_day_counts": ({"pushes": -1}, {"breaks": -1}),
    "ck_reminder_day_led": ({"led_by": 1}, {"carries_until": NOW}, {"led_round": 0}),
    "ck_destination_sync_attempts": ({"sync_attempts": -1},),
    "ck_appointment_response": ({"response": "maybe", "responded_at": NOW},),
    "ck_appointment_responded": ({"response": "confirm"}, {"responded_at": NOW}),
    "ck_appointment_response_response": ({"response": "maybe"},),
    "ck_check_in_source": ({"source": "fax"},),
    "ck_check_in_note": ({"note": LONG_NOTE},),
    "ck_check_in_answers": ({"answers": []},),
    "ck_check_in_issues": ({"issues": {}},),
    "ck_check_in_entered_by": ({"source": "staff_phone", "entered_by": None},),
    "ck_appointment_state": ({"state": "lost", "starts_at": NOW},),
    "ck_appointment_starts_at": tuple(
        {"state": state} for state in ("booked", "attended", "missed", "outcome_unknown")
    ),
    "ck_appointment_minutes": ({"minutes": 4}, {"minutes": 481}),
    "ck_appointment_mode": ({"mode": "fax"},),
    "ck_appointment_window": ({"window_from": DAY, "window_to": BEFORE},),
    "ck_questionnaire_content": ({"content": []},),
    "ck_questionnaire_content_hash": ({"content_hash": "0" * 63}, {"content_hash": "x" * 64}),
    "ck_questionnaire_response_source": ({"source": "fax", "entered_by": None},),
    "ck_questionnaire_response_entered_by": (
        {"entered_by": None},
        {"source": "app"},
    ),
    "ck_questionnaire_response_says": (
        {"answers": None},
        {"answers": None, "score": 1.0, "source": "app", "entered_by": None},
    ),
    "ck_questionnaire_response_answers": ({"answers": []},),
    "ck_questionnaire_response_issues": ({"issues": {}},),
    "ck_sync_operation_payload": ({"payload": []},),
    "ck_rejected_report_errors": ({"errors": {}},),
    "ck_rejected_report_content_hash": ({"content_hash": "0" * 63},),
    "ck_rejected_report_seen": ({"seen_at": None}, {"seen_by": None}),
    "ck_audit_event_actor_kind": ({"actor_kind": "robot"},),
    "ck_content_approval_number": ({"number": 0},),
    "ck_content_approval_version": ({"version": 0},),
    "ck_content_approval_content_hash": ({"content_hash": "0" * 63}, {"content_hash": "G" * 64}),
    "ck_content_approval_decision": ({"decision": "like", "content": None},),
    "ck_content_approval_decided_as": ({"decided_as": "admin"}, {"decided_as": "coordinator"}),
    "ck_content_approval_content": ({"content": None}, {"decision": "withdraw"}),
    "ck_content_approval_statement": ({"statement": LONG_NOTE},),
    "ck_directory_kind": ({"kind": "phone"},),
    "ck_directory_key_hash": ({"key_hash": SHORT_HASH},),
    "ck_attempt_bucket_key_hash": ({"key_hash": SHORT_HASH},),
    "ck_attempt_bucket_attempts": ({"attempts": 0},),
}

_PUBLISHED = {"published_at": NOW, "effective_from": date(2026, 3, 2)}
_LIVE = {"state": "live"} | _PUBLISHED
_OPEN = {"state": "open", "end_reason": None, "ended_on": None}
_EMAIL = {"channel": "email", "address": "p@b.example"}
# The device of the patient whose rows these are is filled in where it stands.
OWN_DEVICE = {"device_id": "device"}
_PUSH = {"channel": "webpush", "address": None, "subscription": {"endpoint": "e"}} | OWN_DEVICE

# name of the unique constraint or index: rows stored before, and the one that it refuses
TAKEN: dict[str, tuple[dict[str, Any], ...]] = {
    "uq_alert_unresolved": ({"rule_id": "CES1"},),
    "uq_advice_clinic_id_check_in_id_rule_id": ({"rule_id": "CES1"},),
    "uq_staff_notice_clinic_id_alert_id_staff_id_cause_created_at": ({"cause": "raised"},),
    "uq_rejected_report_content": ({"operation_id": "check_in"},),
    "uq_site_default": ({"is_default": True}, {"is_default": True}),
    "uq_staff_member_clinic_id_email": ({"email": "a@b.example"},),
    "uq_care_team_member_clinic_id_patient_id_staff_id_from_date": ({"from_date": DAY},),
    "uq_consent_clinic_id_patient_id_device_id_document_document_version": (
        {"document": "privacy"},
    ),
    "uq_delivery_clinic_id_occurrence_id_destination_id_round": ({"round": 0},),
    "uq_episode_current": (_OPEN,),
    "uq_destination_device": (_PUSH, _PUSH),
    "uq_destination_address": (_EMAIL, _EMAIL),
    "uq_enrolment_code_hash": ({"code_hash": b"h" * 32}, {"code_hash": b"h" * 32}),
    "uq_occurrence_clinic_id_lineage_id_occ_key": ({"occ_key": "20260302.morning"},),
    "uq_plan_item_clinic_id_revision_id_lineage_id": ({"lineage_id": "schedule"},),
    "uq_plan_restriction_clinic_id_revision_id_code_from_day": ({"code": "walk"},),
    "uq_plan_revision_clinic_id_plan_id_number": ({"number": 1},),
    "uq_plan_revision_draft": ({"state": "draft", "published_at": None, "effective_from": None},),
    "uq_plan_revision_live": (_LIVE, _LIVE | {"number": 3}),
    "uq_plan_template_clinic_id_code": ({"code": "own"},),
    "uq_plan_template_version_clinic_id_template_id_number": ({"number": 1},),
    "uq_content_approval_clinic_id_number": ({"number": 1},),
    "uq_phase_decision_clinic_id_episode_id_number": ({"number": 1},),
    "uq_plan_template_base_clinic_id_version_id": ({},),
    "uq_recovery_plan_clinic_id_episode_id": ({},),
    "uq_questionnaire_clinic_id_instrument_content_hash": ({"content_hash": "0" * 64},),
    "uq_questionnaire_active": ({"active": True}, {"active": True}),
    "uq_appointment_template": ({"from_template": True}, {"from_template": True}),
}

# Pairs that stand side by side because one is outside of a partial index.
SIDE_BY_SIDE: dict[str, tuple[dict[str, Any], ...]] = {
    "uq_alert_unresolved": (
        {"rule_id": "CES1", "state": "resolved", "resolved_at": NOW, "resolution": "advised"},
    ),
    "uq_site_default": ({"is_default": False}, {"is_default": True}),
    "uq_episode_current": ({}, {}),
    "uq_destination_device": (_PUSH | {"retired_at": NOW}, _PUSH),
    "uq_destination_address": (_EMAIL | {"retired_at": LATER}, _EMAIL),
    "uq_plan_revision_draft": ({"state": "superseded"},),
    "uq_plan_revision_live": ({"state": "superseded"} | _PUBLISHED, _LIVE | {"number": 3}),
    "uq_appointment_template": ({"from_template": False}, {"from_template": True}),
    "uq_questionnaire_active": ({"active": False}, {"active": True}),
}

"""A clinic full of patients, and what a year at home leaves behind, written set-wise."""

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.database import transaction
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import plan_item

ITEMS = 8

_TYPES = {
    "clinic_id": "uuid",
    "patient_id": "uuid",
    "first": "int",
    "last": "int",
    "many": "int",
    "now": "timestamptz",
    "today": "date",
}

_OCCURRENCES = """
INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                        reason, closed_at, round)
SELECT s.clinic_id, s.id, to_char(:today - d, 'YYYYMMDD') || '.' || slot, :today - d,
       :now - make_interval(days => d), :now - make_interval(days => d) + interval '2 hours',
       'missed', 'not_answered', :now - make_interval(days => d) + interval '2 hours', 0
  FROM schedule s, generate_series(:first, :last) d, unnest(ARRAY['morning', 'evening']) slot
 WHERE s.clinic_id = :clinic_id AND (:patient_id IS NULL OR s.patient_id = :patient_id)
"""
_CHECK_INS = """
INSERT INTO check_in (clinic_id, id, episode_id, local_date, recorded_at, received_at, time_zone,
                      form_version, answers, issues, source)
SELECT e.clinic_id, gen_random_uuid(), e.id, :today - d, :now - make_interval(days => d),
       :now - make_interval(days => d), 'Europe/London', '1', '{}', '[]', 'app'
  FROM episode e, generate_series(:first, :last) d
 WHERE e.clinic_id = :clinic_id AND (:patient_id IS NULL OR e.patient_id = :patient_id)
"""
_ALERTS = """
INSERT INTO alert (clinic_id, id, patient_id, episode_id, rule_id, rule_version, tier, state,
                   raised_at, found_at, resolved_at, resolution, escalation, created_at,
                   updated_at, version)
SELECT e.clinic_id, gen_random_uuid(), e.patient_id, e.id, 'wound', 1, 'same_day', 'resolved',
       :now - make_interval(days => d), :now - make_interval(days => d),
       :now - make_interval(days => d), 'advised', 0, :now, :now, 1
  FROM episode e, generate_series(:first, :last) d
 WHERE e.clinic_id = :clinic_id AND (:patient_id IS NULL OR e.patient_id = :patient_id)
"""
_REVISIONS = """
INSERT INTO plan_revision (clinic_id, id, plan_id, number, state, phases, effective_from,
                           published_at, created_at, updated_at, version)
SELECT r.clinic_id, gen_random_uuid(), r.plan_id, r.number - :many - 1 + n, 'superseded', '[]',
       r.effective_from, r.published_at, r.created_at, r.updated_at, 1
  FROM plan_revision r
  JOIN recovery_plan p ON p.clinic_id = r.clinic_id AND p.id = r.plan_id
  JOIN episode e ON e.clinic_id = p.clinic_id AND e.id = p.episode_id,
       generate_series(1, :many) n
 WHERE r.clinic_id = :clinic_id AND e.patient_id = :patient_id AND r.state = 'live'
"""
_ROOM = """
UPDATE plan_revision SET number = number + :many
 WHERE clinic_id = :clinic_id AND state = 'live' AND plan_id IN (
       SELECT p.id FROM recovery_plan p JOIN episode e ON e.id = p.episode_id
        WHERE e.patient_id = :patient_id)
"""
_ITEMS = """
INSERT INTO plan_item (clinic_id, id, revision_id, lineage_id, code, position, kind, title,
                       instructions, dose, media, rule, source, grade, clinician_must_confirm)
SELECT i.clinic_id, gen_random_uuid(), v.id, i.lineage_id, i.code, i.position, i.kind, i.title,
       i.instructions, i.dose, i.media, i.rule, i.source, i.grade, i.clinician_must_confirm
  FROM plan_item i
  JOIN plan_revision live ON live.clinic_id = i.clinic_id AND live.id = i.revision_id
   AND live.state = 'live'
  JOIN recovery_plan p ON p.clinic_id = i.clinic_id AND p.id = live.plan_id
  JOIN episode e ON e.clinic_id = p.clinic_id AND e.id = p.episode_id
  JOIN plan_revision v ON v.clinic_id = i.clinic_id AND v.plan_id = p.id
   AND v.state = 'superseded' AND NOT EXISTS (
       SELECT FROM plan_item x WHERE x.clinic_id = v.clinic_id AND x.revision_id = v.id)
 WHERE i.clinic_id = :clinic_id AND e.patient_id = :patient_id
"""
_HOLIDAYS = """
INSERT INTO site_holiday (clinic_id, site_id, day, name)
SELECT clinic_id, id, :today - d, 'Day off' FROM site, generate_series(:first, :last) d
 WHERE clinic_id = :clinic_id
"""


def full_clinic(clinic: ClinicWithStaff, *, patients: int, days: int, now: datetime) -> None:
    """Give the clinic many patients at home with plans, each so many days on."""
    for _ in range(patients):
        at_home(clinic, now=now)
    with transaction(clinic.id) as session:
        for statement in (_OCCURRENCES, _CHECK_INS, _ALERTS):
            _run(session, statement, clinic, None, 1, days, now=now)


def at_home(clinic: ClinicWithStaff, *, now: datetime) -> PatientAtHome:
    """Return a patient with as many items as a plan has."""
    patient = make_patient(clinic, now=now)
    for _ in range(ITEMS):
        plan_item(patient, now=now)
    return patient


def live_on(
    clinic: ClinicWithStaff, patient: PatientAtHome, first: int, last: int, *, now: datetime
) -> None:
    """Write what one patient did from `last` to `first` days ago, an edit of the plan each week."""
    many = {"many": max(1, (last - first) // 7)}
    with transaction(clinic.id) as session:
        for statement in (_OCCURRENCES, _CHECK_INS, _ALERTS, _ROOM, _REVISIONS, _ITEMS, _HOLIDAYS):
            _run(session, statement, clinic, patient, first, last, now=now, **many)


def _run(
    session: Session,
    statement: str,
    clinic: ClinicWithStaff,
    patient: PatientAtHome | None,
    first: int,
    last: int,
    *,
    now: datetime,
    **more: Any,
) -> None:
    values = {
        "clinic_id": clinic.id,
        "patient_id": patient and patient.id,
        "first": first,
        "last": last,
        "now": now - timedelta(minutes=1),
        "today": now.date(),
    } | more
    for name, kind in _TYPES.items():
        statement = re.sub(rf":{name}\b", f"CAST(:{name} AS {kind})", statement)
    names = {name: value for name, value in values.items() if f":{name} " in statement}
    session.execute(text(statement), names)

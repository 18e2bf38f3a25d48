"""Schedules for patients of a test, as publishing a plan would leave them."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.local_time import start_of_day
from recovery_service.domain.recurrence import Rule, next_after
from recovery_service.models import Schedule, ScheduleRule
from tests.factories import PatientAtHome

DISCHARGE = date(2026, 3, 1)
DAILY: dict[str, Any] = {
    "anchor": "discharge",
    "from_day": 0,
    "slots": {"morning": "09:00"},
    "valid_for_minutes": 120,
}


def rule(**changes: Any) -> Rule:
    """Return a daily rule at 09:00, valid for two hours, with changes."""
    return Rule.parse(DAILY | changes)


def schedule(
    session: Session,
    patient: PatientAtHome,
    its_rule: Rule,
    *,
    now: datetime,
    kind: str = "physiotherapy",
    zone: str = "Europe/London",
    anchor: date = DISCHARGE,
    **changes: Any,
) -> UUID:
    """Store a schedule whose next occurrence is the first at or after `now`."""
    coming = next_after(its_rule, anchor, zone, now - timedelta(microseconds=1))
    lineage = uuid4()
    intern(session, patient.clinic_id, its_rule)
    values: dict[str, Any] = {
        "clinic_id": patient.clinic_id,
        "id": lineage,
        "patient_id": patient.id,
        "episode_id": patient.episode_id,
        "kind": kind,
        "remind_via": its_rule.remind_via,
        "rule_hash": its_rule.hash(),
        "anchor_date": anchor,
        "time_zone": zone,
        "opens_at": start_of_day(zone, anchor),
        "next_date": coming and coming.local_date,
        "next_minute": coming and coming.minute,
        "next_due_at": coming and coming.due_at,
    }
    session.add(Schedule(**values | changes))
    session.flush()
    return lineage


def intern(session: Session, clinic_id: UUID, its_rule: Rule) -> None:
    """Store a rule under its hash, once."""
    row = {"clinic_id": clinic_id, "hash": its_rule.hash(), "rule": its_rule.as_json()}
    session.execute(insert(ScheduleRule).values(**row).on_conflict_do_nothing())

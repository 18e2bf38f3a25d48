"""What a device that schedules reminders itself must know: its plan, and that it changed.

Locks are taken in one order by everybody: patient, destinations, schedules, deliveries,
occurrences. So `plan_changed` comes first in every edit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.domain.device_plan import Candidate, Manner, Planned, device_plan
from recovery_service.domain.languages import DEFAULT_LANGUAGE, in_language, language_of
from recovery_service.domain.local_time import local_date, start_of_day
from recovery_service.domain.occurrence_ids import decode
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.domain.reminder_policy import policy_of
from recovery_service.domain.sitting_breaks import is_rest
from recovery_service.services.agenda import AGENDA_ROWS, agenda_values, read_agenda, rule_of

_DAY = timedelta(days=1)
_DAYS = 14 * _DAY
_CARRIER = "device"

_PATIENT = """
SELECT p.plan_revision, p.time_zone, p.locale, p.preferences, c.reminder_defaults::text
  FROM patient p
  JOIN clinic c ON c.id = p.clinic_id
 WHERE p.clinic_id = %(clinic_id)s AND p.id = %(patient_id)s
"""

_COUNT_UP = text("""
UPDATE patient SET plan_revision = plan_revision + 1
 WHERE clinic_id = :clinic_id AND id = :patient_id
""")

_LEFT_TO_DEVICES = """
SELECT s.patient_id FROM schedule s
 WHERE s.clinic_id = :clinic_id AND s.remind_via = 'device' AND s.next_due_at IS NOT NULL
"""

_COUNT_ALL_UP = text(f"""
UPDATE patient SET plan_revision = plan_revision + 1
 WHERE clinic_id = :clinic_id AND id IN ({_LEFT_TO_DEVICES})
""")

_OWE_ALL = text(f"""
UPDATE destination SET sync_due_at = :now, sync_attempts = 0
 WHERE clinic_id = :clinic_id AND patient_id IN ({_LEFT_TO_DEVICES}) AND device_id IS NOT NULL
   AND retired_at IS NULL
""")

# A sync that is under way has been given a later `sync_due_at`; this one takes it away from
# whoever holds it, who then leaves it standing.
_OWE_SYNC = text("""
UPDATE destination SET sync_due_at = :now, sync_attempts = 0
 WHERE clinic_id = :clinic_id AND patient_id = :patient_id AND device_id IS NOT NULL
   AND retired_at IS NULL
""")

# What an edit of the plan holds at this moment it will have told itself.
OWE_OTHERS = """
UPDATE destination SET sync_due_at = %(now)s, sync_attempts = 0
 WHERE clinic_id = %(clinic_id)s AND id = ANY (ARRAY(
       SELECT id FROM destination
        WHERE clinic_id = %(clinic_id)s AND patient_id = %(patient_id)s
          AND device_id IS NOT NULL AND retired_at IS NULL
          AND device_id IS DISTINCT FROM %(but_not)s::uuid
          FOR NO KEY UPDATE SKIP LOCKED))
"""


def plan_changed(session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> None:
    """Count the plan's revision up and owe every device of the patient a silent sync."""
    key = {"clinic_id": clinic_id, "patient_id": patient_id}
    session.execute(_COUNT_UP, key)
    session.execute(_OWE_SYNC, key | {"now": now})


def every_plan_changed(session: Session, clinic_id: UUID, *, now: datetime) -> None:
    """Count up what a clinic's setting changes: the plans that leave something to a device."""
    for statement in (_COUNT_ALL_UP, _OWE_ALL):
        session.execute(statement, {"clinic_id": clinic_id, "now": now})


def devices_owed_sync(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    now: datetime,
    but_not: UUID | None = None,
) -> None:
    """Owe a sync to the patient's devices, except the one on which something was done.

    The plan is the same, so its revision is; but what was done there must not ring here.
    """
    values = {"clinic_id": clinic_id, "patient_id": patient_id, "but_not": but_not, "now": now}
    session.connection().exec_driver_sql(OWE_OTHERS, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNotification:
    """One notification that a device shows by itself, with neutral texts.

    The device gives it the occurrence's id as its own identifier, so that doing the thing
    takes it away and a push about the same thing takes its place.
    """

    occurrence_id: str
    at: datetime
    title: str
    line: str
    expires_at: datetime
    deep_link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlanView:
    """The notifications of a plan's `revision`, soonest first.

    They are complete for what falls due before `until`.
    """

    revision: int
    until: datetime
    entries: Sequence[LocalNotification]


def read_device_plan(
    session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime
) -> DevicePlanView:
    """Return what the patient's devices are to remind of by themselves from now on.

    The revision is read first: an edit in between makes the plan newer than its number, so
    that the device asks again, and never older.
    """
    key = {"clinic_id": clinic_id, "patient_id": patient_id}
    connection = session.connection()
    patient = _Patient._make(connection.exec_driver_sql(_PATIENT, key).one())
    policy = policy_of(patient.reminder_defaults).for_patient(patient.preferences)
    manner = Manner(
        time_zone=patient.time_zone,
        quiet_hours=policy.quiet_hours,
        breaks=policy.breaks,
        pause=patient.preferences.get("pause"),
    )
    today = local_date(patient.time_zone, now)
    found = _candidates(session, clinic_id, patient_id, today, now=now)
    horizon = start_of_day(patient.time_zone, today + _DAYS)
    plan = device_plan(found, manner, now=now, horizon=horizon)
    language = language_of(patient.locale)
    return DevicePlanView(
        revision=patient.plan_revision,
        until=plan.until,
        entries=[_notification(each, language) for each in plan.planned],
    )


class _Patient(NamedTuple):
    plan_revision: int
    time_zone: str
    locale: str
    preferences: dict[str, Any]
    reminder_defaults: str


def _candidates(
    session: Session, clinic_id: UUID, patient_id: UUID, today: date, *, now: datetime
) -> Iterator[Candidate]:
    """Yield what devices remind of, from yesterday's that may still be snoozed on."""
    first, last = today - _DAY, today + _DAYS - _DAY
    values = agenda_values(clinic_id, patient_id, first, last)
    rows = session.connection().exec_driver_sql(AGENDA_ROWS, values)
    mine = [row for row in rows if row.remind_via == _CARRIER]
    quiet = {row.id: rule_of(row.rule).quiet for row in mine}
    for entry in read_agenda(mine, first, last, now=now, language=DEFAULT_LANGUAGE):
        lineage, _ = decode(entry.id)
        yield Candidate(
            occurrence_id=entry.id,
            lineage_id=lineage,
            kind=entry.kind,
            rest=is_rest(entry.kind, entry.slot),
            local_date=entry.local_date,
            due_at=entry.due_at,
            expires_at=entry.expires_at,
            state=entry.state,
            next_at=entry.next_at,
            quiet=quiet[lineage],
        )


def _notification(planned: Planned, language: str) -> LocalNotification:
    one, kind = planned.candidate, reminder_kind(planned.candidate.kind)
    return LocalNotification(
        occurrence_id=one.occurrence_id,
        at=planned.at,
        title=in_language(kind.titles, language),
        line=in_language(kind.lines, language),
        expires_at=one.expires_at,
        deep_link=f"/occurrences/{one.occurrence_id}",
    )

"""Who watches a patient's episode right now, read in one statement outside of a check-in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.domain.monitoring import Watch
from recovery_service.domain.red_flags import Situation
from recovery_service.errors import NoSuchObject
from recovery_service.services.check_in_judgement import watch_of
from recovery_service.services.check_in_statement import Outcome

_STATEMENT = """
SELECT e.id, e.surgery_date, e.discharge_date, e.procedure, e.state = 'ended' AS ended,
       e.monitored_until, t.name, t.country, t.time_zone, t.opening_hours, t.phones,
       ARRAY(SELECT h.day FROM site_holiday h
              WHERE h.clinic_id = e.clinic_id AND h.site_id = t.id
                AND h.day BETWEEN %(today)s::date - 1 AND %(today)s::date + 61),
       a.respond_by, a.seen_at, a.escalated, false, true, NULL,
       p.time_zone, coalesce(d.time_zone, p.time_zone), p.id
  FROM episode e
  JOIN site t ON t.clinic_id = e.clinic_id AND t.id = e.site_id
  JOIN patient p ON p.clinic_id = e.clinic_id AND p.id = e.patient_id
  LEFT JOIN device d ON d.clinic_id = e.clinic_id AND d.id = %(device_id)s::uuid
 CROSS JOIN LATERAL (
       SELECT min(respond_by) FILTER (WHERE state = 'open') AS respond_by,
              max(acknowledged_at) FILTER (WHERE state = 'acknowledged') AS seen_at,
              coalesce(bool_or(escalation > 0 AND state = 'open'), false) AS escalated
         FROM alert
        WHERE clinic_id = e.clinic_id AND episode_id = e.id AND state <> 'resolved') a
 WHERE e.clinic_id = %(clinic_id)s AND e.id = %(episode_id)s
"""
_WIDTH = len(Outcome._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An episode's standing with its site, and the clock that its patient lives by.

    `there` is the zone of the patient's device, which tells in which country they are.
    """

    patient_id: UUID
    outcome: Outcome
    watch: Watch
    time_zone: str
    there: str

    def is_over(self, now: datetime) -> bool:
        """Say whether the recovery has ended, or the time in which it is watched."""
        until = self.watch.until
        return self.watch.ended or until is None or local_date(self.time_zone, now) > until

    def situation(self, now: datetime) -> Situation:
        """Return whose words are judged, on the patient's date."""
        return Situation(
            episode_id=self.outcome.episode_id,
            procedure=self.outcome.procedure,
            surgery_date=self.outcome.surgery_date,
            local_date=local_date(self.time_zone, now),
        )


def watched_episode(
    session: Session, content: Content, clinic_id: UUID, episode_id: UUID, *,
    device_id: UUID | None, now: datetime,
) -> Watched:  # fmt: skip
    """Return who watches an episode; raises NoSuchObject."""
    values: dict[str, Any] = {
        "clinic_id": clinic_id,
        "episode_id": episode_id,
        "device_id": device_id,
        "today": now.date(),
    }
    row = session.connection().exec_driver_sql(_STATEMENT, values).one_or_none()
    if row is None:
        raise NoSuchObject("episode")
    outcome = Outcome._make(row[:_WIDTH])
    time_zone, there, patient_id = row[_WIDTH:]
    return Watched(
        patient_id=patient_id,
        outcome=outcome,
        watch=watch_of(content, outcome, time_zone=there, now=now),
        time_zone=time_zone,
        there=there,
    )

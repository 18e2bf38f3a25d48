"""The one statement of a check-in: episode, report, the day's check-in and its reminders."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from recovery_service.errors import NoSuchObject

# Deliveries are taken before occurrences, in the order of the plan's edits. A report whose
# day has more to close than rows (`more`) is not stored here unless the caller has it locked.
# Arrays of keys, not joins: a plan that was cached while the tables were small must never
# read a whole clinic.
_RECORD = """
WITH chosen AS (
    SELECT e.id, e.surgery_date, e.discharge_date, e.procedure, e.state = 'ended' AS ended,
           e.monitored_until, t.id AS site_id, t.name AS site, t.country,
           t.time_zone AS site_zone, t.opening_hours, t.phones,
           CASE WHEN e.state = 'on_hold' OR e.ended_on < %(date)s::date
                THEN '[{"code": "episode_not_open"}]'::jsonb ELSE '[]' END
           || CASE WHEN coalesce(e.surgery_date, e.discharge_date) > %(date)s::date
                   THEN '[{"code": "before_surgery"}]'::jsonb ELSE '[]' END AS issues
      FROM episode e
      JOIN site t ON t.clinic_id = e.clinic_id AND t.id = e.site_id
     WHERE e.clinic_id = %(clinic_id)s AND e.patient_id = %(patient_id)s
       AND (%(episode_id)s::uuid IS NULL OR e.id = %(episode_id)s::uuid)
     ORDER BY coalesce(e.surgery_date, e.discharge_date) <= %(date)s::date
              AND (e.ended_on IS NULL OR e.ended_on >= %(date)s::date) DESC,
              e.state = 'ended', e.discharge_date DESC, e.id DESC
     LIMIT 1
), work AS (
    SELECT NOT %(locked)s AND EXISTS (
           SELECT FROM schedule s
            WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
              AND s.episode_id = chosen.id
              AND CASE WHEN s.kind = 'check_in'
                  THEN s.next_due_at IS NOT NULL AND s.next_date <= %(date)s::date
                       AND NOT EXISTS (
                           SELECT FROM occurrence o
                            WHERE o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                              AND o.occ_key >= %(from_key)s AND o.occ_key < %(until_key)s)
                  ELSE %(sessions)s AND s.kind = ANY (%(exercise)s)
                  END) AS more
      FROM chosen
), stored AS (
    INSERT INTO check_in (clinic_id, id, episode_id, local_date, recorded_at, received_at,
                          time_zone, form_version, answers, note, issues, supersedes, source,
                          reported_by, entered_by, device_id, device_verdict)
    SELECT %(clinic_id)s, %(id)s, c.id, %(date)s::date, %(recorded_at)s, %(received_at)s,
           %(time_zone)s, %(form_version)s, %(answers)s::jsonb, %(note)s::text,
           %(issues)s::jsonb || c.issues, %(supersedes)s::uuid, %(source)s,
           %(reported_by)s::text, %(entered_by)s::uuid, %(device_id)s::uuid,
           %(device_verdict)s::jsonb
      FROM chosen c, work
     WHERE NOT work.more
    ON CONFLICT (clinic_id, id) DO NOTHING
    RETURNING id, issues
), waiting AS (
    SELECT o.id
      FROM occurrence o
     WHERE %(closes)s AND EXISTS (SELECT FROM stored)
       AND o.clinic_id = %(clinic_id)s
       AND o.lineage_id = ANY (ARRAY(
           SELECT s.id
             FROM chosen c
             JOIN schedule s ON s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
              AND s.episode_id = c.id AND s.kind = 'check_in'))
       AND o.occ_key >= %(from_key)s AND o.occ_key < %(until_key)s
       AND o.state IN ('due', 'snoozed', 'missed')
), dropped AS (
    UPDATE delivery d
       SET state = 'dropped', reason = 'done', settled_at = %(received_at)s, owner = NULL
     WHERE d.clinic_id = %(clinic_id)s AND d.occurrence_id = ANY (ARRAY(SELECT id FROM waiting))
       AND d.state IN ('ready', 'leased')
    RETURNING d.id
), closed AS (
    UPDATE occurrence o
       SET state = 'done', reason = 'check_in', closed_at = %(received_at)s
     WHERE o.clinic_id = %(clinic_id)s AND o.id = ANY (ARRAY(SELECT id FROM waiting))
       AND o.state IN ('due', 'snoozed', 'missed') AND (SELECT count(*) FROM dropped) >= 0
    RETURNING o.id
)
SELECT c.id, c.surgery_date, c.discharge_date, c.procedure, c.ended, c.monitored_until, c.site,
       c.country, c.site_zone, c.opening_hours, c.phones,
       ARRAY(SELECT h.day FROM site_holiday h
              WHERE h.clinic_id = %(clinic_id)s AND h.site_id = c.site_id
                AND h.day BETWEEN %(today)s::date - 1 AND %(today)s::date + 61),
       a.respond_by, a.seen_at, a.escalated,
       work.more, stored.id IS NOT NULL, stored.issues
  FROM chosen c CROSS JOIN work LEFT JOIN stored ON true
 CROSS JOIN LATERAL (
       SELECT min(respond_by) FILTER (WHERE state = 'open') AS respond_by,
              max(acknowledged_at) FILTER (WHERE state = 'acknowledged') AS seen_at,
              coalesce(bool_or(escalation > 0 AND state = 'open'), false) AS escalated
         FROM alert
        WHERE clinic_id = %(clinic_id)s AND episode_id = c.id AND state <> 'resolved') a
"""

# The episode's other reports, as the rules read them. What lies far back is read for its course
# alone, and a note only where its date is judged.
HISTORY = """
SELECT k.id, k.episode_id, k.local_date, k.recorded_at, k.received_at, k.supersedes,
       CASE WHEN k.local_date > %(date)s::date - 30 THEN k.answers
            ELSE (SELECT coalesce(jsonb_object_agg(i.code, k.answers -> i.code), '{}')
                    FROM unnest(%(course_items)s::text[]) AS i (code)
                   WHERE k.answers ? i.code) END,
       CASE WHEN k.local_date >= %(date)s::date THEN k.note END,
       k.issues
  FROM check_in k
 WHERE k.clinic_id = %(clinic_id)s AND k.id <> %(id)s AND k.episode_id = (
       SELECT own.episode_id FROM check_in own
        WHERE own.clinic_id = %(clinic_id)s AND own.id = %(id)s)
"""


# Without the line breaks and indents: the driver reads a statement of more than 4,096 characters
# anew each time, which took longer than all else it does for it.
RECORD = " ".join(_RECORD.split())


class Outcome(NamedTuple):
    """What `RECORD` answers: the episode and its site, what waits, and what was stored."""

    episode_id: UUID
    surgery_date: date | None
    discharge_date: date
    procedure: str
    ended: bool
    monitored_until: date | None
    site: str
    country: str
    site_zone: str
    opening_hours: dict[str, Any]
    phones: dict[str, str]
    holidays: list[date]
    respond_by: datetime | None
    seen_at: datetime | None
    escalated: bool
    more: bool
    stored: bool
    issues: list[dict[str, Any]] | None

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Self:
        """Read the one row; without an episode there is none."""
        if not rows:
            raise NoSuchObject("episode")
        return cls._make(rows[0])

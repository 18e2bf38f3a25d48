"""The one statement of a check-in: episode, report, the day's check-in and its reminders."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, Self
from uuid import UUID

from recovery_service.errors import NoSuchObject

# Deliveries are taken before occurrences, in the order of the plan's edits. A report whose
# day has more to close than rows (`more`) is not stored here unless the caller has it locked.
# Arrays of keys, not joins: a plan that was cached while the tables were small must never
# read a whole clinic.
RECORD = """
WITH chosen AS (
    SELECT e.id, e.surgery_date, e.discharge_date, t.phones,
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
                          reported_by, entered_by, device_id)
    SELECT %(clinic_id)s, %(id)s, c.id, %(date)s::date, %(recorded_at)s, %(received_at)s,
           %(time_zone)s, %(form_version)s, %(answers)s::jsonb, %(note)s::text,
           %(issues)s::jsonb || c.issues, %(supersedes)s::uuid, %(source)s,
           %(reported_by)s::text, %(entered_by)s::uuid, %(device_id)s::uuid
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
SELECT c.id, c.surgery_date, c.discharge_date, c.phones, work.more, stored.id IS NOT NULL,
       stored.issues
  FROM chosen c CROSS JOIN work LEFT JOIN stored ON true
"""


class Outcome(NamedTuple):
    """What `RECORD` answers."""

    episode_id: UUID
    surgery_date: date | None
    discharge_date: date
    phones: dict[str, str]
    more: bool
    stored: bool
    issues: list[dict[str, Any]] | None

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Self:
        """Read the one row; without an episode there is none."""
        if not rows:
            raise NoSuchObject("episode")
        return cls._make(rows[0])

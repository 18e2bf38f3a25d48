"""The caseload's one statement: per patient a bounded number of index look-ups.

Whatever a history's length, each look-up reads the last two weeks or one row; four weeks where
a clinician is asked about a phase, and nobody else's are read for that. The
windows here are a day wider than needed on either side: which local day a patient
has is decided in Python, where time zones are.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from recovery_service.domain.local_time import local_date
from recovery_service.domain.situations import Unread

# The episode that runs, found by the partial unique index on what has not ended ...
_CURRENT = """
  JOIN episode e ON e.clinic_id = p.clinic_id AND e.patient_id = p.id AND e.state <> 'ended'
                AND e.state = ANY(%(states)s)
"""
# ... or the latest, where ended ones are asked for as well.
_LATEST = """
  JOIN LATERAL (
       SELECT * FROM episode
        WHERE clinic_id = p.clinic_id AND patient_id = p.id
        ORDER BY (state = 'ended'), discharge_date DESC, id DESC
        LIMIT 1) e ON e.state = ANY(%(states)s)
"""

_STATEMENT = """
WITH chosen AS MATERIALIZED (
    SELECT p.clinic_id, p.id, p.name, p.time_zone, p.contact_mode, p.preferences,
           p.created_at,
           e.id AS episode_id, e.procedure, e.state, e.surgery_date, e.discharge_date, e.baseline
      FROM patient p {episode}
     WHERE p.clinic_id = %(clinic_id)s
       AND (%(pattern)s::text IS NULL OR p.name ILIKE %(pattern)s::text OR EXISTS (
            SELECT FROM patient_external_id x
             WHERE x.clinic_id = p.clinic_id AND x.patient_id = p.id AND x.value = %(search)s))
       {after}
     {order}
)
SELECT c.id, c.name, c.time_zone, c.contact_mode, c.preferences, c.created_at, c.episode_id,
       c.procedure, c.state, c.surgery_date, c.discharge_date, c.baseline,
       plan.published, plan.draft, reach.enrolled, reach.reachable,
       last.local_date, last.received_at, last.answers, pain.days, silence.days,
       exercise.days, booked.starts_at, booked.title, to_book.rows, visits.rows, nudged.days,
       alerts.rows, unfilled.days, unread.count, unread.since, waiting.row, told.rows,
       sessions.rows, rejected.count
  FROM chosen c
 CROSS JOIN LATERAL (
       SELECT coalesce(bool_or(v.state = 'live'), false) AS published,
              coalesce(bool_or(v.state = 'draft'), false) AS draft,
              (jsonb_agg(v.phases) FILTER (
                  WHERE v.state = 'live' AND v.phases @> '[{{"advance": "clinician"}}]'))->0
                  AS phases
         FROM recovery_plan r
         JOIN plan_revision v ON v.clinic_id = r.clinic_id AND v.plan_id = r.id
                             AND v.state IN ('draft', 'live')
        WHERE r.clinic_id = c.clinic_id AND r.episode_id = c.episode_id) plan
 CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT FROM device v
                       WHERE v.clinic_id = c.clinic_id AND v.patient_id = c.id) AS enrolled,
              EXISTS (SELECT FROM destination d
                        LEFT JOIN device v ON v.clinic_id = d.clinic_id AND v.id = d.device_id
                       WHERE d.clinic_id = c.clinic_id AND d.patient_id = c.id
                         AND d.channel <> 'inbox' AND d.retired_at IS NULL
                         AND d.opted_out_at IS NULL AND v.revoked_at IS NULL
                         AND v.permission IS DISTINCT FROM 'denied') AS reachable) reach
  LEFT JOIN LATERAL (
       SELECT k.local_date, k.received_at, k.answers FROM check_in k
        WHERE k.clinic_id = c.clinic_id AND k.episode_id = c.episode_id
        ORDER BY k.local_date DESC, k.recorded_at DESC LIMIT 1) last ON true
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(d.local_date, d.answers)) AS days FROM (
              SELECT DISTINCT ON (k.local_date) k.local_date,
                     jsonb_build_object(
                         'nrs_back', k.answers->'nrs_back', 'nrs_leg', k.answers->'nrs_leg',
                         'nrs_neck', k.answers->'nrs_neck', 'nrs_arm', k.answers->'nrs_arm'
                     ) AS answers
                FROM check_in k
               WHERE k.clinic_id = c.clinic_id AND k.episode_id = c.episode_id
                 AND k.local_date > %(today)s::date - 16
               ORDER BY k.local_date DESC, k.recorded_at DESC) d) pain
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(o.local_date) AS days
         FROM schedule s
         JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                          AND o.occ_key >= %(silence_from)s AND o.occ_key < %(until)s
        WHERE s.clinic_id = c.clinic_id AND s.patient_id = c.id AND s.kind = 'check_in'
          AND s.episode_id = c.episode_id AND o.state = 'missed'
          AND o.reason = ANY(%(unanswered)s)
          AND o.local_date > coalesce(last.local_date, c.discharge_date - 1)) silence
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(d.kind, d.local_date, d.state, d.reason, d.count)) AS days
         FROM (SELECT s.kind, o.local_date, o.state, o.reason, count(*) AS count
                 FROM schedule s
                 JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                                  AND o.occ_key >= %(week_from)s AND o.occ_key < %(until)s
                WHERE s.clinic_id = c.clinic_id AND s.patient_id = c.id
                  AND s.episode_id = c.episode_id AND s.kind = ANY(%(counted)s)
                GROUP BY s.kind, o.local_date, o.state, o.reason) d) exercise
  LEFT JOIN LATERAL (
       SELECT a.starts_at, a.title FROM appointment a
        WHERE a.clinic_id = c.clinic_id AND a.patient_id = c.id
          AND a.starts_at > %(now)s AND a.state = 'booked'
        ORDER BY a.starts_at LIMIT 1) booked ON true
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(a.title, a.window_from, a.window_to)
                        ORDER BY a.window_to) AS rows
         FROM appointment a
        WHERE a.clinic_id = c.clinic_id AND a.patient_id = c.id AND a.starts_at IS NULL
          AND a.state = 'to_book' AND a.episode_id = c.episode_id
          AND a.response IS NULL
          AND a.window_from <= %(today)s::date + 1) to_book
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(
                  CASE WHEN a.state = 'to_book' THEN 'appointment_booked_elsewhere'
                       WHEN a.starts_at > %(now)s THEN 'appointment_change_requested'
                       ELSE 'appointment_outcome_unknown' END,
                  a.title, coalesce(a.starts_at, a.responded_at))) AS rows
         FROM appointment a
        WHERE a.clinic_id = c.clinic_id AND a.patient_id = c.id AND a.episode_id = c.episode_id
          AND (a.state = 'to_book' AND a.response = 'booked_elsewhere'
               OR a.state = 'booked' AND a.starts_at > %(now)s AND a.response = 'request_change'
               OR a.state = 'booked'
                  AND a.starts_at + a.minutes * interval '1 minute' <= %(now)s)) visits
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(o.local_date) AS days
         FROM schedule s
         JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                          AND o.occ_key >= %(nudged_from)s AND o.occ_key < %(until)s
        WHERE s.clinic_id = c.clinic_id AND s.patient_id = c.id AND s.kind = ANY(%(nudged)s)
          AND s.episode_id = c.episode_id AND o.state = 'missed' AND o.reason = 'not_answered'
          AND EXISTS (SELECT FROM delivery d
                       WHERE d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                         AND d.cause = 'nudge' AND d.state = 'sent')) nudged
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(
                  a.rule_id, a.tier, a.state,
                  a.state = 'open' AND (a.escalation > 0 OR a.respond_by <= %(now)s))) AS rows
         FROM alert a
        WHERE a.clinic_id = c.clinic_id AND a.episode_id = c.episode_id
          AND a.state <> 'resolved') alerts
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(o.local_date) AS days
         FROM schedule s
         JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                          AND o.occ_key = 'once'
        WHERE s.clinic_id = c.clinic_id AND s.patient_id = c.id AND s.kind = 'questionnaire'
          AND s.episode_id = c.episode_id
          AND (o.state IN ('due', 'snoozed')
               OR o.state = 'missed' AND o.reason = ANY(%(unanswered)s)
                  AND o.expires_at > %(now)s - interval '14 days')) unfilled
 CROSS JOIN LATERAL (
       SELECT count(*) AS count, min(m.received_at) AS since
         FROM message_thread t
         JOIN message m ON m.clinic_id = t.clinic_id AND m.episode_id = t.episode_id
                       AND m.number > t.staff_read AND m.sender = 'patient'
        WHERE t.clinic_id = c.clinic_id AND t.episode_id = c.episode_id
          AND t.patient_last > t.staff_read) unread
  LEFT JOIN LATERAL (
       SELECT jsonb_build_array(w.phase, w.decision, w.decided_at) AS row FROM (
              SELECT f.phase, d.decision, d.decided_at
                FROM jsonb_array_elements(plan.phases) WITH ORDINALITY f(phase, place)
                LEFT JOIN LATERAL (
                     SELECT x.decision, x.decided_at FROM phase_decision x
                      WHERE x.clinic_id = c.clinic_id AND x.episode_id = c.episode_id
                        AND x.phase = f.phase->>'code'
                      ORDER BY x.number DESC LIMIT 1) d ON true
               WHERE f.phase->>'advance' = 'clinician' AND d.decision IS DISTINCT FROM 'accept'
               ORDER BY f.place LIMIT 1) w
        WHERE (w.phase->>'decide_from_day')::integer
              <= %(today)s::date + 1 - c.surgery_date) waiting ON true
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(
                  k.id, k.local_date, k.recorded_at, k.received_at, k.supersedes, k.issues,
                  k.answers)) AS rows
         FROM check_in k
        WHERE waiting.row IS NOT NULL
          AND k.clinic_id = c.clinic_id AND k.episode_id = c.episode_id
          AND k.local_date > %(today)s::date - 30) told
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(d.kind, d.local_date, d.state, d.reason, d.count)) AS rows
         FROM (SELECT s.kind, o.local_date, o.state, o.reason, count(*) AS count
                 FROM schedule s
                 JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                                  AND o.occ_key >= %(month_from)s AND o.occ_key < %(until)s
                WHERE waiting.row IS NOT NULL AND s.clinic_id = c.clinic_id
                  AND s.patient_id = c.id AND s.episode_id = c.episode_id
                  AND s.kind = ANY(%(counted)s)
                GROUP BY s.kind, o.local_date, o.state, o.reason) d) sessions
 CROSS JOIN LATERAL (
       SELECT count(*) FROM rejected_report r
        WHERE r.clinic_id = c.clinic_id AND r.episode_id = c.episode_id
          AND r.seen_at IS NULL) rejected
 {final}
"""

_ORDERS = {
    "attention": ("", "", ""),
    "name": (
        """AND (%(after_name)s::text IS NULL
             OR (lower(p.name), p.id) > (lower(%(after_name)s::text), %(after_id)s::uuid))""",
        "ORDER BY lower(p.name), p.id LIMIT %(limit)s",
        "ORDER BY lower(c.name), c.id",
    ),
    "newest": (
        """AND (%(after_at)s::timestamptz IS NULL
             OR (p.created_at, p.id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))""",
        "ORDER BY p.created_at DESC, p.id DESC LIMIT %(limit)s",
        "ORDER BY c.created_at DESC, c.id DESC",
    ),
}


class CaseloadRow(NamedTuple):
    """The statement's columns; lists of days are JSON with dates as text."""

    id: UUID
    name: str
    time_zone: str
    contact_mode: str
    preferences: Mapping[str, Any]
    created_at: datetime
    episode_id: UUID
    procedure: str
    state: str
    surgery_date: date | None
    discharge_date: date
    baseline: Mapping[str, Any]
    published: bool
    draft: bool
    enrolled: bool
    reachable: bool
    last_date: date | None
    last_received: datetime | None
    last_answers: Mapping[str, Any] | None
    pain: list[Any] | None
    unanswered: list[str] | None
    exercise: list[Any] | None
    booked_at: datetime | None
    booked_title: Mapping[str, str] | None
    to_book: list[Any] | None
    visits: list[Any] | None
    nudged: list[str] | None
    alerts: list[Any] | None
    unfilled: list[str] | None
    unread_count: int
    unread_since: datetime | None
    waiting: list[Any] | None
    told: list[Any] | None
    sessions: list[Any] | None
    rejected: int

    @property
    def unread(self) -> Unread | None:
        """The patient's messages that nobody has read, since a date on the patient's calendar."""
        if self.unread_since is None:
            return None
        since = local_date(self.time_zone, self.unread_since)
        return Unread(many=self.unread_count, since=since)


def statement(sort: str, *, with_ended: bool) -> str:
    """Return the statement for one order; the ranking itself is made of its rows."""
    after, order, final = _ORDERS[sort]
    return _STATEMENT.format(
        episode=_LATEST if with_ended else _CURRENT, after=after, order=order, final=final
    )

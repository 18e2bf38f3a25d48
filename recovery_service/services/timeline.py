"""The timeline of an episode: everything that happened, newest first, in one statement.

Each kind of happening is one part of a union, narrowed and cut by itself, so that a page
costs the same however long the history is. What nobody asked for is not read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.models import Episode

# A device's clock may run ahead of ours: what it says happened later than we heard of it
# happened when we heard of it. Whether somebody opened a notification is not told: it is
# nobody's business how a patient goes about reminders.
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "check_in": """
SELECT least(c.recorded_at, c.received_at) AS at, 'check_in:' || c.id AS key,
       'check_in' AS type, 'check_in_recorded' AS event, c.id::text AS subject_id,
       c.entered_by AS actor_id, NULL::jsonb AS title,
       jsonb_build_object('local_date', c.local_date, 'recorded_at', c.recorded_at,
                          'received_at', c.received_at, 'source', c.source,
                          'issues', c.issues) AS details
  FROM check_in c
 WHERE c.clinic_id = %(clinic_id)s AND c.episode_id = %(episode_id)s""",
        "rejected_report": """
SELECT r.received_at AS at, 'rejected_report:' || r.id AS key, 'rejected_report' AS type,
       'check_in_rejected' AS event, r.id::text AS subject_id, NULL::uuid AS actor_id,
       NULL::jsonb AS title,
       jsonb_build_object('code', r.code, 'seen_at', r.seen_at, 'seen_by', r.seen_by) AS details
  FROM rejected_report r
 WHERE r.clinic_id = %(clinic_id)s AND r.episode_id = %(episode_id)s""",
        "occurrence": """
SELECT least(a.at, a.received_at) AS at, 'occurrence:' || a.id AS key,
       'occurrence' AS type, 'occurrence_' || a.action AS event, s.id::text AS subject_id,
       NULL::uuid AS actor_id, i.title,
       jsonb_build_object('kind', s.kind, 'local_date', o.local_date, 'late', a.late,
                          'reason', a.reason, 'pain', a.pain, 'done', a.done,
                          'source', a.source) AS details
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
  JOIN occurrence_action a ON a.clinic_id = o.clinic_id AND a.occurrence_id = o.id
  LEFT JOIN LATERAL (
       SELECT i.title
         FROM plan_item i
         JOIN plan_revision v ON v.clinic_id = i.clinic_id AND v.id = i.revision_id
        WHERE i.clinic_id = s.clinic_id AND i.lineage_id = s.id AND v.state <> 'draft'
        ORDER BY v.number DESC
        LIMIT 1) i ON true
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
   AND s.episode_id = %(episode_id)s""",
        "delivery": """
SELECT max(d.settled_at) AS at,
       'delivery:' || s.id || ':' || o.occ_key || ':' || d.round AS key,
       'delivery' AS type,
       CASE WHEN bool_or(d.state = 'sent') THEN 'reminder_sent' ELSE 'reminder_not_sent' END
       AS event,
       s.id::text AS subject_id, NULL::uuid AS actor_id, NULL::jsonb AS title,
       jsonb_build_object('kind', s.kind, 'local_date', o.local_date,
                          'channels', jsonb_agg(jsonb_build_object(
                              'channel', t.channel, 'state', d.state, 'reason', d.reason,
                              'delivered_at', least(d.delivered_at, lead.delivered_at))
                              ORDER BY t.channel, d.id))
       AS details
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
  JOIN delivery d ON d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
  JOIN destination t ON t.clinic_id = d.clinic_id AND t.id = d.destination_id
  LEFT JOIN delivery lead ON d.state = 'sent' AND lead.clinic_id = d.clinic_id
                         AND lead.id = d.lead_id
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
   AND s.episode_id = %(episode_id)s AND d.settled_at IS NOT NULL
 GROUP BY s.id, s.kind, o.occ_key, o.local_date, d.round""",
        "plan": """
SELECT r.published_at AS at, 'plan:' || r.id AS key, 'plan' AS type,
       'plan_published' AS event, r.plan_id::text AS subject_id, r.published_by AS actor_id,
       NULL::jsonb AS title,
       jsonb_build_object('number', r.number, 'effective_from', r.effective_from,
                          'note', r.note) AS details
  FROM recovery_plan n
  JOIN plan_revision r ON r.clinic_id = n.clinic_id AND r.plan_id = n.id
 WHERE n.clinic_id = %(clinic_id)s AND n.episode_id = %(episode_id)s
   AND r.published_at IS NOT NULL""",
        "episode": """
SELECT e.at, 'episode:' || e.id AS key, 'episode' AS type, e.action AS event,
       e.subject_id, e.actor_id, NULL::jsonb AS title, '{}'::jsonb AS details
  FROM audit_event e
 WHERE e.clinic_id = %(clinic_id)s AND e.patient_id = %(patient_id)s
   AND e.subject_kind = 'episode' AND e.subject_id = %(episode_id)s::text
   AND e.action IN ('episode_opened', 'episode_changed', 'episode_held', 'episode_released',
                    'episode_ended', 'episode_superseded')""",
        "appointment": """
SELECT e.at, 'appointment:' || e.id AS key, 'appointment' AS type, e.action AS event,
       e.subject_id, e.actor_id, a.title,
       jsonb_build_object('kind', a.kind, 'starts_at', a.starts_at, 'state', a.state) AS details
  FROM appointment a
  JOIN audit_event e ON e.clinic_id = a.clinic_id AND e.patient_id = a.patient_id
                    AND e.subject_kind = 'appointment' AND e.subject_id = a.id::text
 WHERE a.clinic_id = %(clinic_id)s AND a.patient_id = %(patient_id)s
   AND a.episode_id = %(episode_id)s""",
    }
)
_BEFORE = "WHERE %(at)s::timestamptz IS NULL OR (p.at, p.key) < (%(at)s, %(key)s)"
_CUT = "ORDER BY p.at DESC, p.key DESC LIMIT %(rows)s"

TYPES = tuple(_PARTS)
#: What a timeline shows unless it is asked: one line for each reminder would drown the rest.
USUAL = tuple(name for name in TYPES if name != "delivery")


class Happening(NamedTuple):
    """One line of a timeline; `title` is by language, `actor_name` of a member of staff."""

    at: datetime
    key: str
    type: str
    event: str
    subject_id: str
    actor_id: UUID | None
    title: Mapping[str, str] | None
    details: Mapping[str, Any]
    actor_name: str | None


def timeline(
    session: Session,
    episode: Episode,
    types: Sequence[str],
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Happening]:
    """Return what happened, newest first, one more than `limit`."""
    at, key = before or (None, "")
    values = {
        "clinic_id": episode.clinic_id,
        "patient_id": episode.patient_id,
        "episode_id": episode.id,
        "at": at,
        "key": key,
        "rows": limit + 1,
    }
    rows = session.connection().exec_driver_sql(_statement(types), values)
    return [Happening._make(row) for row in rows]


def _statement(types: Sequence[str]) -> str:
    parts = [
        f"(SELECT p.* FROM ({_PARTS[name]}) p {_BEFORE} {_CUT})"
        for name in TYPES
        if name in set(types)
    ]
    return f"""
SELECT p.*, m.name AS actor_name
  FROM ({" UNION ALL ".join(parts)}) p
  LEFT JOIN staff_member m ON m.clinic_id = %(clinic_id)s AND m.id = p.actor_id
 {_CUT}"""

"""Reminders for a device or an address that comes late: what still matters arrives once.

What had expired before is closed by the sweep, with its reason. The service's budget, quiet
hours and bundling hold as for any other reminder, so that nobody's first day is a flood.
"""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from recovery_service.models import Patient, Schedule
from recovery_service.reminders.reach import is_ours, takes

# Nothing that a provider took in this round is said again: a renewed token or a second phone
# is no reason to repeat it. The inbox is only a list, so what is in it has not rung yet.
_REMIND = text(f"""
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT o.clinic_id, o.id, d.id, d.channel, o.round, 'late', 'ready',
       greatest(:now, coalesce(snooze.next_at, :now)), 0
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
   AND o.state IN ('due', 'snoozed') AND o.due_at <= :now AND o.expires_at > :now
  JOIN episode e ON e.clinic_id = s.clinic_id AND e.id = s.episode_id AND e.state = 'open'
  JOIN destination d ON d.clinic_id = s.clinic_id AND d.patient_id = s.patient_id
  LEFT JOIN LATERAL (
       SELECT max(a.next_at) AS next_at FROM occurrence_action a
        WHERE a.clinic_id = o.clinic_id AND a.occurrence_id = o.id AND a.action = 'snooze'
       ) snooze ON o.state = 'snoozed'
 WHERE s.clinic_id = :clinic_id AND s.patient_id = :patient_id
   AND {takes("s.kind")} AND {is_ours("s.remind_via", "o.due_at")}
   AND NOT EXISTS (SELECT FROM delivery x
                    WHERE x.clinic_id = o.clinic_id AND x.occurrence_id = o.id
                      AND x.round = o.round AND x.state = 'sent' AND x.channel <> 'inbox')
ON CONFLICT DO NOTHING
""")


def remind_late(session: Session, patient: Patient, *, now: datetime) -> None:
    """Write what is open and due for destinations that have just come to life.

    The patient's schedules are locked first: what the loop is writing at this moment it
    writes without the new destination, and is seen here; the rest it writes afterwards.
    """
    session.execute(
        select(Schedule.id)
        .where(Schedule.clinic_id == patient.clinic_id, Schedule.patient_id == patient.id)
        .order_by(Schedule.id)
        .with_for_update(key_share=True)
    )
    key = {"clinic_id": patient.clinic_id, "patient_id": patient.id}
    session.execute(_REMIND, key | {"now": now})

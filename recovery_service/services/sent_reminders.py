"""The reminders of a patient's last days as staff see them: what went out, and why or why not.

Whether it reached a device is told; what the patient did with it is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.models import Patient
from recovery_service.services.delivery_words import why_in_words

_DAYS = timedelta(days=7)
MOST = 150

REACHED, SENT, WAITS, NOT_SENT = "reached", "sent", "waits", "not_sent"

# Newest first; titles come from the newest revision that knows the item, or from the
# appointment. What another carried has arrived with that one. The inbox reaches nobody.
_REMINDERS = """
SELECT coalesce(i.title, a.title), s.kind, d.channel, d.state, d.cause, d.reason,
       coalesce(d.settled_at, d.wake_at) AS at,
       coalesce(d.delivered_at, lead.delivered_at) IS NOT NULL AS reached
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                   AND (o.occ_key >= %(from_key)s OR o.occ_key = 'once')
                   AND o.local_date >= %(from_date)s
  JOIN delivery d ON d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                 AND d.channel <> 'inbox'
  LEFT JOIN delivery lead ON d.state = 'sent' AND lead.clinic_id = d.clinic_id
                         AND lead.id = d.lead_id
  LEFT JOIN LATERAL (
       SELECT i.title FROM plan_item i
         JOIN plan_revision v ON v.clinic_id = i.clinic_id AND v.id = i.revision_id
        WHERE i.clinic_id = s.clinic_id AND i.lineage_id = s.id AND v.state <> 'draft'
        ORDER BY v.number DESC LIMIT 1) i ON true
  LEFT JOIN appointment a ON a.clinic_id = s.clinic_id AND a.id = s.id
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
 ORDER BY at DESC, d.id DESC
 LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReminder:
    """One reminder to one destination; `outcome` is reached, sent, waits or not_sent.

    `at` is when it was settled, or until when it waits; `why` is a sentence.
    """

    title: Mapping[str, str] | None
    kind: str
    channel: str
    outcome: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderDay:
    """The reminders of one date of the patient's calendar, the latest first."""

    date: date
    reminders: Sequence[SentReminder]

    def count(self, *outcomes: str) -> int:
        """Return how many ended so."""
        return sum(each.outcome in outcomes for each in self.reminders)


def sent_reminders(
    session: Session, patient: Patient, content: Content, *, now: datetime, language: str
) -> list[ReminderDay]:
    """Return the reminders of the last seven days by date, the latest first."""
    first = local_date(patient.time_zone, now) - _DAYS
    values = {
        "clinic_id": patient.clinic_id,
        "patient_id": patient.id,
        "from_date": first,
        "from_key": f"{first:%Y%m%d}",
        "most": MOST,
    }
    rows = session.connection().exec_driver_sql(_REMINDERS, values)
    found = [
        SentReminder(
            title=title,
            kind=kind,
            channel=channel,
            outcome=_outcome(state, reached=reached),
            at=at,
            why=why_in_words(content, language, state=state, cause=cause, reason=reason),
        )
        for title, kind, channel, state, cause, reason, at, reached in rows
    ]
    by_date = groupby(found, key=lambda each: local_date(patient.time_zone, each.at))
    return [ReminderDay(date=day, reminders=tuple(theirs)) for day, theirs in by_date]


def _outcome(state: str, *, reached: bool) -> str:
    if state in ("ready", "leased"):
        return WAITS
    if state != "sent":
        return NOT_SENT
    return REACHED if reached else SENT

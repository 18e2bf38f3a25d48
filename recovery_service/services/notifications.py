"""Notifications: the inbox of what was sent, and receipts of what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.domain import occurrence_ids
from recovery_service.domain.languages import in_language
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.errors import NoSuchObject

EVENTS = ("delivered", "opened", "dismissed")

# From the patient's schedules, because no delivery is indexed by who gets it: an index
# there would cost the reminder loop more than it saves here.
_INBOX = """
SELECT d.id, s.id AS lineage_id, o.occ_key, s.kind, d.settled_at AS sent_at,
       d.delivered_at, d.opened_at, d.dismissed_at
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
  JOIN destination t ON t.clinic_id = s.clinic_id AND t.patient_id = s.patient_id
                    AND t.channel = 'inbox'
  JOIN delivery d ON d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                 AND d.destination_id = t.id AND d.state = 'sent'
 WHERE s.clinic_id = :clinic_id AND s.patient_id = :patient_id
"""
_BEFORE = " AND (d.settled_at, d.id) < (:sent_at, :delivery_id)"
_NEWEST = " ORDER BY d.settled_at DESC, d.id DESC LIMIT :many"

# What was opened or dismissed has also arrived. A phone's clock may run ahead of ours.
_RECEIVE = """
UPDATE delivery AS d
   SET delivered_at = coalesce(d.delivered_at, least(:at, :now)){also}
  FROM destination t
 WHERE d.clinic_id = :clinic_id AND d.id = :delivery_id
   AND t.clinic_id = d.clinic_id AND t.id = d.destination_id AND t.patient_id = :patient_id
RETURNING d.delivered_at, d.opened_at, d.dismissed_at
"""
_ALSO = {
    "delivered": "",
    "opened": ", opened_at = coalesce(d.opened_at, least(:at, :now))",
    "dismissed": ", dismissed_at = coalesce(d.dismissed_at, least(:at, :now))",
}
_RECEIPTS = {event: text(_RECEIVE.format(also=also)) for event, also in _ALSO.items()}


class InboxRow(NamedTuple):
    """One sent notification; `delivery_id` never leaves the service as it is."""

    delivery_id: int
    lineage_id: UUID
    occ_key: str
    kind: str
    sent_at: datetime
    delivered_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None

    @property
    def occurrence_id(self) -> str:
        """The public id of what it reminded of."""
        return occurrence_ids.encode(self.lineage_id, self.occ_key)

    @property
    def deep_link(self) -> str:
        """The address inside the app."""
        return f"/occurrences/{self.occurrence_id}"

    def texts(self, language: str) -> tuple[str, str]:
        """Return the neutral title and line of its kind."""
        kind = reminder_kind(self.kind)
        return in_language(kind.titles, language), in_language(kind.lines, language)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a phone saw happen: `event` is one of `EVENTS`, `at` by its own clock."""

    event: str
    at: datetime


class Fate(NamedTuple):
    """What became of a notification; the first word of each counts."""

    delivered_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None


def inbox(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[InboxRow]:
    """Return what was sent to the patient's inbox, newest first, one more than `limit`."""
    values: dict[str, Any] = {"clinic_id": clinic_id, "patient_id": patient_id, "many": limit + 1}
    statement = _INBOX
    if before is not None:
        statement += _BEFORE
        values |= {"sent_at": before[0], "delivery_id": before[1]}
    rows = session.execute(text(statement + _NEWEST), values)
    return [InboxRow(*row[:4], *_in_utc(row[4:])) for row in rows]


def receive_receipt(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    delivery_id: int,
    receipt: Receipt,
    *,
    now: datetime,
) -> Fate:
    """Note what became of any delivery of the patient; what was noted first stands.

    Raises NoSuchObject for somebody else's.
    """
    key = {"clinic_id": clinic_id, "patient_id": patient_id, "delivery_id": delivery_id}
    row = session.execute(_RECEIPTS[receipt.event], key | {"at": receipt.at, "now": now}).first()
    if row is None:
        raise NoSuchObject("notification")
    return Fate(*_in_utc(row))


def _in_utc(instants: Sequence[datetime | None]) -> list[Any]:
    return [each and each.astimezone(UTC) for each in instants]

"""Notifications: the inbox of what was sent, and receipts of what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.domain import notification_ids, occurrence_ids
from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.domain.languages import in_language
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.errors import NoSuchObject
from recovery_service.services.delivery_words import why_in_words

EVENTS = ("delivered", "opened", "dismissed")

# From the patient's schedules, because no delivery is indexed by who gets it: an index
# there would cost the reminder loop more than it saves here. Beside each stands what became
# of the push of the same round: that is what somebody asks who heard nothing, or too much.
_INBOX = """
SELECT i.id, i.lineage_id, i.occ_key, i.kind, i.sent_at, i.delivered_at, i.opened_at,
       i.dismissed_at, push.state, push.cause, push.reason
  FROM ({page}) i
  LEFT JOIN LATERAL (
       SELECT p.state, p.cause, p.reason
         FROM delivery p
        WHERE p.clinic_id = :clinic_id AND p.occurrence_id = i.occurrence_id
          AND p.round = i.round AND p.channel <> 'inbox'
        ORDER BY array_position('{{sent,leased,ready,dropped,dead}}'::text[], p.state::text), p.id
        LIMIT 1) push ON true
 ORDER BY i.sent_at DESC, i.id DESC
"""
_PAGE = """
SELECT d.id, s.id AS lineage_id, o.occ_key, s.kind, d.settled_at AS sent_at,
       d.delivered_at, d.opened_at, d.dismissed_at, d.occurrence_id, d.round
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

# What was opened or dismissed has also arrived. A phone's clock may run ahead of ours. What
# another notification carried has arrived with that one.
_RECEIVE = """
WITH noted AS (
    UPDATE delivery AS d
       SET delivered_at = coalesce(d.delivered_at, least(:at, :now)){also}
      FROM destination t
     WHERE d.clinic_id = :clinic_id AND d.id = :delivery_id
       AND t.clinic_id = d.clinic_id AND t.id = d.destination_id AND t.patient_id = :patient_id
    RETURNING d.clinic_id, d.id, d.state, d.lead_id, d.delivered_at, d.opened_at, d.dismissed_at
)
SELECT least(n.delivered_at, lead.delivered_at), least(n.opened_at, lead.opened_at),
       least(n.dismissed_at, lead.dismissed_at)
  FROM noted n
  LEFT JOIN delivery lead ON lead.clinic_id = n.clinic_id AND lead.id = n.lead_id
                         AND lead.id <> n.id AND n.state = 'sent'
"""
_ALSO = {
    "delivered": "",
    "opened": ", opened_at = coalesce(d.opened_at, least(:at, :now))",
    "dismissed": ", dismissed_at = coalesce(d.dismissed_at, least(:at, :now))",
}
_RECEIPTS = {event: text(_RECEIVE.format(also=also)) for event, also in _ALSO.items()}


class InboxRow(NamedTuple):
    """One sent notification; `delivery_id` never leaves the service as it is.

    `push` is (state, cause, reason) of the push beside it, None where there was none.
    """

    delivery_id: int
    lineage_id: UUID
    occ_key: str
    kind: str
    sent_at: datetime
    delivered_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None
    push: tuple[str, str, str | None] | None = None

    @property
    def occurrence_id(self) -> str:
        """The public id of what it reminded of."""
        return occurrence_ids.encode(self.lineage_id, self.occ_key)

    @property
    def deep_link(self) -> str:
        """The address inside the app."""
        return occurrence_ids.address_of(self.lineage_id, self.occ_key, self.kind)

    def texts(self, language: str) -> tuple[str, str]:
        """Return the neutral title and line of its kind."""
        kind = reminder_kind(self.kind)
        return in_language(kind.titles, language), in_language(kind.lines, language)

    def why(self, content: Content, language: str) -> str:
        """Say why a push came with it, or why none did."""
        if self.push is None:
            return content.text("why.inbox_only", language)
        state, cause, reason = self.push
        return why_in_words(content, language, state=state, cause=cause, reason=reason)


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
    page = _PAGE
    if before is not None:
        page += _BEFORE
        values |= {"sent_at": before[0], "delivery_id": before[1]}
    rows = session.execute(text(_INBOX.format(page=page + _NEWEST)), values)
    return [InboxRow._make([*row[:4], *_in_utc(row[4:8]), _push(row[8:])]) for row in rows]


def notification_as_json(
    row: InboxRow, content: Content, keys: Keys, clinic_id: UUID, language: str
) -> dict[str, Any]:
    """Return a notification as the API shows it, under its public id."""
    title, line = row.texts(language)
    return {
        "id": notification_ids.encode(keys, clinic_id, row.delivery_id),
        "occurrence_id": row.occurrence_id,
        "kind": row.kind,
        "title": title,
        "line": line,
        "why": row.why(content, language),
        "sent_at": row.sent_at,
        "delivered_at": row.delivered_at,
        "opened_at": row.opened_at,
        "dismissed_at": row.dismissed_at,
        "deep_link": row.deep_link,
    }


def _push(told: Sequence[str | None]) -> tuple[str, str, str | None] | None:
    state, cause, reason = told
    return None if state is None or cause is None else (state, cause, reason)


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

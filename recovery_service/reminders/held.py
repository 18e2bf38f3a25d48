"""What a sender has in hand: deliveries, with all that decides whether they may go out."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.reminders.work import array, run_for_chunk

# Keys begin with the local date, so a newer occurrence is looked for among those of the day
# and later.
_ALL_ABOUT = """
SELECT d.clinic_id, d.id, d.occurrence_id, d.attempts, d.round, d.cause, d.reason, d.lead_id,
       o.round, o.state, o.due_at, o.expires_at, o.lineage_id, o.occ_key,
       s.kind, r.rule ->> 'quiet', (r.rule ->> 'priority')::int,
       e.state, coalesce(e.surgery_date, e.discharge_date),
       p.id, p.locale, p.time_zone, p.preferences::text, c.reminder_defaults::text,
       t.id, t.channel, t.address, t.subscription, t.retired_at, t.opted_out_at,
       s.kind = ANY (t.muted_kinds),
       EXISTS (SELECT FROM occurrence newer
                WHERE newer.clinic_id = o.clinic_id AND newer.lineage_id = o.lineage_id
                  AND newer.occ_key >= to_char(o.local_date, 'YYYYMMDD')
                  AND newer.due_at > o.due_at AND newer.due_at <= %(now)s
                  AND newer.state <> 'cancelled'),
       d.cause = 'failover' AND EXISTS (
           SELECT FROM delivery first
            WHERE first.clinic_id = d.clinic_id AND first.occurrence_id = d.occurrence_id
              AND (first.delivered_at IS NOT NULL OR first.opened_at IS NOT NULL
                   OR EXISTS (SELECT FROM delivery lead
                               WHERE lead.clinic_id = first.clinic_id
                                 AND lead.id = first.lead_id
                                 AND lead.delivered_at IS NOT NULL)))
  FROM mine d
  JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
  JOIN schedule s ON s.clinic_id = o.clinic_id AND s.id = o.lineage_id
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
  JOIN episode e ON e.clinic_id = s.clinic_id AND e.id = s.episode_id
  JOIN patient p ON p.clinic_id = s.clinic_id AND p.id = s.patient_id
  JOIN clinic c ON c.id = d.clinic_id
  JOIN destination t ON t.clinic_id = d.clinic_id AND t.id = d.destination_id
"""

# `ready` and due, or leased by somebody who did not come back: those waiting longest. What
# was begun and must not be sent twice is left to whoever ends it.
_WAITING = f"""
WITH mine AS MATERIALIZED (
    SELECT * FROM delivery
     WHERE state IN ('ready', 'leased') AND channel = %(channel)s AND wake_at <= %(now)s
       AND (%(resends)s OR state = 'ready' OR lead_id IS NULL)
     ORDER BY wake_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
)
{_ALL_ABOUT}
"""

# Only a leased row has an owner. Locked rows are skipped: whoever holds one is about to drop
# it, and if not, the lease runs out and it is claimed again.
_OWNED = f"""
WITH mine AS MATERIALIZED (
    SELECT delivery.*
      FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[]) AS ticket (clinic_id, id)
      JOIN delivery USING (clinic_id, id)
     WHERE delivery.owner = %(owner)s
       FOR UPDATE OF delivery SKIP LOCKED
)
{_ALL_ABOUT}
"""

# Those of one occurrence that are due or overdue, whoever is to send them.
_OF_ONE = f"""
WITH mine AS (
    SELECT * FROM delivery
     WHERE clinic_id = %(clinic_id)s AND occurrence_id = %(occurrence_id)s
       AND state = 'ready' AND wake_at <= %(now)s
)
{_ALL_ABOUT}
"""


class Ticket(NamedTuple):
    """A claimed delivery: its key, nothing that could have changed meanwhile."""

    clinic_id: UUID
    id: int


class Held(NamedTuple):
    """A delivery with all that decides whether it may go out, as of this moment.

    `since` is the date from which the recovery days count. `superseded`: the item has a
    newer occurrence. `confirmed`: what a failover stands in for has reached a device.
    """

    clinic_id: UUID
    id: int
    occurrence_id: int
    attempts: int
    round: int
    cause: str
    reason: str | None
    lead_id: int | None
    current_round: int
    occurrence_state: str
    due_at: datetime
    expires_at: datetime
    lineage_id: UUID
    occ_key: str
    kind: str
    quiet: str | None
    priority: int | None
    episode_state: str
    since: date
    patient_id: UUID
    locale: str
    time_zone: str
    preferences: str
    clinic_defaults: str
    destination_id: UUID
    channel: str
    address: str | None
    subscription: dict[str, Any] | None
    retired_at: datetime | None
    opted_out_at: datetime | None
    muted: bool
    superseded: bool
    confirmed: bool

    @property
    def ticket(self) -> Ticket:
        """Its key."""
        return Ticket(self.clinic_id, self.id)


def waiting(
    session: Session, channel: str, *, limit: int, now: datetime, resends: bool = True
) -> list[Held]:
    """Lock and return what waits longest for one channel, nobody else's."""
    values = {"channel": channel, "limit": limit, "now": now, "resends": resends}
    return [Held(*row) for row in run_for_chunk(session, _WAITING, values)]


def owned(session: Session, tickets: Sequence[Ticket], *, owner: UUID, now: datetime) -> list[Held]:
    """Lock and return those that are still this owner's."""
    return [
        Held(*row)
        for row in run_for_chunk(session, _OWNED, keys(tickets) | {"owner": owner, "now": now})
    ]


def of_occurrence(
    session: Session, clinic_id: UUID, occurrence_id: int, *, now: datetime
) -> list[Held]:
    """Return the unsent deliveries of one occurrence as a sender would see them."""
    values = {"clinic_id": clinic_id, "occurrence_id": occurrence_id, "now": now}
    return [Held(*row) for row in run_for_chunk(session, _OF_ONE, values)]


def keys(rows: Sequence[Ticket | Held]) -> dict[str, Any]:
    """Return the keys of rows as parameters of a statement over arrays."""
    return {
        "clinics": array(each.clinic_id.hex for each in rows),
        "ids": array(str(each.id) for each in rows),
    }

"""The whole story of one occurrence, for an operator: identifiers, codes and instants only.

The kind of an item is told: pushes carry it, too, and without it nobody can see why. Titles,
answers, notes and who the patient is are not read.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain import notification_ids, occurrence_ids
from recovery_service.domain.keys import Keys
from recovery_service.domain.recurrence import Occurrence, Place, Rule, occurrences_from, parse_rule
from recovery_service.reminders.work import run

_SCHEDULE = """
SELECT s.clinic_id, s.id, s.kind, s.remind_via, s.anchor_date, s.time_zone, s.next_due_at,
       s.failures, r.rule, e.state, s.patient_id
  FROM schedule s
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
  JOIN episode e ON e.clinic_id = s.clinic_id AND e.id = s.episode_id
 WHERE s.id = %(lineage_id)s
"""

_OCCURRENCE = """
SELECT id, due_at, expires_at, state, reason, round, closed_at
  FROM occurrence
 WHERE clinic_id = %(clinic_id)s AND lineage_id = %(lineage_id)s AND occ_key = %(occ_key)s
"""

_DELIVERIES = """
SELECT d.id, d.channel, d.round, d.cause, d.state, d.reason, d.wake_at, d.settled_at, d.attempts,
       CASE WHEN d.state = 'sent' AND d.lead_id <> d.id THEN d.lead_id END,
       least(d.delivered_at, lead.delivered_at)
  FROM delivery d
  LEFT JOIN delivery lead ON d.state = 'sent' AND lead.clinic_id = d.clinic_id
                         AND lead.id = d.lead_id
 WHERE d.clinic_id = %(clinic_id)s AND d.occurrence_id = %(occurrence_id)s
 ORDER BY d.round, d.wake_at, d.id
"""

_OF_DELIVERY = """
SELECT o.lineage_id, o.occ_key
  FROM delivery d
  JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE d.clinic_id = %(clinic_id)s AND d.id = %(delivery_id)s
"""


class NothingOfThatName(LookupError):
    """The text names no occurrence and no notification of this installation."""


class Standing(NamedTuple):
    """Where the item's schedule stands, and the rule that it follows."""

    clinic_id: UUID
    lineage_id: UUID
    kind: str
    remind_via: str
    anchor_date: date
    time_zone: str
    next_due_at: datetime | None
    failures: int
    rule: dict[str, Any]
    episode_state: str
    patient_id: UUID


class Fallen(NamedTuple):
    """The occurrence as it is stored."""

    id: int
    due_at: datetime
    expires_at: datetime
    state: str
    reason: str | None
    round: int
    closed_at: datetime | None


class Told(NamedTuple):
    """One delivery; `carried_by` is the key of the one that spoke for it."""

    id: int
    channel: str
    round: int
    cause: str
    state: str
    reason: str | None
    wake_at: datetime
    settled_at: datetime | None
    attempts: int
    carried_by: int | None
    delivered_at: datetime | None


class Story(NamedTuple):
    """What is known of one occurrence. Either it is stored, or its rule still plans it.

    With neither, the rule does not give such an occurrence any more.
    """

    occ_key: str
    standing: Standing
    fallen: Fallen | None
    planned: Occurrence | None
    deliveries: Sequence[Told]

    @property
    def public_id(self) -> str:
        """The opaque id."""
        return occurrence_ids.encode(self.standing.lineage_id, self.occ_key)


def find(session: Session, keys: Keys, name: str) -> tuple[UUID, str]:
    """Return (lineage, key) of a public occurrence or notification id.

    Raises NothingOfThatName.
    """
    try:
        return occurrence_ids.decode(name)
    except occurrence_ids.MalformedOccurrenceId:
        pass
    for (clinic_id,) in run(session, "SELECT id FROM clinic", None):
        try:
            delivery_id = notification_ids.decode(keys, clinic_id, name)
        except notification_ids.MalformedNotificationId:
            continue
        values = {"clinic_id": clinic_id, "delivery_id": delivery_id}
        for lineage_id, occ_key in run(session, _OF_DELIVERY, values):
            return lineage_id, occ_key
    raise NothingOfThatName(name)


def read_story(session: Session, lineage_id: UUID, occ_key: str) -> Story:
    """Return what is known of an occurrence; raises NothingOfThatName."""
    rows = run(session, _SCHEDULE, {"lineage_id": lineage_id})
    if not rows:
        raise NothingOfThatName(occurrence_ids.encode(lineage_id, occ_key))
    standing = Standing(*rows[0])
    values = {"clinic_id": standing.clinic_id, "lineage_id": lineage_id, "occ_key": occ_key}
    fallen = next((Fallen(*row) for row in run(session, _OCCURRENCE, values)), None)
    told: Iterable[Any] = ()
    if fallen is not None:
        told = run(session, _DELIVERIES, values | {"occurrence_id": fallen.id})
    planned = _planned(standing, occ_key) if fallen is None else None
    return Story(occ_key, standing, fallen, planned, [Told(*row) for row in told])


def _planned(standing: Standing, occ_key: str) -> Occurrence | None:
    rule = parse_rule(standing.rule)
    if isinstance(rule, Rule):
        return occurrence_ids.matches(rule, standing.anchor_date, standing.time_zone, occ_key)
    every = occurrences_from(rule, standing.anchor_date, standing.time_zone, Place(date.min, 0))
    return next((each for each in every if each.occ_key == occ_key), None)

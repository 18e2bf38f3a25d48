"""The agenda: what is to be done when, of rows and of schedules that stand before them alike.

An occurrence becomes a row when it falls due or is acted on; what is still ahead is
computed here from the place where its schedule stands, by the same function as the
reminder loop's. One statement, whatever the history's length.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from recovery_service.domain.actions import NOT_ANSWERED, state_now
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date, zone
from recovery_service.domain.occurrence_ids import address_of, decode, encode
from recovery_service.domain.recurrence import Occurrence, Place, Rule, occurrences_from

LONGEST = 31
AHEAD = timedelta(days=6)

_DAY = timedelta(days=1)

# Keys of what recurs begin with the local date, so a range of them is a range of the
# unique index: asked for item by item, or the planner reads the whole clinic's day. A title is
# the live revision's; only of what has left the plan, and is shown all the same, are its
# revisions gone through for the last that had it; a questionnaire has its own.
AGENDA_ROWS = """
WITH plan AS MATERIALIZED (
    SELECT s.id, s.kind, s.remind_via, s.anchor_date, s.time_zone, r.rule::text, i.title,
           CASE WHEN s.next_due_at IS NOT NULL AND e.state = 'open' THEN s.next_date END AS place,
           s.next_minute, s.next_due_at
      FROM schedule s
      JOIN episode e ON e.clinic_id = s.clinic_id AND e.id = s.episode_id
      JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
      LEFT JOIN recovery_plan n ON n.clinic_id = s.clinic_id AND n.episode_id = s.episode_id
      LEFT JOIN plan_revision v ON v.clinic_id = s.clinic_id AND v.plan_id = n.id
                               AND v.state = 'live'
      LEFT JOIN plan_item i ON i.clinic_id = s.clinic_id AND i.revision_id = v.id
                           AND i.lineage_id = s.id
     WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
       AND s.episode_id = coalesce(%(episode_id)s::uuid, s.episode_id)
)
SELECT plan.*, occ_key, local_date, due_at, expires_at, state, reason, a.next_at,
       CASE WHEN title IS NULL AND (place IS NOT NULL OR o.id IS NOT NULL) THEN coalesce((
           SELECT i.title
             FROM plan_item i
             JOIN plan_revision v ON v.clinic_id = i.clinic_id AND v.id = revision_id
            WHERE i.clinic_id = %(clinic_id)s AND lineage_id = plan.id AND v.state <> 'draft'
            ORDER BY number DESC LIMIT 1), (
           SELECT title FROM questionnaire_time
            WHERE clinic_id = %(clinic_id)s AND id = plan.id)) END
  FROM plan
  LEFT JOIN LATERAL (
       SELECT * FROM occurrence
        WHERE clinic_id = %(clinic_id)s AND lineage_id = plan.id AND occ_key = 'once'
       UNION ALL
       SELECT * FROM occurrence
        WHERE clinic_id = %(clinic_id)s AND lineage_id = plan.id
          AND occ_key >= %(from_key)s AND occ_key < %(until_key)s) o ON true
  LEFT JOIN LATERAL (
       SELECT max(next_at) AS next_at
         FROM occurrence_action
        WHERE clinic_id = o.clinic_id AND occurrence_id = o.id AND action = 'snooze') a
    ON o.state = 'snoozed'
 ORDER BY plan.id
"""


class _Plan(NamedTuple):
    """The first columns of `AGENDA_ROWS`: an item and where its schedule stands."""

    id: UUID
    kind: str
    remind_via: str
    anchor_date: date
    time_zone: str
    rule: str
    title: dict[str, str]
    place: date | None
    next_minute: int | None
    next_due_at: datetime | None


class _Row(NamedTuple):
    """The other columns: one occurrence that is a row."""

    occ_key: str
    local_date: date
    due_at: datetime
    expires_at: datetime
    state: str
    reason: str | None
    next_at: datetime | None


_WIDTH = len(_Plan._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaEntry:
    """One occurrence as a person sees it.

    `state` is one of `upcoming, due, done, skipped, snoozed, missed, cancelled`.
    `local_time` is what the patient's clock shows when it is due; `due_at`,
    `expires_at` and `next_at` (when a snoozed one speaks again) are in UTC.
    `valid_until` is when the state changes by itself, None when nothing will.
    """

    id: str
    kind: str
    title: str
    slot: str
    local_date: date
    local_time: time
    due_at: datetime
    expires_at: datetime
    state: str
    reason: str | None
    remind_via: str
    next_at: datetime | None

    @property
    def deep_link(self) -> str:
        """The address inside the app."""
        return address_of(*decode(self.id), self.kind)

    @property
    def valid_until(self) -> datetime | None:
        """When this entry reads differently although nobody did anything."""
        if self.state == "upcoming":
            return self.due_at
        if self.state == "snoozed":
            return self.next_at
        return self.expires_at if self.state == "due" else None


def agenda(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    from_date: date,
    to_date: date,
    *,
    now: datetime,
    language: str,
    episode_id: UUID | None = None,
) -> list[AgendaEntry]:
    """Return what a patient has from one local date to another, both included, in order.

    All episodes of the patient, or the one given. What lies ahead is computed only
    where the schedule runs: a plan that is held or has ended promises nothing.
    """
    values = agenda_values(clinic_id, patient_id, from_date, to_date, episode_id=episode_id)
    rows = session.connection().exec_driver_sql(AGENDA_ROWS, values)
    return read_agenda(rows, from_date, to_date, now=now, language=language)


def due_today(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    time_zone: str,
    now: datetime,
    language: str,
) -> list[AgendaEntry]:
    """Return the whole local day of the patient, what is behind and what is ahead."""
    today = local_date(time_zone, now)
    return agenda(session, clinic_id, patient_id, today, today, now=now, language=language)


def agenda_values(
    clinic_id: UUID,
    patient_id: UUID,
    from_date: date,
    to_date: date,
    *,
    episode_id: UUID | None = None,
) -> dict[str, Any]:
    """Return the parameters of `AGENDA_ROWS`, for requests that send it themselves."""
    return {
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode_id,
        "from_key": f"{from_date:%Y%m%d}",
        "until_key": f"{to_date + _DAY:%Y%m%d}",
    }


def read_agenda(
    rows: Iterable[Sequence[Any]], from_date: date, to_date: date, *, now: datetime, language: str
) -> list[AgendaEntry]:
    """Return the entries that the rows of `AGENDA_ROWS` and their schedules make."""
    entries: list[AgendaEntry] = []
    plans: dict[UUID, _Plan] = {}
    taken: set[tuple[UUID, str]] = set()
    for columns in rows:
        plan = _Plan._make(columns[:_WIDTH])
        if plan.title is None:  # it has left the plan
            if columns[-1] is None:
                continue
            plan = plan._replace(title=columns[-1])
        plans.setdefault(plan.id, plan)
        if columns[_WIDTH] is None:
            continue
        row = _Row._make(columns[_WIDTH:-1])
        taken.add((plan.id, row.occ_key))
        if from_date <= row.local_date <= to_date:
            entries.append(_stored(plan, row, now=now, language=language))
    for plan in plans.values():
        entries += (
            _computed(plan, found, now=now, language=language)
            for found in _ahead(plan, from_date, to_date)
            if (plan.id, found.occ_key) not in taken
        )
    return sorted(entries, key=lambda entry: (entry.due_at, entry.id))


def _ahead(plan: _Plan, from_date: date, to_date: date) -> Iterator[Occurrence]:
    """Yield what the schedule still has in store; nothing before the place where it stands."""
    if plan.place is None or plan.next_minute is None:
        return
    rule = rule_of(plan.rule)
    place = Place(
        plan.place, plan.next_minute, plan.next_due_at and plan.next_due_at.astimezone(UTC)
    )
    # From the day before: a slot of it may land on the same instant.
    if rule.identity == "recurring" and place.local_date < from_date - _DAY:
        place = Place(from_date - _DAY, 0)
    for found in occurrences_from(rule, plan.anchor_date, plan.time_zone, place):
        if found.local_date > to_date:
            return
        if found.local_date >= from_date:
            yield found


def _computed(plan: _Plan, found: Occurrence, *, now: datetime, language: str) -> AgendaEntry:
    state = "upcoming" if found.due_at > now else "due"
    expired = found.expires_at <= now
    return AgendaEntry(
        id=encode(plan.id, found.occ_key),
        kind=plan.kind,
        title=in_language(plan.title, language),
        slot=found.slot,
        local_date=found.local_date,
        local_time=_shown(found.due_at, plan.time_zone),
        due_at=found.due_at,
        expires_at=found.expires_at,
        state="missed" if expired else state,
        reason=NOT_ANSWERED if expired else None,
        remind_via=plan.remind_via,
        next_at=None,
    )


def _stored(plan: _Plan, row: _Row, *, now: datetime, language: str) -> AgendaEntry:
    _, _, slot = row.occ_key.partition(".")
    rule = rule_of(plan.rule)
    state, reason = state_now(
        row.state, row.reason, row.due_at, row.expires_at, row.next_at, now=now
    )
    return AgendaEntry(
        id=encode(plan.id, row.occ_key),
        kind=plan.kind,
        title=in_language(plan.title, language),
        slot=slot or rule.slots[0][0],
        local_date=row.local_date,
        local_time=_time_of(row.local_date, row.due_at, slot, rule, plan.time_zone),
        due_at=row.due_at.astimezone(UTC),
        expires_at=row.expires_at.astimezone(UTC),
        state=state,
        reason=reason,
        remind_via=plan.remind_via,
        next_at=row.next_at.astimezone(UTC) if row.next_at and state == "snoozed" else None,
    )


def _time_of(day: date, due_at: datetime, slot: str, rule: Rule, zone_name: str) -> time:
    """Return the wall time; of what fell due in another zone, that of its slot."""
    shown = due_at.astimezone(zone(zone_name))
    minute = dict(rule.slots).get(slot)
    if shown.date() == day or minute is None:
        return shown.time()
    return time(*divmod(minute, 60))


def _shown(due_at: datetime, zone_name: str) -> time:
    return due_at.astimezone(zone(zone_name)).time()


@lru_cache(maxsize=4096)
def rule_of(text: str) -> Rule:
    """Return the rule of a stored JSON text; equal rules are stored and read once."""
    return Rule.parse(orjson.loads(text))

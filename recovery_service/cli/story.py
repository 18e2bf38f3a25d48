"""An occurrence's story in words, for an operator's terminal: no health data, nobody's name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain import notification_ids
from recovery_service.domain.content import Content
from recovery_service.domain.delivery_reasons import why, why_planned
from recovery_service.domain.keys import Keys
from recovery_service.domain.local_time import zone
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.models import OccurrenceAction
from recovery_service.reminders.foresight import Foreseen
from recovery_service.reminders.story import Story, Told
from recovery_service.services.delivery_words import in_words


class Action(NamedTuple):
    """What was done about it and when; never what was felt, noted or given as a reason."""

    action: str
    at: datetime
    received_at: datetime
    next_at: datetime | None
    source: str


def actions_of(session: Session, clinic_id: UUID, occurrence_id: int) -> list[Action]:
    """Return what was done about an occurrence, in order; needs the web's role."""
    row = OccurrenceAction
    rows = session.execute(
        select(row.action, row.at, row.received_at, row.next_at, row.source)
        .where(row.clinic_id == clinic_id, row.occurrence_id == occurrence_id)
        .order_by(row.received_at, row.id)
    )
    return [Action._make(each) for each in rows]


@dataclass(frozen=True)
class Teller:
    """Tells stories in one language; instants are on the patient's clock, with its offset."""

    content: Content
    keys: Keys
    language: str

    def lines(
        self, story: Story, actions: Sequence[Action], ahead: Sequence[Foreseen]
    ) -> Iterator[str]:
        """Yield the story line by line."""
        name = story.standing.time_zone
        yield f"occurrence  {story.public_id}"
        yield from self._item(story, name)
        yield from self._fate(story, name)
        if story.deliveries:
            yield "deliveries"
        for told in story.deliveries:
            yield from self._delivery(story.standing.clinic_id, told, name)
        if actions:
            yield "actions"
        for each in actions:
            again = f", again at {_clock(each.next_at, name)}" if each.next_at else ""
            heard = f", heard {_clock(each.received_at, name)}"
            yield f"  {each.action:9} {_clock(each.at, name)} by {each.source}{heard}{again}"
        if ahead:
            yield "as things stand now, by itself"
        for one in ahead:
            yield f"  {one.channel:9} {_clock(one.at, name)}  {self._foreseen(one, name)}"

    def _item(self, story: Story, name: str) -> Iterator[str]:
        standing, kind = story.standing, REMINDER_KINDS.get(story.standing.kind)
        slot = story.occ_key.partition(".")[2] or story.occ_key
        quiet = standing.rule.get("quiet") or (kind.quiet if kind else "shift")
        priority = standing.rule.get("priority") or (kind.priority if kind else 9)
        rule = f"via {standing.remind_via}, quiet hours {quiet}, priority {priority}"
        yield f"  item      {standing.kind}, slot {slot}, {rule}"
        coming = _clock(standing.next_due_at, name) if standing.next_due_at else "nothing to come"
        failed = f", failed {standing.failures} times" if standing.failures else ""
        yield f"  schedule  next {coming}{failed}; episode {standing.episode_state}"

    def _fate(self, story: Story, name: str) -> Iterator[str]:
        known = story.fallen or story.planned
        if known is None:
            yield "  the plan does not give this occurrence any more"
            return
        yield f"  due       {_clock(known.due_at, name)}"
        yield f"  expires   {_clock(known.expires_at, name)}"
        if story.fallen is None:
            yield f"  state     not yet: {self.content.text('why.not_yet', self.language)}"
            return
        fallen, told = story.fallen, why_planned(story.fallen.reason)
        reason = f" ({fallen.reason})" if fallen.reason else ""
        words = f": {in_words(self.content, self.language, told)}" if told else ""
        closed = f" since {_clock(fallen.closed_at, name)}" if fallen.closed_at else ""
        yield f"  state     {fallen.state}{reason}{closed}, round {fallen.round}{words}"

    def _delivery(self, clinic_id: UUID, told: Told, name: str) -> Iterator[str]:
        number = notification_ids.encode(self.keys, clinic_id, told.id)
        moment = told.settled_at or told.wake_at
        state = f"{told.state} ({told.reason})" if told.reason else told.state
        yield (
            f"  {told.channel:9} {_clock(moment, name)}  {state}, {told.cause}, round {told.round},"
            f" attempts {told.attempts}, {number}"
        )
        yield f"            {self._why(told.state, told.cause, told.reason)}"
        if told.carried_by is not None:
            carrier = notification_ids.encode(self.keys, clinic_id, told.carried_by)
            yield f"            carried by {carrier}"
        if told.delivered_at is not None:
            yield f"            on a device {_clock(told.delivered_at, name)}"

    def _foreseen(self, one: Foreseen, name: str) -> str:
        words = self._why(one.state, one.cause, one.reason)
        if one.state == "sent":
            return "would be sent" + (f". {words}" if one.reason else "")
        if one.until is not None:
            return f"would wait until {_clock(one.until, name)} ({one.reason}). {words}"
        return f"would not be sent ({one.reason}). {words}"

    def _why(self, state: str, cause: str, reason: str | None) -> str:
        return in_words(self.content, self.language, why(state, cause, reason))


def as_json(
    teller: Teller, story: Story, actions: Sequence[Action], ahead: Sequence[Foreseen]
) -> dict[str, Any]:
    """Return the story as one JSON object; instants as they are stored."""
    standing, fallen = story.standing, story.fallen
    known = fallen or story.planned
    rule = {name: standing.rule.get(name) for name in ("quiet", "priority", "slots")}
    return {
        "occurrence_id": story.public_id,
        "kind": standing.kind,
        "remind_via": standing.remind_via,
        "rule": rule,
        "episode_state": standing.episode_state,
        "next_due_at": standing.next_due_at,
        "due_at": known and known.due_at,
        "expires_at": known and known.expires_at,
        "state": fallen.state if fallen else None,
        "reason": fallen.reason if fallen else None,
        "deliveries": [_told(teller, standing.clinic_id, each) for each in story.deliveries],
        "actions": [each._asdict() for each in actions],
        "ahead": [each._asdict() for each in ahead],
    }


def _told(teller: Teller, clinic_id: UUID, told: Told) -> dict[str, Any]:
    carrier = told.carried_by
    words = in_words(teller.content, teller.language, why(told.state, told.cause, told.reason))
    return {
        **told._asdict(),
        "id": notification_ids.encode(teller.keys, clinic_id, told.id),
        "carried_by": carrier and notification_ids.encode(teller.keys, clinic_id, carrier),
        "why": words,
    }


def _clock(instant: datetime, name: str) -> str:
    return f"{instant.astimezone(zone(name)):%Y-%m-%d %H:%M:%S %z}"

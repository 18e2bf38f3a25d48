"""What a patient should have heard, kept by hand: the oracle of a life with reminders.

It shares no code with the service. It knows what the patient did and wished, asks a zone
only what its clocks show, and judges each ring of the phone and each silence by that.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.domain import calendar_oracle

Key = tuple[UUID, str]
"""An occurrence: the item's lineage and the key of the occurrence."""

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
PRIORITIES = {"physiotherapy": 3, "walking": 4, "posture": 7, "check_in": 2, "education": 5}
BUDGET = ((7, 3), (42, 2), (None, 1))


def minute_of(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@cache
def instant(zone: str, day: date, minute: int) -> datetime | None:
    return calendar_oracle.first_reading(zone, day, minute)


@dataclass(frozen=True)
class Item:
    """An item of the plan: its times by slot, and how long an occurrence matters."""

    lineage: UUID
    kind: str
    slots: tuple[tuple[str, str], ...]
    valid_for: int = 240
    quiet: str = "shift"
    from_day: int = 0
    every: int = 1

    @property
    def once(self) -> bool:
        return self.kind == "education"

    @property
    def priority(self) -> int:
        return PRIORITIES[self.kind]

    def at(self, own: dict[str, str]) -> "Item":
        """Return the item at the patient's own times."""
        return replace(self, slots=tuple((name, own.get(name, at)) for name, at in self.slots))

    def rule(self) -> dict[str, object]:
        """Return its rule as a plan says it."""
        once = {"to_day": self.from_day} if self.once else {"every_days": self.every}
        return {
            "anchor": "discharge",
            "from_day": self.from_day,
            "slots": dict(self.slots),
            "valid_for_minutes": self.valid_for,
            "quiet": self.quiet,
            "priority": self.priority,
            "identity": "once" if self.once else "recurring",
            **once,
        }


class Falls(NamedTuple):
    """An occurrence that the calendar has."""

    key: Key
    at: datetime
    item: Item


class Member(NamedTuple):
    """What a ring stood for: one reminder of one occurrence."""

    key: Key
    cause: str
    due_at: datetime
    expires_at: datetime


class Ring(NamedTuple):
    """The phone rang, or was meant to: one delivery as the provider was asked for it."""

    at: datetime
    delivery_id: int
    accepted: bool
    attempt: int
    members: tuple[Member, ...]


@dataclass
class Diary:
    """The state of a patient's life, and all that was heard."""

    zone: str
    surgery: date
    discharge: date
    budget: tuple[tuple[int | None, int], ...] = BUDGET
    items: dict[UUID, Item] = field(default_factory=dict)
    own_times: dict[UUID, dict[str, str]] = field(default_factory=dict)
    quiet: tuple[str, str] = ("21:00", "08:00")
    pause: tuple[date, date] | None = None
    open: bool = True
    was_held: bool = False
    effective_from: date = date.min
    edited_at: datetime | None = None
    answers: dict[Key, str] = field(default_factory=dict)
    snoozes: dict[Key, datetime] = field(default_factory=dict)
    heard: list[Ring] = field(default_factory=list)
    nudged: set[tuple[Key, int]] = field(default_factory=set)
    asked: dict[date, set[int]] = field(default_factory=dict)
    rung: set[int] = field(default_factory=set)
    unsettled: set[int] = field(default_factory=set)
    crashes: int = 0
    configs: dict[UUID, set[tuple[str, str, str]]] = field(default_factory=dict)

    # --- what holds at a moment ------------------------------------------------------------

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.zone)).date()

    def is_quiet(self, now: datetime) -> bool:
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        begins, ends = map(minute_of, self.quiet)
        if begins <= ends:
            return begins <= minute < ends
        return minute >= begins or minute < ends

    def is_paused(self, now: datetime) -> bool:
        return self.pause is not None and self.pause[0] <= self.today(now) <= self.pause[1]

    def allowed(self, now: datetime) -> int:
        day = (self.today(now) - self.surgery).days
        return next(most for until, most in self.budget if until is None or day < until)

    def followed(self) -> list[Item]:
        """Return the items as the patient follows them now."""
        return [item.at(self.own_times.get(item.lineage, {})) for item in self.items.values()]

    def edited(self, now: datetime) -> None:
        """Note that the plan, or where and when it is followed, is another from now on."""
        self.edited_at = now
        for item in self.followed():
            had = self.configs.setdefault(item.lineage, set())
            had |= {(self.zone, name, at) for name, at in item.slots}

    def falls(self, after: datetime, until: datetime) -> list[Falls]:
        """Return what the calendar has with `after < at <= until`, by the plan as it is now."""
        if not self.open:
            return []
        found = []
        for item in self.followed():
            day = max(self.discharge, self.effective_from, self.today(after) - DAY)
            while day <= self.today(until) + DAY:
                found += self._on(item, day)
                day += DAY
        return [each for each in found if after < each.at <= until]

    def _on(self, item: Item, day: date) -> list[Falls]:
        number = (day - self.discharge).days - item.from_day
        if number < 0 or (number > 0 if item.once else number % item.every):
            return []
        found: dict[datetime, Falls] = {}
        for name, at in sorted(item.slots, key=lambda slot: minute_of(slot[1])):
            due = instant(self.zone, day, minute_of(at))
            if due is not None:  # a date that a zone skips has none; two of one instant are one
                key = "once" if item.once else f"{day:%Y%m%d}.{name}"
                found.setdefault(due, Falls((item.lineage, key), due, item))
        return list(found.values())

    def could_fall(self, key: Key, due_at: datetime) -> bool:
        """Say whether the patient ever had a plan and a zone by which this falls due then."""
        lineage, occ_key = key
        if occ_key == "once":
            return True
        stamp, _, slot = occ_key.partition(".")
        day = date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:]))
        return any(
            name == slot and instant(zone, day, minute_of(at)) == due_at
            for zone, name, at in self.configs.get(lineage, ())
        )

    # --- judging ---------------------------------------------------------------------------

    def rang(self, ring: Ring, *, dying: bool = False) -> None:
        """Judge one ring of the phone by everything that was wished before it.

        `dying`: the worker that let it ring was killed before it could say so.
        """
        for member in ring.members:
            self._judge(ring, member)
        if dying:
            self.unsettled.add(ring.delivery_id)
        if all(each.delivery_id != ring.delivery_id for each in self.heard):
            self._ask(ring)
        if ring.accepted:
            before = sum(
                each.accepted for each in self.heard if each.delivery_id == ring.delivery_id
            )
            assert before <= self.crashes, f"repeated without a crash: {ring}"
            self._spend(ring)
        self.heard.append(ring)

    def _judge(self, ring: Ring, member: Member) -> None:
        key, cause, now = member.key, member.cause, ring.at
        assert self.open, f"rang while held or over: {ring}"
        assert key[0] in self.items, f"rang for an item that is gone: {ring}"
        assert member.due_at <= now < member.expires_at, f"too early or too late: {ring}"
        assert not self.is_paused(now), f"rang in a pause: {ring}"
        loud = cause == "snooze" or self.items[key[0]].quiet == "ignore"
        assert loud or not self.is_quiet(now), f"rang in quiet hours: {ring}"
        assert key not in self.answers, f"rang for what is {self.answers.get(key)}: {ring}"
        if cause == "snooze":
            assert key in self.snoozes, f"nobody snoozed it: {ring}"
            assert self.snoozes[key] <= now, f"before its time: {ring}"
        else:
            # The first word on it, and one nudge: each is one delivery, whatever the retries.
            said = {
                each.delivery_id
                for each in self.heard
                for one in each.members
                if one.key == key and one.cause == cause
            }
            assert said <= {ring.delivery_id} or self._carried_on(key, cause, ring), (
                f"said again: {ring}"
            )

    def _carried_on(self, key: Key, cause: str, ring: Ring) -> bool:
        """Say whether what was in a push that nobody took goes on in another one.

        Nor does it count that it rang in the hands of a worker that was killed then: what led
        that push may be over by now, and then the rest of it goes on by itself.
        """
        return not any(
            each.accepted and one.key == key and one.cause == cause
            for each in self.heard
            for one in each.members
            if each.delivery_id not in self.unsettled | {ring.delivery_id}
        )

    def _ask(self, ring: Ring) -> None:
        """Count a new push against its day, unless it brings what the patient asked for."""
        if ring.attempt == 1 and all(each.cause != "snooze" for each in ring.members):
            self.asked.setdefault(self.today(ring.at), set()).add(ring.delivery_id)

    def _spend(self, ring: Ring) -> None:
        """See that of the pushes of a day no more rang than it had."""
        self.rung.add(ring.delivery_id)
        for spent in self.asked.values():
            if ring.delivery_id in spent:
                rang = spent & self.rung
                assert len(rang) <= self.allowed(ring.at), f"over the day's budget: {ring}"

    def explains(self, reason: str, member: Member, now: datetime) -> bool:
        """Say whether the reason for which a reminder was not sent is the truth."""
        item, key = self.items.get(member.key[0]), member.key
        answered, stopped = key in self.answers, not self.open or self.was_held
        truths = {
            "quiet_hours": item is not None and item.quiet != "ignore" and self.is_quiet(now),
            "paused": self.is_paused(now),
            "over_budget": item is not None and self._is_spent(item, now),
            # A provider that is away is asked again after at most half an hour.
            "expired": now + timedelta(minutes=35) >= member.expires_at,
            "snoozed": key in self.snoozes or answered,
            "item_removed": item is None,
        }
        truths |= dict.fromkeys(("completed", "skipped", "done"), answered)
        truths |= dict.fromkeys(("on_hold", "episode_on_hold", "episode_ended"), stopped)
        truths |= {"cancelled": stopped or item is None, "superseded": True}  # told by the rows
        return truths.get(reason, False)

    def _is_spent(self, item: Item, now: datetime) -> bool:
        """Say whether the day has no push left but for what matters more and is still to come."""
        better = [each for each in self.falls(now, now + DAY) if each.item.priority < item.priority]
        used = len(self.asked.get(self.today(now), ()))
        return used + len(better) + self.crashes >= self.allowed(now)

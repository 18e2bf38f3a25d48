"""Parcels: what is due for one patient at one moment, sorted into single pushes.

The decision is taken per patient, for each reminder once, however many devices it goes to;
then each destination gets one parcel. Another channel that comes a moment later finds the
push in the ledger and joins it, at no further cost to the day.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import (
    Candidate,
    Day,
    Decision,
    Drop,
    Send,
    Verdict,
    Wait,
    decide,
    while_paused,
)
from recovery_service.domain.local_time import local_date, start_of_day, zone
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.reminder_policy import Policy, policy_of
from recovery_service.domain.sitting_breaks import is_rest
from recovery_service.reminders.held import Held
from recovery_service.reminders.ledger import (
    Entry,
    Habit,
    Lead,
    Page,
    ahead_today,
    habits_of,
    leads_at,
    lock_pages,
    spend,
)

_WITH_THE_LEAD = "with_the_lead"
_ASK_AGAIN = timedelta(seconds=5)
_DAY = timedelta(days=1)
_LOWEST = 9
DEFAULTS = Policy()


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to one destination: the delivery that leads it, and all that it carries.

    `carries` is how many reminders the message stands for.
    """

    lead: Held
    held: tuple[Held, ...]
    carries: int = 1
    policy: Policy = DEFAULTS

    @property
    def expires_at(self) -> datetime:
        """When the last of it stops to matter."""
        return max(each.expires_at for each in self.held)


@dataclass(slots=True)
class SortedOut:
    """What becomes of a chunk.

    `joined` pairs a delivery with the one whose push, already gone, speaks for it.
    `overdue` were held back until they are overdue: they get a nudge.
    """

    parcels: list[Parcel] = field(default_factory=list)
    held_back: list[tuple[Held, Drop | Wait]] = field(default_factory=list)
    joined: list[tuple[Held, int]] = field(default_factory=list)
    overdue: list[tuple[Held, Policy]] = field(default_factory=list)


@dataclass
class _Patient:
    """One patient's part of a chunk."""

    held: list[Held]
    policy: Policy
    preferences: dict[str, Any]
    page: Page
    decision: Decision

    @property
    def led_by(self) -> int | None:
        """The occurrence that leads the push which stands."""
        leads = self.decision.leads
        return leads[0] if isinstance(leads, tuple) else self.page.led_by


def sort_out(session: Session, held: Sequence[Held], *, now: datetime) -> SortedOut:
    """Decide for each patient what goes out now, and write the ledger."""
    result = SortedOut()
    if not held:
        return result
    patients = _decided(session, held, now=now)
    spend(session, [_entry(each, now=now) for each in patients if each.decision.leads])
    going = [(each, one) for each in patients for one in each.held if _goes(each, one)]
    leads = leads_at(session, [(one, each.led_by) for each, one in going if each.led_by])
    for each in patients:
        _sort_patient(each, leads, result, now=now)
    return result


def unsorted(held: Sequence[Held], *, now: datetime) -> SortedOut:
    """Return what goes to a channel that interrupts nobody: all but what a pause holds back."""
    result = SortedOut()
    for each in held:
        until = _paused_until(orjson.loads(each.preferences), each.time_zone, now)
        verdict = while_paused(_candidate(each), until)
        if isinstance(verdict, Drop | Wait):
            result.held_back.append((each, verdict))
        else:
            result.parcels.append(Parcel(each, (each,)))
    return result


def _decided(session: Session, held: Sequence[Held], *, now: datetime) -> list[_Patient]:
    mine: dict[UUID, list[Held]] = defaultdict(list)
    for each in held:
        mine[each.patient_id].append(each)
    first = [rows[0] for rows in mine.values()]
    pages = lock_pages(session, first, now=now)
    ahead = ahead_today(session, first, now=now)
    habits = habits_of(session, _with_habits(mine), now=now)
    found = []
    for patient_id, rows in mine.items():
        preferences = orjson.loads(rows[0].preferences)
        policy = policy_of(rows[0].clinic_defaults).for_patient(preferences)
        page = pages[patient_id]
        day = _day(
            rows[0], page, preferences, ahead.get(patient_id, ()), habits.get(patient_id), now=now
        )
        candidates = {_key(one): _candidate(one) for one in rows}
        decision = decide(policy, day, list(candidates.values()), now=now)
        found.append(_Patient(rows, policy, preferences, page, decision))
    return found


def _with_habits(mine: dict[UUID, list[Held]]) -> list[Held]:
    """Return one delivery of each patient for whom it matters how the last days went."""
    counting = {kind.name for kind in REMINDER_KINDS.values() if kind.counts}
    return [rows[0] for rows in mine.values() if any(one.kind in counting for one in rows)]


def _day(
    held: Held,
    page: Page,
    preferences: dict[str, Any],
    ahead: Sequence[tuple[datetime, int]],
    habit: Habit | None,
    *,
    now: datetime,
) -> Day:
    done, due, ignored = habit or Habit(0, 0, 0)
    return Day(
        zone=held.time_zone,
        day=(page.local_date - held.since).days,
        pushes=page.pushes,
        breaks=page.breaks,
        carries_until=page.carries_until,
        ahead=ahead,
        adherence=done / due if due else 0.0,
        exercises=due,
        ignored=ignored,
        paused_until=_paused_until(preferences, held.time_zone, now),
    )


def _paused_until(preferences: dict[str, Any], zone_name: str, now: datetime) -> datetime | None:
    """Return when the patient's own pause ends: local dates, the last one included."""
    pause = preferences.get("pause")
    if not pause:
        return None
    today = local_date(zone_name, now)
    first, last = pause.get("from"), pause.get("to")
    if first is not None and date.fromisoformat(first) > today:
        return None
    if last is None:
        return datetime.max.replace(tzinfo=zone("UTC"))
    end = date.fromisoformat(last)
    return start_of_day(zone_name, end + _DAY) if today <= end else None


def _key(held: Held) -> Hashable:
    return (held.occurrence_id, held.round, held.cause)


def _candidate(held: Held) -> Candidate:
    kind = REMINDER_KINDS.get(held.kind)
    slot = held.occ_key.partition(".")[2]
    return Candidate(
        key=_key(held),
        kind=held.kind,
        priority=held.priority or (kind.priority if kind else _LOWEST),
        quiet=held.quiet or (kind.quiet if kind else "shift"),
        cause=held.cause,
        once=not slot,
        rest=is_rest(held.kind, slot),
        due_at=held.due_at,
        expires_at=held.expires_at,
        granted=held.lead_id is not None,
    )


def _entry(patient: _Patient, *, now: datetime) -> Entry:
    decision = patient.decision
    led_by = patient.led_by
    assert led_by is not None  # noqa: S101 - a decision that leads names its occurrence
    until = now + patient.policy.bundle_span
    return Entry(patient.page, decision.pushes, decision.breaks, led_by, until)


def _verdict(patient: _Patient, held: Held) -> Verdict:
    return patient.decision.verdicts[_key(held)]


def _goes(patient: _Patient, held: Held) -> bool:
    return isinstance(_verdict(patient, held), Send)


def _sort_patient(
    patient: _Patient, leads: dict[UUID, Lead], result: SortedOut, *, now: datetime
) -> None:
    going: dict[UUID, list[Held]] = defaultdict(list)
    for held in patient.held:
        verdict = _verdict(patient, held)
        if isinstance(verdict, Send):
            going[held.destination_id].append(held)
            continue
        result.held_back.append((held, verdict))
        if isinstance(verdict, Drop) and verdict.nudge:
            result.overdue.append((held, patient.policy))
    for destination_id, rows in going.items():
        _sort_destination(patient, rows, leads.get(destination_id), result, now=now)


def _sort_destination(
    patient: _Patient,
    rows: Sequence[Held],
    lead: Lead | None,
    result: SortedOut,
    *,
    now: datetime,
) -> None:
    """Make one parcel of what goes to a destination, or let it join the push before."""
    joining = [held for held in rows if _joins(patient, held)]
    leaders = [held for held in rows if lead is not None and held.id == lead.id]
    alone = lead is None or lead.state in {"dead", "dropped"} or bool(leaders)
    if joining and not alone and lead is not None:
        rows = [held for held in rows if held not in joining]
        if lead.state == "sent":
            result.joined += [(held, lead.id) for held in joining]
        else:  # wait for what becomes of it
            soon = now + _ASK_AGAIN
            until = max(lead.wake_at, soon) if lead.state == "ready" else soon
            result.held_back += [(held, Wait(until, _WITH_THE_LEAD)) for held in joining]
    for group in _groups(rows):
        best = next((held for held in group if held in leaders), None)
        result.parcels.append(_parcel(group, best, patient))


def _joins(patient: _Patient, held: Held) -> bool:
    verdict = _verdict(patient, held)
    return isinstance(verdict, Send) and verdict.joins


def _groups(rows: Sequence[Held]) -> Iterable[list[Held]]:
    """Yield what makes one message: what is new, and what an earlier try had together."""
    groups: dict[int | None, list[Held]] = defaultdict(list)
    for held in rows:
        groups[held.lead_id].append(held)
    return groups.values()


def _parcel(group: Sequence[Held], lead: Held | None, patient: _Patient) -> Parcel:
    decision = patient.decision
    leading = [held for held in group if held.id == held.lead_id]
    named = [held for held in group if _key(held) == decision.leads]
    first = lead or next(iter(leading or named), None) or min(group, key=_rank)
    carries = decision.carries if first in named else len(group)
    return Parcel(first, tuple(group), max(carries, len(group)), patient.policy)


def _rank(held: Held) -> tuple[int, datetime, int]:
    return (_candidate(held).priority, held.due_at, held.id)

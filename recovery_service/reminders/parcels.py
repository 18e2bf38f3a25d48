"""Parcels: what is due for one patient at one moment, sorted into single pushes.

The decision is taken per patient, for each reminder once, however many devices it goes to;
then each destination gets one parcel. Another channel that comes a moment later finds the
push in the ledger and joins it, at no further cost to the day.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import (
    Decision,
    Drop,
    Send,
    Verdict,
    Wait,
    decide,
    while_paused,
)
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.reminder_policy import Policy, policy_of
from recovery_service.reminders.candidates import candidate_of, day_of, key_of, paused_until
from recovery_service.reminders.held import Held
from recovery_service.reminders.ledger import (
    Entry,
    Lead,
    Led,
    Page,
    ahead_today,
    habits_of,
    leads_at,
    lock_pages,
    spend,
)

_WITH_THE_LEAD = "with_the_lead"
_ASK_AGAIN = timedelta(seconds=5)
_OVER = frozenset({"dead", "dropped"})
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
    def led(self) -> Led | None:
        """The reminder that leads the push which stands: a new one, or that of the ledger."""
        leads = self.decision.leads
        return Led(leads[0], leads[1]) if isinstance(leads, tuple) else self.page.led


def sort_out(session: Session, held: Sequence[Held], *, now: datetime) -> SortedOut:
    """Decide for each patient what goes out now, and write the ledger."""
    result = SortedOut()
    if not held:
        return result
    patients = _decided(session, held, now=now)
    spend(session, [_entry(each, now=now) for each in patients if each.decision.leads])
    leads = _leads(session, patients, now=now)
    for each in patients:
        _sort_patient(each, leads, result, now=now)
    return result


def _leads(session: Session, patients: Sequence[_Patient], *, now: datetime) -> dict[UUID, Lead]:
    """Return what leads the push at each destination; what is in hand need not be asked for."""
    found: dict[UUID, Lead] = {}
    asked: list[tuple[Held, Led]] = []
    for patient in patients:
        led = patient.led
        if led is None:
            continue
        mine = {(one.occurrence_id, one.round, one.destination_id): one for one in patient.held}
        for one in patient.held:
            if first := mine.get((*led, one.destination_id)):
                found[one.destination_id] = Lead(first.id, "leased", now)
            elif _goes(patient, one):
                asked.append((one, led))
    return found | leads_at(session, asked)


def unsorted(held: Sequence[Held], *, now: datetime) -> SortedOut:
    """Return what goes to a channel that interrupts nobody: all but what a pause holds back."""
    result = SortedOut()
    for each in held:
        until = paused_until(orjson.loads(each.preferences), each.time_zone, now)
        verdict = while_paused(candidate_of(each), until)
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
        day = day_of(
            rows[0], page, preferences, ahead.get(patient_id, ()), habits.get(patient_id), now=now
        )
        candidates = {key_of(one): candidate_of(one) for one in rows}
        decision = decide(policy, day, list(candidates.values()), now=now)
        found.append(_Patient(rows, policy, preferences, page, decision))
    return found


def _with_habits(mine: dict[UUID, list[Held]]) -> list[Held]:
    """Return one delivery of each patient for whom it matters how the last days went."""
    counting = {kind.name for kind in REMINDER_KINDS.values() if kind.counts}
    return [rows[0] for rows in mine.values() if any(one.kind in counting for one in rows)]


def _entry(patient: _Patient, *, now: datetime) -> Entry:
    decision = patient.decision
    led = patient.led
    assert led is not None  # noqa: S101 - a decision that leads names its occurrence
    until = now + patient.policy.bundle_span
    return Entry(patient.page, decision.pushes, decision.breaks, led, until)


def _verdict(patient: _Patient, held: Held) -> Verdict:
    return patient.decision.verdicts[key_of(held)]


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
    first = next((held for held in rows if lead is not None and held.id == lead.id), None)
    if joining and lead is not None and first is None and lead.state not in _OVER:
        rows = [held for held in rows if held not in joining]
        _let_join(joining, lead, result, now=now)
    for group in _groups(rows, first):
        result.parcels.append(_parcel(group, first if first in group else None, patient))


def _let_join(joining: Sequence[Held], lead: Lead, result: SortedOut, *, now: datetime) -> None:
    """Settle what rides with a push that has gone; wait for one that is on its way."""
    if lead.state == "sent":
        result.joined += [(held, lead.id) for held in joining]
        return
    soon = now + _ASK_AGAIN
    until = max(lead.wake_at, soon) if lead.state == "ready" else soon
    result.held_back += [(held, Wait(until, _WITH_THE_LEAD)) for held in joining]


def _joins(patient: _Patient, held: Held) -> bool:
    verdict = _verdict(patient, held)
    return isinstance(verdict, Send) and verdict.joins


def _groups(rows: Sequence[Held], first: Held | None) -> Iterable[list[Held]]:
    """Yield what makes one message: what is new, and what an earlier try had together.

    What is new rides with a push that stands and is only now tried again.
    """
    groups: dict[int | None, list[Held]] = defaultdict(list)
    standing = first.lead_id if first is not None else None
    for held in rows:
        groups[held.lead_id or standing].append(held)
    return groups.values()


def _parcel(group: Sequence[Held], lead: Held | None, patient: _Patient) -> Parcel:
    decision = patient.decision
    leading = [held for held in group if held.id == held.lead_id]
    named = [held for held in group if key_of(held) == decision.leads]
    first = lead or next(iter(leading or named), None) or min(group, key=_rank)
    carries = decision.carries if first in named else len(group)
    return Parcel(first, tuple(group), max(carries, len(group)), patient.policy)


def _rank(held: Held) -> tuple[int, datetime, int]:
    return (candidate_of(held).priority, held.due_at, held.id)

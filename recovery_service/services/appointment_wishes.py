"""What an appointment would say as it stands, and what of that is still to be said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from recovery_service.domain import appointment_reminders
from recovery_service.domain.appointment_reminders import is_notice
from recovery_service.domain.appointment_rules import APPOINTMENT, AppointmentRule, Reminder
from recovery_service.domain.appointments import OUTCOMES
from recovery_service.domain.episodes import SILENCING
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.domain.reminder_policy import Policy, policy_of
from recovery_service.models import Appointment, Clinic, Episode, Patient, Schedule, Site
from recovery_service.services.occurrence_rows import Standing

TO_BOOK = "follow_up"

# Who left the programme is not reminded by it, though the appointment stands.
_LEFT = SILENCING | {"withdrew"}
_NEAR = timedelta(days=1)


class Wish(NamedTuple):
    """What an appointment would say from the beginning, as which kind.

    `tells` says whether the patient is still to hear of a change.
    """

    kind: str
    reminders: Sequence[Reminder]
    tells: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """One appointment's schedule as it stood: rows that were met stand, the rest is owed."""

    schedule: Schedule | None
    owed: Mapping[str, Reminder]
    met: Sequence[Standing]

    @property
    def said(self) -> frozenset[str]:
        """The keys of what a sender has had in hand, or the patient has acted on."""
        return frozenset(row.occ_key for row in self.met)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """The patient who is to be told, and when that may not be."""

    patient: Patient
    policy: Policy
    now: datetime

    @property
    def zone(self) -> str:
        """The zone in which the patient is."""
        return self.patient.time_zone


def listener_of(session: Session, row: Appointment, now: datetime) -> Listener:
    """Return whose appointment it is, with the clinic's policy and the patient's choices."""
    patient = session.get_one(Patient, (row.clinic_id, row.patient_id))
    clinic = session.get_one(Clinic, row.clinic_id)
    policy = policy_of(json.dumps(clinic.reminder_defaults, sort_keys=True))
    return Listener(patient=patient, policy=policy.for_patient(patient.preferences), now=now)


def wish_of(session: Session, row: Appointment, listener: Listener) -> Wish:
    """Return what an appointment would say if nothing had been said yet."""
    episode = session.get_one(Episode, (row.clinic_id, row.episode_id))
    if row.state in OUTCOMES or (episode.state == "ended" and episode.end_reason in _LEFT):
        return Wish(APPOINTMENT, (), tells=False)
    if row.state == "booked" and row.starts_at is not None and row.starts_at > listener.now:
        return Wish(APPOINTMENT, _visits(session, row, row.starts_at, listener))
    if row.state == "to_book" and row.window_from is not None and row.window_to is not None:
        nudges = appointment_reminders.booking_nudges(
            row.window_from,
            row.window_to,
            not_before=episode.discharge_date,
            zone=listener.zone,
        )
        wanted = episode.state == "open" and row.response is None
        return Wish(TO_BOOK, nudges if wanted else ())
    return Wish(APPOINTMENT, ())


def _visits(
    session: Session, row: Appointment, starts_at: datetime, listener: Listener
) -> list[Reminder]:
    site = session.get_one(Site, (row.clinic_id, row.site_id))
    return appointment_reminders.visit_reminders(
        starts_at,
        listener.policy.appointment_offsets,
        site_zone=site.time_zone,
        zone=listener.zone,
        quiet=listener.policy.quiet_hours,
        now=listener.now,
    )


def _news(
    mine: Before, wish: Wish, listener: Listener, told_until: datetime | None
) -> list[Reminder]:
    """Return the notice of this change, or that of an earlier one which is still unsent."""
    if not wish.tells:
        return []
    if told_until is None:
        earlier = [each for key, each in mine.owed.items() if is_notice(key)]
        return [each._replace(due_at=listener.now) for each in earlier]
    told = appointment_reminders.notice(
        told_until,
        now=listener.now,
        zone=listener.zone,
        quiet=listener.policy.quiet_hours,
        taken=mine.said,
    )
    return [] if told is None else [told]


def rule_of(
    mine: Before, wish: Wish, listener: Listener, told_until: datetime | None
) -> AppointmentRule | None:
    """Return what is still to be said; None for nothing."""
    news = _news(mine, wish, listener, told_until)
    late = _late_nudges(mine, wish, now=listener.now) if wish.kind == TO_BOOK else set()
    coming = appointment_reminders.still_to_say(
        [*wish.reminders, *news],
        now=listener.now,
        zone=listener.zone,
        quiet=listener.policy.quiet_hours,
        already=mine.said,
        owed={*mine.owed, *late, *(each.occ_key for each in news)},
    )
    kind = reminder_kind(wish.kind)
    if not coming:
        return None
    return AppointmentRule(reminders=coming, quiet=kind.quiet, priority=kind.priority)


def _late_nudges(mine: Before, wish: Wish, *, now: datetime) -> set[str]:
    """Return the nudges that passed and are owed all the same.

    At the beginning the latest, as of a plan that begins late, unless the next is near; later
    those which a moved window has overtaken before they were said.
    """
    passed = [each.occ_key for each in wish.reminders if each.due_at <= now]
    if mine.schedule is None or mine.schedule.kind != TO_BOOK:
        near = any(now < each.due_at < now + _NEAR for each in wish.reminders)
        return set() if near else set(passed[-1:])
    stages = {_stage(key) for key in mine.owed}
    return {key for key in passed if _stage(key) in stages}


def _stage(occ_key: str) -> str:
    return occ_key.partition("-")[2]

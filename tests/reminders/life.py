"""A patient's life on the real loop: what happens to them, and what the phone did."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from recovery_service.database import few_trips, transaction, within
from recovery_service.domain import notification_ids
from recovery_service.domain.actions import NewAction
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.domain.keys import Keys
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient, PlanItem, PlanRevision, RecoveryPlan
from recovery_service.reminders.channels.protocol import Message, Outcome, Retry, Sent
from recovery_service.services import episodes, profile
from recovery_service.services.agenda import AgendaEntry, agenda
from recovery_service.services.check_ins import Reporter, record_check_in
from recovery_service.services.occurrences import ActionTaken, act
from recovery_service.services.schedules import publish_schedules, replan_episode
from tests.conftest import SECRET
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.diary import Item, Member, Ring
from tests.reminders.memory_channel import MemoryChannel
from tests.reminders.power_cuts import PowerCut, power_cut_at

OUTAGE = timedelta(minutes=5)

# What waits again by a decision was held back from a second try, and was no part of it; what the
# provider was not ready for has the provider's reason.
_MEMBERS = """
SELECT o.lineage_id, o.occ_key, d.cause, o.due_at, o.expires_at, d.attempts, d.id
  FROM delivery d JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE d.id = :id OR d.lead_id = :id AND d.state <> 'dropped'
   AND NOT (d.state = 'ready' AND d.reason IN ('quiet_hours', 'paused', 'over_budget'))
"""

_ENDED = """
SELECT o.lineage_id, o.occ_key, d.cause, o.due_at, o.expires_at, d.reason
  FROM delivery d JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE d.channel = 'webpush' AND d.state IN ('dropped', 'dead') AND d.settled_at = :now
"""

_WAITING = """
SELECT o.lineage_id, o.occ_key, d.cause, o.due_at, o.expires_at, d.reason, d.wake_at, d.attempts
  FROM delivery d JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE d.channel = 'webpush' AND d.state IN ('ready', 'leased')
"""

_NEXT = """
SELECT min(at) FROM (
    SELECT min(next_due_at) FROM schedule
    UNION ALL SELECT min(wake_at) FROM delivery WHERE state IN ('ready', 'leased')
    UNION ALL SELECT min(wake_at) FROM delivery
               WHERE state IN ('ready', 'leased') AND wake_at > :now
    UNION ALL SELECT min(expires_at) FROM occurrence WHERE state IN ('due', 'snoozed')
) moments (at) WHERE at > :now
"""


_SENT = """
SELECT id FROM delivery
 WHERE channel = 'webpush' AND state = 'sent' AND coalesce(lead_id, id) = id
"""

_UNSPOKEN = """
SELECT lineage_id, occ_key FROM occurrence o
 WHERE o.state = 'due' AND o.due_at <= :now
   AND NOT EXISTS (SELECT FROM delivery d WHERE d.clinic_id = o.clinic_id
                      AND d.occurrence_id = o.id AND d.channel = 'webpush')
"""

_SUPERSEDED_BY_NOTHING = """
SELECT o.lineage_id, o.occ_key
  FROM delivery d JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE d.state = 'dropped' AND d.reason = 'superseded' AND d.round >= o.round
   AND NOT EXISTS (SELECT FROM occurrence newer WHERE newer.clinic_id = o.clinic_id
                      AND newer.lineage_id = o.lineage_id AND newer.due_at > o.due_at)
"""


@dataclass
class Life:
    """One patient, what the staff and the patient do, and the worker that reminds."""

    bench: Bench
    clinic: ClinicWithStaff
    patient: PatientAtHome
    out: bool = False
    asked: list[tuple[datetime, str, bool]] = field(default_factory=list)
    revision: int = 0
    plan_id: UUID = field(default_factory=uuid4)

    @classmethod
    def begin(cls, bench: Bench, *, zone: str, discharge: date, surgery: date) -> "Life":
        bench.channels = {name: MemoryChannel(name) for name in ("webpush", "inbox")}
        clinic = bench.clinic()
        patient = bench.patient(clinic, zone=zone, discharge_date=discharge, surgery_date=surgery)
        # How habits taper is told by examples; here every silence is to be explained.
        bench.change(
            clinic.id,
            'UPDATE clinic SET reminder_defaults = \'{"taper_least": 100, "back_off_after": 100}\'',
        )
        life = cls(bench, clinic, patient)
        bench.phone.answer = life._ring
        return life

    @property
    def now(self) -> datetime:
        return self.bench.clock()

    def _ring(self, message: Message) -> Outcome:
        if not message.silent:  # which shows nothing
            self.asked.append((self.now, message.delivery_id, not self.out))
        if self.out:
            return Retry(OUTAGE, "provider_error")
        return Sent(message.delivery_id)

    def allow(self, policy: str) -> None:
        """Let the clinic override defaults."""
        statement = (
            "UPDATE clinic SET reminder_defaults = reminder_defaults || CAST(:policy AS jsonb)"
        )
        self.bench.change(self.clinic.id, statement, policy=policy)

    # --- the worker ------------------------------------------------------------------------

    def tick(self) -> list[Ring]:
        """Let a worker do one pass and return how the phone rang."""
        self.bench.tick()
        return self.rings()

    def tick_until_cut(self, statement: int) -> list[Ring]:
        """Let a worker die at a statement; its lease runs out before the next one."""
        with (
            pytest.MonkeyPatch.context() as patch,
            suppress(PowerCut),
            power_cut_at(statement, patch),
        ):
            self.bench.tick()
        return self.rings()

    def rings(self) -> list[Ring]:
        """Return what the provider was asked for since, with all that it stood for."""
        asked, self.asked = self.asked, []
        return [self._read(at, text, accepted) for at, text, accepted in asked]

    def _read(self, at: datetime, text: str, accepted: bool) -> Ring:
        number = notification_ids.decode(Keys(SECRET), self.clinic.id, text)
        rows = self.bench.rows(_MEMBERS, id=number)
        attempt = next(row[5] for row in rows if row[6] == number)
        members = tuple(_member(row) for row in rows)
        return Ring(at, number, accepted, attempt, members)

    def next_moment(self) -> datetime | None:
        """Return when something is to be done next."""
        found: datetime | None = self.bench.rows(_NEXT, now=self.now)[0][0]
        return found

    def ended_now(self) -> list[tuple[Member, str]]:
        """Return what was given up at this moment, and why."""
        return [(_member(row), row[5]) for row in self.bench.rows(_ENDED, now=self.now)]

    def waiting(self) -> list[tuple[Member, str | None, datetime, int]]:
        """Return what has not been sent yet: why, until when, and how often it was tried."""
        return [(_member(row), *row[5:8]) for row in self.bench.rows(_WAITING)]

    # --- the patient -----------------------------------------------------------------------

    def agenda(self, first: date, last: date) -> list[AgendaEntry]:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            return agenda(
                session, self.clinic.id, self.patient.id, first, last, now=self.now, language="en"
            )

    def act(self, occurrence_id: str, action: Any, **said: Any) -> ActionTaken:
        new = NewAction(id=uuid4(), action=action, at=self.now, **said)
        with self.bench.at_the_clinic(self.clinic.id) as session:
            return act(
                session, self.patient.actor(), occurrence_id, new, now=self.now, language="en"
            )

    def check_in(self, day: date, zone: str, *, sessions: int = 0) -> None:
        new = NewCheckIn(
            id=uuid4(),
            date=day,
            recorded_at=self.now,
            time_zone=zone,
            form_version="1",
            answers={"sessions_done": sessions},
        )
        reporter = Reporter(clinic_id=self.clinic.id, patient_id=self.patient.id, home_zone=zone)
        with self.bench.web.app_context(), within(self.clinic.id):
            content = parts().content
            record_check_in(few_trips, transaction, content, reporter, new, now=self.now)

    def prefer(self, **preferences: Any) -> None:
        self._change(profile.ProfileChange(preferences=preferences))

    def travel(self, zone: str) -> None:
        self._change(profile.ProfileChange(time_zone=zone))

    def _change(self, change: profile.ProfileChange) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            actor = self.patient.actor()
            profile.change_profile(session, actor, self.patient.id, change, now=self.now)

    # --- the staff -------------------------------------------------------------------------

    def publish(self, items: Sequence[Item], effective_from: date) -> None:
        """Make a new revision of the plan live."""
        with self.bench.at_the_clinic(self.clinic.id) as session:
            rows = self._write_revision(session, items, effective_from)
            episode, person = self._people(session)
            if episode.state == "open":
                publish_schedules(
                    session, episode, person, rows, effective_from=effective_from, now=self.now
                )

    def _write_revision(
        self, session: Session, items: Sequence[Item], effective_from: date
    ) -> list[PlanItem]:
        key: dict[str, Any] = {"clinic_id": self.clinic.id}
        stamps = {"created_at": self.now, "updated_at": self.now}
        if not self.revision:
            session.add(
                RecoveryPlan(
                    **key, id=self.plan_id, episode_id=self.patient.episode_id,
                    template_code="own", template_version=1, template_hash="0" * 64,
                    created_at=self.now,
                )
            )  # fmt: skip
        session.execute(
            update(PlanRevision).filter_by(**key, state="live").values(state="superseded")
        )
        session.flush()
        self.revision += 1
        number = uuid4()
        session.add(
            PlanRevision(
                **key, id=number, plan_id=self.plan_id, number=self.revision, state="live",
                effective_from=effective_from, published_at=self.now, **stamps,
            )
        )  # fmt: skip
        session.flush()
        rows = [
            PlanItem(
                **key, id=uuid4(), revision_id=number, lineage_id=item.lineage, position=place,
                code=f"i{item.lineage.hex[:8]}", kind=item.kind, title={"en": "It"},
                rule=item.rule(),
            )
            for place, item in enumerate(items)
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        return rows

    def _people(self, session: Session) -> tuple[Episode, Patient]:
        return (
            session.get_one(Episode, (self.clinic.id, self.patient.episode_id)),
            session.get_one(Patient, (self.clinic.id, self.patient.id)),
        )

    def move_discharge(self, to: date) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            episode, person = self._people(session)
            episode.discharge_date = to
            session.flush()
            replan_episode(session, episode, person, now=self.now)

    def hold(self) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            episode, person = self._people(session)
            episodes.hold_episode(
                session, self.clinic.actor(), episode, person,
                reason="readmitted", held_from=None, now=self.now,
            )  # fmt: skip

    def release(self) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            episode, person = self._people(session)
            episodes.release_episode(
                session, self.clinic.actor(), episode, person, on=None, now=self.now
            )

    def end(self, reason: str = "completed") -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            episode, person = self._people(session)
            episodes.end_episode(
                session, self.clinic.actor(), episode, person, reason=reason, on=None, now=self.now
            )

    # --- the books -------------------------------------------------------------------------

    def rows(self) -> dict[tuple[UUID, str], tuple[str, str | None, datetime, datetime]]:
        """Return state, reason, due and expiry of every occurrence."""
        found = self.bench.rows(
            "SELECT lineage_id, occ_key, state, reason, due_at, expires_at FROM occurrence"
        )
        return {(row[0], row[1]): tuple(row[2:]) for row in found}

    def sent(self) -> set[int]:
        """Return the deliveries that are said to have rung."""
        return {row[0] for row in self.bench.rows(_SENT)}

    def unspoken(self) -> list[tuple[UUID, str]]:
        """Return what is due and was never meant to be heard on the phone."""
        return self.bench.rows(_UNSPOKEN, now=self.now)

    def superseded_by_nothing(self) -> list[Any]:
        """Return what was dropped for something newer that is not there."""
        return self.bench.rows(_SUPERSEDED_BY_NOTHING)


def _member(row: Any) -> Member:
    return Member((row[0], row[1]), row[2], row[3], row[4])

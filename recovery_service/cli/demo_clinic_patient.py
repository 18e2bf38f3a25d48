"""One of the demo's patients: what is done, by the services that everybody uses."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.cli.demo_clinic_people import Story
from recovery_service.cli.demo_clinic_reports import answers_of
from recovery_service.database import few_trips, transaction
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.actions import NewAction
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import NewEpisode
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import RecoveryError
from recovery_service.models import Episode, Patient
from recovery_service.services import plan_drafts, plan_edits, templates
from recovery_service.services.addresses import NewAddress, replace_addresses
from recovery_service.services.agenda import agenda
from recovery_service.services.check_ins import Reporter, record_check_in
from recovery_service.services.devices import NewDevice
from recovery_service.services.occurrences import act
from recovery_service.services.patients import NewPatient, register_patient
from recovery_service.services.publishing import Publication, publish
from recovery_service.services.redemption import NewEnrolment, redeem_code
from recovery_service.services.schedules import items_of
from recovery_service.services.tokens import Issuer

DAY = timedelta(days=1)
# What one is told to avoid or to mind is ticked off less often than what one does.
_RARELY = 0.25
_DONE_GLADLY = ("physiotherapy", "walking")


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The clinic as those who work there stand in it."""

    clinic_id: UUID
    staff: dict[str, Actor]
    sites: dict[str, UUID]
    issuer: Issuer
    content: Content


class DemoPatient:
    """One patient; each method is something that happens at an instant."""

    def __init__(self, floor: Floor, story: Story, *, discharged: date) -> None:
        self.story = story
        self._floor = floor
        self._discharged = discharged
        self._surgery = discharged - timedelta(days=story.stay)
        self._chance = Random(story.name)  # noqa: S311 - the same history at every time
        self._zone = story.site
        self._code: str | None = None
        self._patient_id = self._episode_id = self._device_id = UUID(int=0)

    def register(self, now: datetime) -> None:
        """Store the patient; a plan that nobody publishes is drafted at once."""
        story = self.story
        new = NewPatient(
            name=story.name,
            date_of_birth=story.born,
            time_zone=story.site,
            locale=story.locale,
            contact_mode=story.contact_mode,
            phone=story.phone,
            care_team=[_id(self._floor.staff[role]) for role in ("physiotherapist", "surgeon")],
            episode=self._operation(),
        )
        with self._open() as session:
            made = register_patient(
                session,
                self._floor.staff["coordinator"],
                self._floor.issuer.keys,
                self._floor.content,
                new,
                now=now,
            )
            self._patient_id, self._episode_id = made.patient.id, made.episode.id
            if story.phone is not None:  # for calls; nobody here wants text messages
                address = NewAddress(channel="sms", value=story.phone, opted_out=True)
                replace_addresses(session, made.patient, [address], now=now)
        self._code = made.enrolment_code
        if not story.published:
            self._draft(now)

    def _operation(self, **more: Any) -> NewEpisode:
        story = self.story
        values: dict[str, Any] = {
            "procedure": story.procedure,
            "levels": story.levels,
            "side": story.side,
            "surgery_date": self._surgery,
            "discharge_date": self._discharged,
            "baseline": dict(story.baseline),
            "site": self._floor.sites[story.site],
        }
        return NewEpisode(**values | more)

    def _draft(self, now: datetime) -> None:
        """Begin the plan; nobody here has asked for reminders to get up from the chair."""
        with self._open() as session:
            episode = self._episode(session)
            template = templates.default_for(session, self._floor.content, episode)
            draft = plan_drafts.draft_from_template(
                session, self._physiotherapist, episode, template, now=now
            )
            for item in items_of(session, draft):
                if item.rule["remind_via"] == "device":
                    plan_edits.remove_item(session, draft, item.lineage_id, now=now)

    def publish(self, now: datetime) -> None:
        """Draft the plan and let it reach the patient."""
        self._draft(now)
        self._make_live(now)

    def _make_live(self, now: datetime) -> None:
        with self._open() as session:
            episode = self._episode(session)
            publish(
                session,
                self._physiotherapist,
                episode,
                self._patient(session),
                self._floor.content,
                Publication(),
                now=now,
            )

    def enrol(self, now: datetime) -> None:
        """Redeem the code on the patient's phone."""
        self._device_id = new_id(now=now)
        device = NewDevice(
            id=self._device_id,
            name=f"{self.story.name.split()[0]}'s phone",
            platform=self._chance.choice(("ios", "android")),
            time_zone=self._zone,
            locale=self.story.locale,
            app_version="1.0.0",
        )
        enrolment = NewEnrolment(
            code=self._code or "",
            date_of_birth=self.story.born,
            device=device,
            consents=(("privacy", "1"),),
        )
        with self._open() as session:
            outcome = redeem_code(
                session,
                self._floor.issuer,
                self._floor.clinic_id,
                enrolment,
                request_id=None,
                now=now,
            )
        if isinstance(outcome, RecoveryError):
            raise outcome

    def do_what_is_due(self, day: int, now: datetime, kinds: Container[str]) -> None:
        """Let the patient tick off some of what waits, of some kinds."""
        local_day = self._discharged + day * DAY
        key = (self._floor.clinic_id, self._patient_id)
        with self._open() as session:
            entries = agenda(session, *key, local_day, local_day, now=now, language="en")
            for entry in entries:
                if entry.state == "due" and entry.kind in kinds and self._feels_like(entry.kind):
                    self._complete(session, entry.id, now)

    def _feels_like(self, kind: str) -> bool:
        usual = self.story.diligence
        return self._chance.random() < (usual if kind in _DONE_GLADLY else usual * _RARELY)

    def _complete(self, session: Session, occurrence_id: str, now: datetime) -> None:
        action = NewAction(
            id=new_id(now=now),
            action="complete",
            at=now - timedelta(minutes=self._chance.randrange(1, 9)),
        )
        act(session, self._phone, occurrence_id, action, now=now, language=self.story.locale)

    def reports_on(self, day: int) -> bool:
        """Say whether a check-in is due on a day since discharge."""
        since = (self._discharged + day * DAY - self._surgery).days
        return self._floor.content.check_ins.is_due(since)

    def report(self, day: int, now: datetime) -> None:
        """Send a check-in, by the phone or by the physiotherapist who rang up."""
        if not self.reports_on(day):
            return
        catalogue = self._floor.content.check_ins
        local_day = self._discharged + day * DAY
        since = (local_day - self._surgery).days
        by_staff = not self.story.enrols
        new = NewCheckIn(
            id=new_id(now=now),
            date=local_day,
            recorded_at=now,
            time_zone=self._zone,
            form_version=catalogue.form_version,
            answers=answers_of(
                self.story, day, catalogue, since_surgery=since, chance=self._chance
            ),
            source="staff_phone" if by_staff else "app",
            reported_by=self.story.name if by_staff else None,
        )
        reporter = Reporter(
            clinic_id=self._floor.clinic_id,
            patient_id=self._patient_id,
            home_zone=self._zone,
            episode_id=self._episode_id if by_staff else None,
            entered_by=_id(self._physiotherapist) if by_staff else None,
            device_id=None if by_staff else self._device_id,
        )
        record_check_in(few_trips, self._open, self._floor.content, reporter, new, now=now)

    def _open(self) -> Any:
        return transaction(self._floor.clinic_id)

    def _episode(self, session: Session) -> Episode:
        return session.get_one(Episode, (self._floor.clinic_id, self._episode_id))

    def _patient(self, session: Session) -> Patient:
        return session.get_one(Patient, (self._floor.clinic_id, self._patient_id))

    @property
    def _physiotherapist(self) -> Actor:
        return self._floor.staff["physiotherapist"]

    @property
    def _phone(self) -> Actor:
        return Actor(
            clinic_id=self._floor.clinic_id,
            kind="patient",
            id=self._patient_id,
            roles=frozenset({Role.PATIENT}),
            device_id=self._device_id,
        )


def _id(actor: Actor) -> UUID:
    assert actor.id is not None  # noqa: S101 - a colleague has an id
    return actor.id
